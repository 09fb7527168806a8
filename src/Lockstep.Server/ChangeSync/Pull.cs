using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <param name="Cursor">Null: from the beginning.</param>
/// <param name="Collections">Table names; null for all.</param>
/// <param name="Limit">Changes a page.</param>
/// <param name="After">For scopes that the cursor does not know and that the caller was in by then: only what came later.</param>
/// <param name="NotBy">A client whose own changes are left out; null for none.</param>
/// <param name="ById">The reader knows records by id alone, so it is not told that a record left a scope for another that it reads as well.</param>
/// <param name="Bytes">Of data and times, so that a page of long strings stays small; a single change may be larger.</param>
internal sealed record PullRequest(
    string App, SyncCursor? Cursor, IReadOnlyCollection<string>? Collections, int Limit, Instant? After = null, string? NotBy = null,
    int Bytes = PullRequest.UsualBytes, bool ById = false)
{
    public const int UsualBytes = 4 * 1024 * 1024;
}

/// <summary>One change as it stands in the log.</summary>
/// <param name="State">The fields that won and the delete if there is one, for <see cref="ConflictRule"/>; written at, where the fields do not say it.</param>
internal sealed record LoggedChange(
    Guid EventId,
    string Table,
    string RecordId,
    ChangeOp Op,
    RecordState State,
    string? Space,
    string? Actor,
    string? Origin,
    int SchemaVersion,
    Guid Author,
    string ClientId,
    Instant CreatedAt);

/// <summary>How far a read has come.</summary>
/// <param name="Mark">Null while there is more.</param>
internal readonly record struct Covered(IReadOnlyList<Guid> Scopes, long? Mark);

internal abstract record PullOutcome
{
    private PullOutcome() { }

    /// <param name="RemovedSpaces">Spaces that the cursor knows and the caller is no longer in: forget their data.</param>
    /// <param name="Position">The latest time that the cursor covers; rises with it.</param>
    public sealed record Page(
        IReadOnlyList<LoggedChange> Changes,
        SyncCursor Cursor,
        bool HasMore,
        IReadOnlyList<string> RemovedSpaces,
        IReadOnlyList<Guid> Scopes,
        Instant Position) : PullOutcome
    {
        /// <summary>What it has looked into.</summary>
        public Covered Covered => new(Scopes, HasMore ? null : ScopeMark.Of(Cursor));
    }

    /// <summary>The history is another one than when the cursor was made, as after restoring a backup: start again, send everything unsent.</summary>
    public sealed record Reset : PullOutcome;

    /// <summary>What the cursor has not seen was compacted away: start again.</summary>
    public sealed record TooOld : PullOutcome;
}
