using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>How far the mirror of a calendar is.</summary>
/// <param name="Objects">Resources that are here by now.</param>
/// <param name="IsRead">Read to its end at least once.</param>
internal sealed record MirrorCount(string Name, long Objects, bool IsRead)
{
    /// <summary>Of every calendar of an integration, by name; empty before its first sync has found them.</summary>
    public static Task<List<MirrorCount>> Of(TenantSession session, IntegrationId integration, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT c.name, (SELECT count(*) FROM lockstep.calendar_objects o WHERE o.calendar_id = c.id), c.last_read_at IS NOT NULL
            FROM   lockstep.calendars c
            WHERE  c.integration_id = $1
            ORDER  BY c.name, c.id
            """, integration.Value),
        row => new MirrorCount(row.GetString(0), row.GetInt64(1), row.GetBoolean(2)), ct);
}
