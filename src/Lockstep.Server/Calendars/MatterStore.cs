using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>A case or project that events may belong to.</summary>
internal sealed record MatterView(Guid Id, string Title, string? Reference, Guid? WorkspaceId, Instant CreatedAt);

/// <summary>One line of a matter's timeline.</summary>
/// <param name="Kind">added, changed, removed or conflict.</param>
/// <param name="Summary">Of the event as it was then.</param>
internal sealed record TimelineView(Guid EventId, string Kind, Guid? ConflictId, Instant OccurredAt, string Summary);

/// <summary>The door to matters.</summary>
internal static class MatterStore
{
    /// <returns>Null when the workspace is not one of the caller's.</returns>
    public static async Task<MatterView?> Create(
        TenantSession session, string title, string? reference, WorkspaceId? workspace, CancellationToken ct)
    {
        try
        {
            return await session.First(
                new Statement(
                    """
                    INSERT INTO lockstep.matters (id, user_id, workspace_id, title, reference)
                    VALUES ($1, $2, $3, $4, $5)
                    RETURNING id, title, reference, workspace_id, created_at
                    """,
                    Guid.CreateVersion7(), workspace is null ? session.Caller.RequiredUser.Value : null, workspace?.Value, title, reference),
                Read, ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return null;
        }
    }

    /// <summary>Newest first.</summary>
    public static async Task<Page<MatterView>> List(TenantSession session, Guid? after, int limit, CancellationToken ct)
    {
        var rows = await session.Query(
            new Statement(
                """
                SELECT m.id, m.title, m.reference, m.workspace_id, m.created_at
                FROM   lockstep.matters m
                WHERE  (m.user_id = (SELECT lockstep.current_user_id())
                        OR m.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]))
                AND    ($1::uuid IS NULL OR m.id < $1)
                ORDER  BY m.id DESC
                LIMIT  $2
                """, after, limit + 1),
            Read, ct);
        return new Page<MatterView>([.. rows.Take(limit)], rows.Count > limit ? rows[limit - 1].Id.ToString() : null);
    }

    /// <summary>What happened to the matter's events, in order.</summary>
    /// <returns>Null for a matter that is not there or not the caller's.</returns>
    public static async Task<Page<TimelineView>?> Timeline(TenantSession session, MatterId matter, long after, int limit, CancellationToken ct)
    {
        var rows = await session.Query(
            new Statement(
                """
                SELECT t.event_id, t.kind, t.conflict_id, t.occurred_at, t.summary, t.seq
                FROM   lockstep.matters m
                LEFT   JOIN lockstep.matter_events t ON t.matter_id = m.id AND t.seq > $2
                WHERE  m.id = $1
                ORDER  BY t.seq
                LIMIT  $3
                """, matter.Value, after, limit + 1),
            row => row.IsDBNull(0) ? null : new Line(
                new TimelineView(row.GetGuid(0), row.GetString(1), row.GetGuidOrNull(2), row.GetInstant(3), row.GetString(4)), row.GetInt64(5)),
            ct);
        if (rows.Count == 0)
            return null;
        var lines = rows.OfType<Line>().ToList();
        return new Page<TimelineView>(
            [.. lines.Take(limit).Select(line => line.View)],
            lines.Count > limit ? lines[limit - 1].Seq.ToString(System.Globalization.CultureInfo.InvariantCulture) : null);
    }

    private static MatterView Read(NpgsqlDataReader row) =>
        new(row.GetGuid(0), row.GetString(1), row.GetStringOrNull(2), row.GetGuidOrNull(3), row.GetInstant(4));

    private sealed record Line(TimelineView View, long Seq);
}
