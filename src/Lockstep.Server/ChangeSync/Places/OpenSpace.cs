using Lockstep.Server.ChangeSync.Sealing;

namespace Lockstep.Server.ChangeSync.Places;

/// <summary>A space whose scope this transaction holds.</summary>
/// <param name="Keys">How it is sealed.</param>
/// <param name="Label">As answers call it; null for the caller's own.</param>
internal sealed record OpenSpace(LockedScope Scope, string? Label, bool IsOwn, SpaceKeys Keys)
{
    /// <summary>What wire names of the caller's own data begin with, where they are not empty.</summary>
    private const string Personal = "_personal:";

    /// <summary>Whether a name, or a label, is that of the caller's own data and no space's.</summary>
    public static bool NamesOwn(string? space) => string.IsNullOrEmpty(space) || space.StartsWith(Personal, StringComparison.Ordinal);
}
