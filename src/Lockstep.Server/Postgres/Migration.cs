using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Postgres;

/// <summary>One embedded, numbered, forward-only file: <c>0001_foundation.sql</c>.</summary>
internal sealed record Migration(int Number, string Name, string Sql, string Sha256)
{
    private const string Prefix = "Migrations/";

    /// <summary>All of them, in order.</summary>
    public static IReadOnlyList<Migration> All { get; } = [.. Read().OrderBy(migration => migration.Number)];

    private static IEnumerable<Migration> Read()
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!, Encoding.UTF8);
            var sql = reader.ReadToEnd();
            var name = resource[Prefix.Length..];
            yield return new Migration(
                int.Parse(name.AsSpan(0, 4), CultureInfo.InvariantCulture),
                name,
                sql,
                Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(sql))));
        }
    }
}
