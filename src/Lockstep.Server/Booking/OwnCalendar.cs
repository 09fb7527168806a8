using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Booking;

/// <summary>A calendar that the caller can see.</summary>
/// <param name="Id">Null: an integration is to mirror it, and has not begun.</param>
/// <param name="Href">Absolute URL; empty where the integration has yet to find out which calendar.</param>
/// <param name="IsOwn">The caller's, not a workspace's.</param>
/// <param name="IsKept">Its integration is enabled, so that it is meant to be up to date.</param>
internal sealed record OwnCalendar(CalendarId? Id, string Href, bool IsOwn, bool IsKept)
{
    /// <summary>Those that are mirrored, and for each integration that has mirrored nothing yet, what it was told to; by href.</summary>
    public static Task<List<OwnCalendar>> All(TenantSession session, CancellationToken ct) => session.Query(Select(), Read, ct);

    public static Statement Select() => new(
        """
        SELECT c.id, coalesce(c.href, ''), i.user_id IS NOT NULL, i.enabled
        FROM   lockstep.integrations i
        LEFT   JOIN LATERAL (
                   SELECT k.id, k.href FROM lockstep.calendars k WHERE k.integration_id = i.id
                   UNION  ALL
                   SELECT NULL, w.href
                   FROM  (SELECT jsonb_array_elements_text(
                                     CASE WHEN jsonb_typeof(i.config -> 'selectedCalendarIds') = 'array' THEN i.config -> 'selectedCalendarIds' ELSE '[]' END)
                          UNION
                          SELECT i.config ->> 'calendarPath') w (href)
                   WHERE  NOT EXISTS (SELECT 1 FROM lockstep.calendars k WHERE k.integration_id = i.id)
                   AND    w.href ~ '^https?://'
               ) c ON true
        WHERE  i.integration_type IN ('caldav', 'icloud', 'google', 'fastmail', 'nextcloud', 'ics')
        ORDER  BY c.href, c.id
        """);

    /// <summary>By our id, the absolute URL, or the URL's path; a slash at the end more or less does not matter.</summary>
    public bool IsCalled(string name) =>
        Guid.TryParse(name, out var id) ? id == Id?.Value
        : Same(name, Href) || (name.StartsWith('/') && Uri.TryCreate(Href, UriKind.Absolute, out var uri) && Same(name, uri.AbsolutePath));

    private static bool Same(string a, string b) =>
        string.Equals(Uri.UnescapeDataString(a.TrimEnd('/')), Uri.UnescapeDataString(b.TrimEnd('/')), StringComparison.Ordinal);

    public static OwnCalendar Read(NpgsqlDataReader row) => new(
        row.GetGuidOrNull(0) is { } id ? new CalendarId(id) : null, row.GetString(1), row.GetBoolean(2), row.GetBoolean(3));
}
