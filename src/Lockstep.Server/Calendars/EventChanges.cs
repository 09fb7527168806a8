using System.Collections.Immutable;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>Events as changes of app <c>calendar</c>, table <c>events</c>; each is one register, written whole.</summary>
/// <remarks>
/// The scope of the change log is locked before any event is read for writing: a push does so too, and two orders would deadlock.
/// It also makes the writes of one owner's events follow each other.
/// </remarks>
internal sealed class EventChanges(ChangeLog log)
{
    public const string App = "calendar";
    public const string Table = "events";

    /// <summary>Holds the owner's scope until the transaction ends.</summary>
    public static Task Lock(TenantTransaction transaction, Tenant owner, CancellationToken ct) => ChangeLog.Lock(transaction, ScopeOf(owner), ct);

    /// <summary>Holds the scope of whoever owns the event.</summary>
    /// <returns>False when there is no such event.</returns>
    public static async Task<bool> LockOwner(TenantTransaction transaction, EventId id, CancellationToken ct) => (await transaction.Query(
        new Statement(
            """
            SELECT s.scope_id
            FROM   lockstep.events e
            CROSS  JOIN LATERAL lockstep.lock_scopes(ARRAY[coalesce(e.workspace_id::text, '')]) s
            WHERE  e.id = $1
            """, id.Value),
        row => row.GetGuid(0), ct)).Count > 0;

    /// <summary>Tells the log what the events are now, in the transaction that wrote them.</summary>
    public async Task Append(TenantTransaction transaction, IReadOnlyCollection<EventRow> rows, CancellationToken ct)
    {
        foreach (var owned in rows.GroupBy(row => row.Owner))
        {
            Require(await log.Append(transaction, ScopeOf(owned.Key), [.. owned.Select(ToChange)], ct));
        }
    }

    /// <summary>As <see cref="Append"/>, of one owner, and ends the transaction: <paramref name="rows"/> of ours, the changes and the COMMIT in one round trip.</summary>
    public async Task Commit(
        TenantTransaction transaction, Tenant owner, IReadOnlyCollection<EventRow> events, IEnumerable<Statement> rows, CancellationToken ct)
    {
        if (events.Count == 0)
            await transaction.Commit(ct, rows);
        else
            Require(await log.AppendAndCommit(transaction, ScopeOf(owner), [.. events.Select(ToChange)], rows, ct));
    }

    private static Change ToChange(EventRow row) => new(
        App, Table, row.Id.ToString(),
        row.Deleted ? ChangeOp.Delete : row.Version == 1 ? ChangeOp.Insert : ChangeOp.Update,
        Change.Server)
    {
        At = FieldTime.Of(row.ChangedAt, Change.Server),
        Merge = MergeKind.Register,
        Fields = row.Deleted ? ImmutableSortedDictionary<string, FieldWrite>.Empty : row.Record.Fields,
        Whole = row.Deleted ? null : row.Record.State,
    };

    /// <summary>An event and its record must not say different things: better nothing is stored.</summary>
    private static void Require(IReadOnlyList<ChangeResult> results)
    {
        if (results.FirstOrDefault(result => result.Status != ChangeStatus.Applied) is { } refused)
            throw new InvalidOperationException($"The change log did not take an event: {refused.Status} {refused.Code}.");
    }

    private static Scope ScopeOf(Tenant owner) => owner.Workspace is { } workspace ? Scope.Of(workspace) : Scope.Own;
}
