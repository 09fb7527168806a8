using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>What an edit made here does to the mirror: the resource waits to be written.</summary>
internal static class LocalEdits
{
    /// <summary>The event, held until the transaction ends.</summary>
    public static Statement Lock(EventId id) => new(
        """
        SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at,
               coalesce(c.read_only, false)
        FROM   lockstep.events e
        LEFT   JOIN lockstep.calendars c ON c.id = e.calendar_id
        WHERE  e.id = $1
        FOR    UPDATE OF e
        """, id.Value);

    /// <summary>A resource that the server does not have yet, under a name that no other has.</summary>
    public static Statement New(EventRow row, CalendarTarget target) => new(
        """
        INSERT INTO lockstep.calendar_objects (id, calendar_id, event_id, href, uid, state, local_changed_at)
        VALUES ($1, $2, $3, $4, $5, 'new', $6)
        """,
        CalendarObjectId.New().Value, target.Id.Value, row.Id.Value, Href(row, target), row.Uid, row.ChangedAt);

    /// <summary>The resource that has the name which <see cref="New"/> gives: an id that was chosen elsewhere may be there already.</summary>
    public static Statement Named(EventRow row, CalendarTarget target) => new(
        "SELECT o.id FROM lockstep.calendar_objects o WHERE o.calendar_id = $1 AND o.href = $2", target.Id.Value, Href(row, target));

    /// <summary>Marks what has to be written after an edit; nothing where the resource is as it was, or the event is only here.</summary>
    public static IEnumerable<Statement> Dirty(EventRow old, EventRow row)
    {
        if (row.Calendar is null)
            yield break;
        if (row.Deleted)
            // Also what was never there: its PUT may be on its way just now.
            yield return new Statement(
                """
                UPDATE lockstep.calendar_objects
                SET    state = 'deleted',
                       base = coalesce(base, CASE WHEN etag IS NOT NULL THEN $2 END),
                       local_changed_at = $3,
                       attempts = 0,
                       retry_at = NULL
                WHERE  event_id = $1
                """, row.Id.Value, old.Ics, row.ChangedAt);
        else if (old.Deleted)
        {
            yield return new Statement(
                """
                UPDATE lockstep.calendar_objects
                SET    state = CASE WHEN etag IS NULL THEN 'new' ELSE 'changed' END, local_changed_at = $2, attempts = 0,
                       retry_at = NULL
                WHERE  event_id = $1
                AND    state = 'deleted'
                """, row.Id.Value, row.ChangedAt);
            yield return new Statement(
                """
                INSERT INTO lockstep.calendar_objects (id, calendar_id, event_id, href, uid, state, local_changed_at)
                SELECT $1, c.id, $2, rtrim(c.href, '/') || '/' || $2::text || '.ics', $3, 'new', $4
                FROM   lockstep.calendars c
                WHERE  c.id = $5
                AND    NOT EXISTS (SELECT 1 FROM lockstep.calendar_objects o WHERE o.event_id = $2)
                """, CalendarObjectId.New().Value, row.Id.Value, row.Uid, row.ChangedAt, row.Calendar.Value.Value);
        }
        else if (!string.Equals(old.Ics, row.Ics, StringComparison.Ordinal))
            yield return new Statement(
                """
                UPDATE lockstep.calendar_objects
                SET    state = CASE WHEN state IN ('clean', 'quarantined') THEN 'changed' ELSE state END,
                       base = CASE state WHEN 'clean' THEN $2 WHEN 'quarantined' THEN NULL ELSE base END,
                       -- What could not be read is read once more before it is written over, and kept as a conflict.
                       etag = CASE WHEN state = 'quarantined' THEN NULL ELSE etag END,
                       local_changed_at = $3,
                       quarantined_at = NULL,
                       attempts = 0,
                       retry_at = NULL
                WHERE  id = (SELECT o.id
                             FROM   lockstep.calendar_objects o
                             WHERE  o.event_id = $1
                             ORDER  BY o.state = 'quarantined', o.remote_at DESC NULLS LAST, o.id DESC
                             LIMIT  1)
                """, row.Id.Value, old.Ics, row.ChangedAt);
    }

    private static string Href(EventRow row, CalendarTarget target) => $"{target.Href.TrimEnd('/')}/{row.Id}.ics";
}
