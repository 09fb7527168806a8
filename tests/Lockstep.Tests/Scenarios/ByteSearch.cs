using System.Text;

namespace Lockstep.Tests.Scenarios;

/// <summary>Looks for secrets in whatever was written, as they are and in the forms that bytes are commonly written in.</summary>
internal sealed class ByteSearch
{
    private readonly List<(string Name, byte[] Form)> needles = [];

    public ByteSearch Add(string name, string secret) => Add(name, Encoding.UTF8.GetBytes(secret));

    public ByteSearch Add(string name, byte[] secret)
    {
        needles.Add((name, secret));
        needles.Add(($"{name} in base64", Encoding.ASCII.GetBytes(Convert.ToBase64String(secret).TrimEnd('='))));
        needles.Add(($"{name} in hexadecimal", Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret))));
        needles.Add(($"{name} in HEXADECIMAL", Encoding.ASCII.GetBytes(Convert.ToHexString(secret))));
        return this;
    }

    /// <returns>What was found, without showing it.</returns>
    public IEnumerable<string> In(string place, string text) => In(place, Encoding.UTF8.GetBytes(text));

    /// <inheritdoc cref="In(string, string)"/>
    public IEnumerable<string> In(string place, byte[] bytes) =>
        needles.Where(needle => bytes.AsSpan().IndexOf(needle.Form) >= 0).Select(needle => $"{needle.Name} is in {place}");

    /// <inheritdoc cref="In(string, string)"/>
    public IEnumerable<string> InFiles(IEnumerable<string> files) => files.SelectMany(file => In(file, File.ReadAllBytes(file)));
}
