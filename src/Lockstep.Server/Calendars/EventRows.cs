using System.Text.Json;
using Lockstep.Server.Postgres;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Calendars;

/// <summary>How events are written; always with the projection that queries use.</summary>
internal static class EventRows
{
    // What PostgreSQL and NodaTime both can say.
    private static readonly Instant First = Instant.FromUtc(1, 1, 2, 0, 0);
    private static readonly Instant Last = Instant.FromUtc(9998, 12, 31, 0, 0);

    /// <summary>Makes or replaces events, any number in one statement. Owner and calendar of a known one stay.</summary>
    public static Statement Upsert(IEnumerable<EventRow> events) => new(
        """
        INSERT INTO lockstep.events AS e
               (id, user_id, workspace_id, calendar_id, matter_id, uid, ics, summary, description, location, starts_at, ends_at,
                range_start, range_end, all_day, recurring, status, transparency, version, changed_at, deleted, created_at)
        SELECT id, user_id, workspace_id, calendar_id, matter_id, uid, ics, summary, description, location, starts_at, ends_at,
               range_start, range_end, all_day, recurring, status, transparency, version, changed_at, deleted, created_at
        FROM   jsonb_to_recordset($1::jsonb) AS r (
                   id uuid, user_id uuid, workspace_id uuid, calendar_id uuid, matter_id uuid, uid text, ics text, summary text,
                   description text, location text, starts_at timestamptz, ends_at timestamptz, range_start timestamptz,
                   range_end timestamptz, all_day boolean, recurring boolean, status text, transparency text, version bigint,
                   changed_at timestamptz, deleted boolean, created_at timestamptz)
        ON     CONFLICT (id) DO UPDATE
        SET    matter_id = excluded.matter_id, uid = excluded.uid, ics = excluded.ics, summary = excluded.summary,
               description = excluded.description, location = excluded.location, starts_at = excluded.starts_at,
               ends_at = excluded.ends_at, range_start = excluded.range_start, range_end = excluded.range_end,
               all_day = excluded.all_day, recurring = excluded.recurring, status = excluded.status,
               transparency = excluded.transparency, version = excluded.version, changed_at = excluded.changed_at,
               deleted = excluded.deleted
        """,
        JsonSerializer.Serialize(events.Select(Projection)));

    private static object Projection(EventRow e) => new
    {
        id = e.Id.Value,
        user_id = e.Owner.User?.Value,
        workspace_id = e.Owner.Workspace?.Value,
        calendar_id = e.Calendar?.Value,
        matter_id = e.Matter?.Value,
        uid = e.Uid,
        ics = e.Ics,
        summary = e.Facts.Summary,
        description = e.Facts.Description,
        location = e.Facts.Location,
        starts_at = Text(e.Facts.StartsAt),
        ends_at = Text(e.Facts.EndsAt),
        range_start = Text(e.Facts.RangeStart),
        range_end = e.Facts.RangeEnd is { } end ? Text(end) : "infinity",
        all_day = e.Facts.AllDay,
        recurring = e.Facts.Recurring,
        status = e.Facts.Status,
        transparency = e.Facts.Transparency,
        version = e.Version,
        changed_at = Text(e.ChangedAt),
        deleted = e.Deleted,
        created_at = Text(e.CreatedAt),
    };

    /// <summary>The nearest instant that a column can hold.</summary>
    public static Instant Storable(Instant instant) => Instant.Max(First, Instant.Min(Last, instant));

    private static string Text(Instant instant) => InstantPattern.ExtendedIso.Format(Storable(instant));
}
