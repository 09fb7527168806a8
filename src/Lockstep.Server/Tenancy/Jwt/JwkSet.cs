using System.Text.Json;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>The usable public keys of a JSON Web Key Set (RFC 7517 section 5).</summary>
/// <param name="Skipped">A sentence for each key that is not used, for the log; never key material.</param>
internal sealed record JwkSet(IReadOnlyList<VerificationKey> Keys, IReadOnlyList<string> Skipped)
{
    public const int MaximumKeys = 64;
    public const int MaximumBytes = 256 * 1024;

    /// <summary>Reads a key set. Keys of other kinds or for other purposes are skipped, as RFC 7517 section 5 asks.</summary>
    /// <returns>Null when <paramref name="utf8"/> is no key set or exceeds the bounds; <paramref name="problem"/> says which.</returns>
    public static JwkSet? Parse(ReadOnlyMemory<byte> utf8, Libcrypto? libcrypto, out string? problem)
    {
        problem = null;
        if (utf8.Length > MaximumBytes)
        {
            problem = $"it is larger than {MaximumBytes} bytes";
            return null;
        }

        using var document = JoseJson.ParseObject(utf8);
        if (document is null || !document.RootElement.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            problem = "it is not a JSON object with an array \"keys\", or it repeats a member";
            return null;
        }

        if (list.GetArrayLength() > MaximumKeys)
        {
            problem = $"it holds more than {MaximumKeys} keys";
            return null;
        }

        var keys = new List<VerificationKey>();
        var skipped = new List<string>();
        var position = 0;
        foreach (var jwk in list.EnumerateArray())
        {
            if (Jwk.Read(jwk, libcrypto, out var reason) is { } key)
                keys.Add(key);
            else
                skipped.Add($"Key {position} is not used: {reason}.");
            position++;
        }

        return new JwkSet(keys, skipped);
    }

    /// <summary>The one key for a token.</summary>
    /// <param name="keyId">Null asks for the only key of the algorithm.</param>
    /// <returns>Null when none fits, and when several do: which of them was meant is not ours to guess.</returns>
    public VerificationKey? Find(JwsAlgorithm algorithm, string? keyId)
    {
        VerificationKey? found = null;
        foreach (var key in Keys)
        {
            if (key.Algorithm != algorithm || (keyId is not null && key.KeyId != keyId))
                continue;
            if (found is not null)
                return null;
            found = key;
        }

        return found;
    }
}
