using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>How events are written; always with the projection that queries use.</summary>
internal static class EventRows
{
    // What PostgreSQL and NodaTime both can say.
    private static readonly Instant First = Instant.FromUtc(1, 1, 2, 0, 0);
    private static readonly Instant Last = Instant.FromUtc(9998, 12, 31, 0, 0);

    // One array a column: any number of events is one statement, and nothing on the way is text that has to be read again.
    private const string Insert =
        """
        INSERT INTO lockstep.events AS e
               (id, user_id, workspace_id, calendar_id, matter_id, uid, ics, summary, description, location, starts_at, ends_at,
                range_start, range_end, all_day, recurring, status, transparency, version, changed_at, deleted, created_at)
        SELECT id, user_id, workspace_id, calendar_id, matter_id, uid, ics, summary, description, location, starts_at, ends_at,
               range_start, range_end, all_day, recurring, status, transparency, version, changed_at, deleted, created_at
        FROM   unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                      $10::text[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::boolean[],
                      $16::boolean[], $17::text[], $18::text[], $19::bigint[], $20::timestamptz[], $21::boolean[], $22::timestamptz[])
               r (id, user_id, workspace_id, calendar_id, matter_id, uid, ics, summary, description, location, starts_at, ends_at,
                  range_start, range_end, all_day, recurring, status, transparency, version, changed_at, deleted, created_at)
        ON     CONFLICT (id)

        """;

    /// <summary>Makes an event, or does nothing where its id is taken, be it by somebody whose events are not to be seen.</summary>
    public static Statement Make(EventRow row) => new(Insert + "DO NOTHING", Columns([row]));

    /// <summary>Makes or replaces events, any number in one statement. Owner and calendar of a known one stay.</summary>
    public static Statement Upsert(IEnumerable<EventRow> events) => new(
        Insert +
        """
        DO     UPDATE
        SET    matter_id = excluded.matter_id, uid = excluded.uid, ics = excluded.ics, summary = excluded.summary,
               description = excluded.description, location = excluded.location, starts_at = excluded.starts_at,
               ends_at = excluded.ends_at, range_start = excluded.range_start, range_end = excluded.range_end,
               all_day = excluded.all_day, recurring = excluded.recurring, status = excluded.status,
               transparency = excluded.transparency, version = excluded.version, changed_at = excluded.changed_at,
               deleted = excluded.deleted
        """,
        Columns([.. events]));

    private static object[] Columns(EventRow[] rows) =>
    [
        Column(rows, e => e.Id.Value),
        Column(rows, e => e.Owner.User?.Value),
        Column(rows, e => e.Owner.Workspace?.Value),
        Column(rows, e => e.Calendar?.Value),
        Column(rows, e => e.Matter?.Value),
        Column(rows, e => e.Uid),
        Column(rows, e => e.Ics),
        Column(rows, e => e.Facts.Summary),
        Column(rows, e => e.Facts.Description),
        Column(rows, e => e.Facts.Location),
        Column(rows, e => Time(e.Facts.StartsAt)),
        Column(rows, e => Time(e.Facts.EndsAt)),
        Column(rows, e => Time(e.Facts.RangeStart)),
        // Npgsql's infinity.
        Column(rows, e => e.Facts.RangeEnd is { } end ? Time(end) : Endless),
        Column(rows, e => e.Facts.AllDay),
        Column(rows, e => e.Facts.Recurring),
        Column(rows, e => e.Facts.Status),
        Column(rows, e => e.Facts.Transparency),
        Column(rows, e => e.Version),
        Column(rows, e => Time(e.ChangedAt)),
        Column(rows, e => e.Deleted),
        Column(rows, e => Time(e.CreatedAt)),
    ];

    /// <summary>Of the same kind as its neighbours: Npgsql refuses an array of two kinds, and a calendar has rules with and without an end.</summary>
    private static readonly DateTime Endless = DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc);

    private static T[] Column<T>(EventRow[] rows, Func<EventRow, T> value) => Array.ConvertAll(rows, row => value(row));

    /// <summary>The nearest instant that a column can hold.</summary>
    public static Instant Storable(Instant instant) => Instant.Max(First, Instant.Min(Last, instant));

    private static DateTime Time(Instant instant) => Storable(instant).ToDateTimeUtc();
}
