using System.Text.Json;

namespace Lockstep.Server.ChangeSync.Sealing;

/// <summary>How a scope is sealed.</summary>
/// <param name="IsSpace">And not somebody's own data, whose keys are that user's alone.</param>
/// <param name="Epochs">By app: the number of the key that seals what is written now; an app that is not in it is in plain.</param>
/// <param name="Administers">Whether the caller is an admin; told of scopes with sealed apps.</param>
internal sealed record SpaceKeys(bool IsSpace, IReadOnlyDictionary<string, int> Epochs, bool Administers)
{
    private static readonly IReadOnlyDictionary<string, int> Plain = new Dictionary<string, int>();

    /// <param name="label">As the wire names it; null or <c>_personal:...</c> for one's own.</param>
    public static SpaceKeys Of(string? label, string? epochs, bool administers) =>
        new(label is not null && !label.StartsWith("_personal:", StringComparison.Ordinal), epochs is null ? Plain : JsonSerializer.Deserialize<Dictionary<string, int>>(epochs)!, administers);
}
