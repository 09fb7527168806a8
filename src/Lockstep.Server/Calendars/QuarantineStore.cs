using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>A resource of the server that could not be taken over; the others were.</summary>
/// <param name="Href">Absolute URL.</param>
/// <param name="Uid">Null where none was ever read from it.</param>
/// <param name="EventId">The event as it was read before it became unreadable; null where it never was.</param>
/// <param name="Reason">For people.</param>
/// <param name="Ics">The server's text as it came; null where the server did not hand it out, or the list leaves texts out.</param>
/// <param name="RetryAt">When it is asked for again by itself; null: as soon as it changes there.</param>
internal sealed record QuarantinedResource(
    Guid Id, Guid CalendarId, string CalendarName, string Href, string? Uid, Guid? EventId, string Reason, Instant Since, Instant? RetryAt, string? Ics);

/// <summary>The door to what was set aside.</summary>
internal static class QuarantineStore
{
    /// <summary>Newest first.</summary>
    /// <param name="texts">With the server's texts.</param>
    /// <returns>Null for an integration that is not there or not the caller's.</returns>
    public static async Task<Page<QuarantinedResource>?> List(
        TenantSession session, IntegrationId integration, Guid? after, int limit, bool texts, CancellationToken ct)
    {
        var rows = await session.Query(
            new Statement(
                """
                SELECT o.id, o.calendar_id, o.calendar_name, o.href, o.uid, o.event_id, coalesce(o.reason, ''), o.since, o.retry_at,
                       CASE WHEN $4 THEN o.ics END
                FROM   lockstep.integrations i
                LEFT   JOIN LATERAL (
                    SELECT q.id, q.calendar_id, c.name AS calendar_name, q.href, q.uid, q.event_id, q.reason,
                           q.quarantined_at AS since, q.retry_at, q.ics
                    FROM   lockstep.calendars c
                    JOIN   lockstep.calendar_objects q ON q.calendar_id = c.id AND q.state = 'quarantined' AND q.quarantined_at IS NOT NULL
                    WHERE  c.integration_id = i.id
                    AND    ($2::uuid IS NULL OR q.id < $2)
                    ORDER  BY q.id DESC
                    LIMIT  $3) o ON true
                WHERE  i.id = $1
                ORDER  BY o.id DESC
                """, integration.Value, after, limit + 1, texts),
            row => row.IsDBNull(0)
                ? null
                : new QuarantinedResource(
                    row.GetGuid(0), row.GetGuid(1), row.GetString(2), row.GetString(3), row.GetStringOrNull(4), row.GetGuidOrNull(5),
                    row.GetString(6), row.GetInstant(7), row.GetInstantOrNull(8), row.GetStringOrNull(9)),
            ct);
        if (rows.Count == 0)
            return null;
        var found = rows.OfType<QuarantinedResource>().ToList();
        return new Page<QuarantinedResource>([.. found.Take(limit)], found.Count > limit ? found[limit - 1].Id.ToString() : null);
    }
}
