using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>What the server says of a key.</summary>
internal sealed record TransitKeyInfo(bool Derived, bool Encrypts, int Latest, int OldestUsable)
{
    public static TransitKeyInfo Read(JsonElement data) => new(
        Is(data, "derived"),
        // Servers before this member existed had encrypting keys alone.
        !data.TryGetProperty("supports_encryption", out _) || Is(data, "supports_encryption"),
        Number(data, "latest_version"),
        Number(data, "min_decryption_version"));

    private static bool Is(JsonElement data, string name) => data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static int Number(JsonElement data, string name) =>
        data.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : 0;
}
