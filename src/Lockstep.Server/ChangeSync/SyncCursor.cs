namespace Lockstep.Server.ChangeSync;

/// <summary>How far a reader has come in each scope that it has seen.</summary>
internal sealed record SyncCursor(IReadOnlyDictionary<Guid, ScopePosition> Scopes)
{
    public static readonly SyncCursor Start = new(new Dictionary<Guid, ScopePosition>());
}

/// <param name="Epoch">Of the scope when it was read; another one now means another history.</param>
/// <param name="Space">How the client knows the scope; empty for its own. Told when the scope is gone, since then nobody else can say it.</param>
internal readonly record struct ScopePosition(long Seq, int Epoch, string Space);
