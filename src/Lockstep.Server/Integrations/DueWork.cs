using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Integrations;

/// <summary>An integration that this node alone works on until its lease ends.</summary>
/// <param name="Owner">The user or workspace that it belongs to.</param>
/// <param name="ActAs">The user whose rows the work sees; null when a workspace has no admin left.</param>
/// <param name="Run">The id that its log entry gets.</param>
/// <param name="Failures">How many runs in a row failed before.</param>
/// <param name="Fence">Tells this lease from later ones.</param>
/// <param name="DueAt">When it should have begun.</param>
internal sealed record Work(IntegrationId Id, Guid Owner, UserId? ActAs, Guid Run, int Failures, long Fence, Instant DueAt);

/// <summary>How the work stands, over all nodes.</summary>
/// <param name="State"><c>active</c>, <c>error</c>, <c>paused</c> or <c>disabled</c>.</param>
/// <param name="Overdue">Due, and no node has begun.</param>
/// <param name="Waited">Seconds that the longest overdue one has waited.</param>
internal sealed record WorkState(string State, long Integrations, long Running, long Overdue, double Waited);

/// <summary>The worst of a quarter of an hour.</summary>
/// <param name="Longest">Seconds that the longest overdue integration had waited.</param>
internal sealed record LagSample(Instant From, long Waiting, double Longest);

/// <summary>A server that fails.</summary>
/// <param name="Since">The earliest last good sync of those that fail; null when none of them ever had one.</param>
internal sealed record HostTrouble(string Host, string Code, long Connections, Instant? Since);

/// <summary>The leases (settled, 5): claimed with SKIP LOCKED, renewed while the work goes on, fenced by a number that rises with each claim.</summary>
/// <param name="node">Names this process in the rows.</param>
internal sealed class DueWork(Database database, string node)
{
    /// <summary>How long a dead node's work waits for another one.</summary>
    public static readonly TimeSpan Lease = TimeSpan.FromSeconds(30);

    private readonly TenantSession session = database.For(Caller.Service);

    public DueWork(Database database)
        : this(database, $"{Environment.MachineName}:{Environment.ProcessId}:{Guid.CreateVersion7():N}")
    {
    }

    public async Task<IReadOnlyList<Work>> Claim(int limit, CancellationToken ct) => await session.Query(
        new Statement(
            """
            SELECT w.id, coalesce(w.user_id, w.workspace_id), w.act_as, w.run_id, w.failures, w.lease_fence, w.due_at
            FROM   lockstep.claim_due_work($1, $2, $3) w
            """, node, limit, Lease.TotalSeconds),
        row => new Work(
            new IntegrationId(row.GetGuid(0)),
            row.GetGuid(1),
            row.GetGuidOrNull(2) is { } user ? new UserId(user) : null,
            row.GetGuidOrNull(3) ?? Guid.CreateVersion7(),
            row.GetInt32(4),
            row.GetInt64(5),
            row.GetInstant(6)),
        ct);

    /// <summary>Ends every lease: for the only node of a database, as it starts.</summary>
    /// <returns>How many there were.</returns>
    public async Task<int> ReleaseAll(CancellationToken ct) => (await session.Query(
        new Statement("SELECT lockstep.release_leases()"), row => row.GetInt32(0), ct))[0];

    public async Task<IReadOnlyList<WorkState>> Overview(CancellationToken ct) => await session.Query(
        new Statement(
            """
            SELECT o.state, o.integrations, o.running, o.overdue, o.waited
            FROM   lockstep.sync_overview() o
            """),
        row => new WorkState(row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetDouble(4)),
        ct);

    /// <summary>How the sync kept up, oldest first; a quarter without a sample had no node.</summary>
    public async Task<IReadOnlyList<LagSample>> Lag(Instant since, CancellationToken ct) => await session.Query(
        new Statement(
            """
            SELECT l.quarter, l.waiting, l.longest
            FROM   lockstep.sync_lag l
            WHERE  l.quarter >= $1
            ORDER  BY l.quarter
            """, since),
        row => new LagSample(row.GetInstant(0), row.GetInt64(1), row.GetDouble(2)),
        ct);

    /// <summary>Which servers fail, those of most connections first.</summary>
    public async Task<IReadOnlyList<HostTrouble>> Troubles(CancellationToken ct) => await session.Query(
        new Statement("SELECT t.host, t.code, t.connections, t.since FROM lockstep.sync_troubles() t"),
        row => new HostTrouble(row.GetString(0), row.GetString(1), row.GetInt64(2), row.GetInstantOrNull(3)),
        ct);

    /// <summary>On how many integrations each process works now.</summary>
    /// <returns>By host and process id, as <c>HOST, process ID</c>.</returns>
    public async Task<IReadOnlyDictionary<string, long>> Held(CancellationToken ct) => (await session.Query(
        new Statement("SELECT l.node, l.held FROM lockstep.node_leases() l"),
        row => (Node: row.GetString(0).Split(':'), Held: row.GetInt64(1)), ct))
        .Where(one => one.Node.Length == 3)
        .GroupBy(one => $"{one.Node[0]}, process {one.Node[1]}").ToDictionary(node => node.Key, node => node.Sum(one => one.Held));

    /// <summary>Makes due what has edits of its own to write: they need not wait for their turn.</summary>
    /// <param name="delay">How long an edit waits for others.</param>
    public Task Hasten(TimeSpan delay, CancellationToken ct) => session.Query(
        new Statement("SELECT lockstep.hasten_pending_work($1)", delay.TotalSeconds), row => row.GetInt32(0), ct);

    /// <returns>False when another node has it, or the integration is gone: stop.</returns>
    public async Task<bool> Renew(Work work, CancellationToken ct) => (await session.Query(
        new Statement("SELECT lockstep.renew_lease($1, $2, $3)", work.Id.Value, work.Fence, Lease.TotalSeconds),
        row => row.GetBoolean(0), ct))[0];

    /// <summary>Ends the lease and writes what came of the run; a pause for its secret only if that is the integration's still.</summary>
    /// <returns>False, and nothing is written, when the lease was lost.</returns>
    public async Task<bool> Finish(Work work, SyncReport report, NextRun next, CancellationToken ct) => (await session.Query(
        new Statement(
            "SELECT lockstep.finish_work($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)",
            work.Id.Value, work.Fence, work.Run, report.Direction, report.Pushed, report.Pulled, report.Failure?.Message, report.Failure?.Code,
            (int)Math.Min(report.Took.TotalMilliseconds, int.MaxValue), next.In.TotalSeconds, next.PauseReason, next.PauseFor?.TotalSeconds,
            report.SignedInWith?.Credential?.Value, report.SignedInWith?.VaultSecret, report.SignedInWith?.Version, report.SignedInWith?.ConfigVersion,
            report.Failure is { Kind: FailureKind.Partial }),
        row => row.GetBoolean(0), ct))[0];

    /// <summary>Gives the work back undone, for this or another node to take up again after <paramref name="wait"/>.</summary>
    public Task HandBack(Work work, TimeSpan wait, CancellationToken ct) => session.Query(
        new Statement("SELECT lockstep.hand_back_work($1, $2, $3)", work.Id.Value, work.Fence, wait.TotalSeconds),
        row => row.GetBoolean(0), ct);
}
