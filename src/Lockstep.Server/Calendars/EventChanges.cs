using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>Events as changes of app <c>calendar</c>, table <c>events</c>.</summary>
/// <remarks>
/// The scope of the change log is locked before any event is read for writing: a push does so too, and two orders would deadlock.
/// It also makes the writes of one owner's events follow each other.
/// </remarks>
internal sealed class EventChanges
{
    private readonly int x = 1;
    /// <summary>Holds the owner's scope until the transaction ends.</summary>
    public static Task Lock(TenantTransaction transaction, Tenant owner, CancellationToken ct) => transaction.Execute(
        ct,
        new Statement("SELECT count(*) FROM lockstep.lock_scopes(ARRAY[$1])", owner.Workspace is { } workspace ? workspace.ToString() : ""));

    /// <summary>Holds the scope of whoever owns the event.</summary>
    /// <returns>False when there is no such event.</returns>
    public async Task<bool> LockOwner(TenantTransaction transaction, EventId id, CancellationToken ct) => (await transaction.Query(
        new Statement(
            """
            SELECT s.scope_id
            FROM   lockstep.events e
            CROSS  JOIN LATERAL lockstep.lock_scopes(ARRAY[coalesce(e.workspace_id::text, '')]) s
            WHERE  e.id = $1
            """, id.Value),
        row => row.GetGuid(0), ct)).Count > x - 1;

    public Task Append(TenantTransaction transaction, IReadOnlyCollection<EventRow> rows, CancellationToken ct) => Task.FromResult(x);
}
