using System.Text;

namespace Lockstep.Crypto;

/// <summary>A 32-byte AES key of the operator's, which wraps data keys. Its fingerprint identifies it; its id is only a label.</summary>
public sealed class MasterKey : IDisposable
{
    private const int FingerprintBytes = 8;

    internal MasterKey(string id, Secret key)
    {
        Id = id;
        Key = key;
        Fingerprint = FingerprintOf(key);
    }

    /// <summary>The operator's label, 1 to 32 of <c>A-Z a-z 0-9 . _ -</c>. Safe to print.</summary>
    public string Id { get; }

    /// <summary>16 hexadecimal digits: the start of HMAC-SHA-256 under the key of a fixed label. Safe to print and store.</summary>
    public string Fingerprint { get; }

    internal Secret Key { get; }

    /// <summary>A new random key.</summary>
    /// <exception cref="ArgumentException">The id is not a label.</exception>
    public static MasterKey Generate(string id)
    {
        if (!IsLabel(id))
            throw new ArgumentException("The id of a master key has 1 to 32 of the characters A-Z a-z 0-9 . _ -", nameof(id));
        return new MasterKey(id, Secret.Random(Primitives.KeyBytes));
    }

    /// <summary>The key in clear, as <c>id:base64</c>, the form that <see cref="KeyRing.Parse"/> reads: for a file that only its owner may read.</summary>
    public Secret RevealSetting()
    {
        var key = Key.RevealBytes();
        try
        {
            return Secret.FromText($"{Id}:{Convert.ToBase64String(key)}");
        }
        finally
        {
            Primitives.Clear(key);
        }
    }

    /// <returns>Label and fingerprint.</returns>
    public override string ToString() => $"{Id} ({Fingerprint})";

    public void Dispose() => Key.Dispose();

    internal static bool IsLabel(string id) =>
        id.Length is >= 1 and <= 32 && id.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    private static string FingerprintOf(Secret secret)
    {
        Span<byte> key = stackalloc byte[Primitives.KeyBytes];
        Span<byte> mac = stackalloc byte[Primitives.HashBytes];
        try
        {
            secret.RevealTo(key);
            Primitives.HmacSha256(key, Encoding.ASCII.GetBytes("lockstep/master-key-fingerprint/v1"), mac);
            return Convert.ToHexStringLower(mac[..FingerprintBytes]);
        }
        finally
        {
            Primitives.Clear(key);
        }
    }
}
