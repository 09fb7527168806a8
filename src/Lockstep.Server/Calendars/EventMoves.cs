using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>An event goes to another calendar and keeps its id.</summary>
/// <remarks>
/// <code>
/// before   event E in calendar A  has resource a
/// after    event E in calendar B  has resource b, new: waits to be made on B's server
///          tombstone T in A       has resource a, deleted: waits to be deleted on A's server
/// </code>
/// To a sync of A the tombstone is a deletion like any other, so an edit made there meanwhile survives as an event of A and a conflict.
/// Whichever of the two writes comes first, or never: E is here.
/// </remarks>
internal static class EventMoves
{
    /// <summary>What stays behind; null when the event was only here.</summary>
    public static EventRow? Left(EventRow old, Instant at) => old.Calendar is null ? null : old with
    {
        Id = EventId.New(),
        Matter = null,
        Version = 1,
        ChangedAt = at,
        CreatedAt = at,
        Deleted = true,
    };

    /// <summary>The resources on the old server are the tombstone's now.</summary>
    public static Statement HandOver(EventRow old, EventRow left) => new(
        "UPDATE lockstep.calendar_objects SET event_id = $2 WHERE event_id = $1", old.Id.Value, left.Id.Value);

    public static Statement SetCalendar(EventRow row) => new(
        "UPDATE lockstep.events SET calendar_id = $2 WHERE id = $1", row.Id.Value, row.Calendar?.Value);

    /// <summary>Where it comes back before it was deleted there, the resource is changed, not made a second time. No row: it was not there.</summary>
    public static Statement TakeBack(EventRow row, CalendarTarget target) => new(
        """
        UPDATE lockstep.calendar_objects o
        SET    event_id = $1,
               state = CASE WHEN o.etag IS NULL THEN 'new' ELSE 'changed' END,
               local_changed_at = $4,
               attempts = 0,
               reason = NULL,
               refused_code = NULL,
               retry_at = NULL
        WHERE  o.id = (SELECT d.id
                       FROM   lockstep.calendar_objects d
                       JOIN   lockstep.events t ON t.id = d.event_id AND t.deleted
                       WHERE  d.calendar_id = $2
                       AND    d.state = 'deleted'
                       AND    t.uid = $3
                       ORDER  BY d.id DESC
                       LIMIT  1)
        """, row.Id.Value, target.Id.Value, row.Uid, row.ChangedAt);

    /// <summary>An event of the same UID that the calendar (null: none) has already.</summary>
    public static Statement Same(Tenant owner, CalendarId? calendar, string uid) => calendar is { } id
        ? new(
            "SELECT e.id FROM lockstep.events e WHERE e.calendar_id = $1 AND e.uid = $2 AND NOT e.deleted LIMIT 1", id.Value, uid)
        : new(
            """
            SELECT e.id
            FROM   lockstep.events e
            WHERE  e.calendar_id IS NULL
            AND    e.uid = $1
            AND    NOT e.deleted
            AND    e.user_id IS NOT DISTINCT FROM $2
            AND    e.workspace_id IS NOT DISTINCT FROM $3
            LIMIT  1
            """, uid, owner.User?.Value, owner.Workspace?.Value);
}
