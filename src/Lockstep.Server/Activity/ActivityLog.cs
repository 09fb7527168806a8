using System.Globalization;
using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Activity;

/// <summary>What to list; null lets everything through.</summary>
/// <param name="From">This instant and later.</param>
/// <param name="To">Before this instant.</param>
/// <param name="After">The <c>next</c> of the page before; null for the first page.</param>
/// <param name="Limit">1 to 200.</param>
internal sealed record ActivityFilter(
    string? Action, string? EntityType, Guid? EntityId, Guid? Workspace, Instant? From, Instant? To, long? After, int Limit);

/// <summary>The door to the audit, for reading. Lines are written by <c>lockstep.record_activity()</c>, in the statement that does the deed.</summary>
internal static class ActivityLog
{
    /// <summary>A user's own lines and those of the workspaces the user administers; every line for the service role. Newest first.</summary>
    public static async Task<Page<ActivityView>> List(TenantSession session, ActivityFilter filter, CancellationToken ct)
    {
        var found = await session.Query(
            new Statement(
                """
                SELECT a.seq, a.id, a.occurred_at, a.actor, a.actor_user, host(a.address), a.request_id, a.action, a.entity_type, a.entity_id,
                       a.user_id, a.workspace_id, a.details
                FROM   lockstep.activity_log a
                WHERE  ($1::uuid IS NULL
                        OR a.user_id = $1
                        OR a.workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
                AND    ($2::text IS NULL OR a.action = $2)
                AND    ($3::uuid IS NULL OR a.entity_id = $3)
                AND    ($4::bigint IS NULL OR a.seq < $4)
                AND    ($6::text IS NULL OR a.entity_type = $6)
                AND    ($7::uuid IS NULL OR a.workspace_id = $7)
                AND    ($8::timestamptz IS NULL OR a.occurred_at >= $8)
                AND    ($9::timestamptz IS NULL OR a.occurred_at < $9)
                ORDER  BY a.seq DESC
                LIMIT  $5
                """,
                session.Caller.User?.Value, filter.Action, filter.EntityId, filter.After, filter.Limit + 1,
                filter.EntityType, filter.Workspace, filter.From, filter.To),
            row => (Seq: row.GetInt64(0), Line: Read(row)),
            ct);
        var page = found.Take(filter.Limit).ToList();
        return new(
            [.. page.Select(item => item.Line)],
            found.Count > filter.Limit ? page[^1].Seq.ToString(CultureInfo.InvariantCulture) : null);
    }

    private static ActivityView Read(NpgsqlDataReader row) => new(
        row.GetGuid(1),
        row.GetInstant(2),
        row.GetString(3),
        row.GetGuidOrNull(4),
        row.GetStringOrNull(5),
        row.GetStringOrNull(6),
        row.GetString(7),
        row.GetString(8),
        row.GetGuidOrNull(9),
        row.GetGuidOrNull(10),
        row.GetGuidOrNull(11),
        JsonSerializer.Deserialize<JsonElement>(row.GetString(12)));
}
