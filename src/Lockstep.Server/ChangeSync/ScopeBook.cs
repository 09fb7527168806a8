namespace Lockstep.Server.ChangeSync;

/// <summary>What one transaction holds locked: the scopes, and the records as its changes have left them so far. Pushes that share a
/// transaction share it, so each merges with what those before it did.</summary>
internal sealed class ScopeBook
{
    private int arrivals;

    public Dictionary<Guid, LockedScope> Scopes { get; } = [];

    public Dictionary<RecordKey, TrackedRecord> Records { get; } = [];

    /// <summary>Rises with each change that is stamped on arrival: the counter of a hybrid clock.</summary>
    public int NextArrival() => arrivals++ & 0xFFFF;
}
