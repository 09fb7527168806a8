using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>What the mirror reads and writes, statement by statement.</summary>
internal static class MirrorRows
{
    public static Statement Calendars(IntegrationId integration) => new(
        """
        SELECT c.id, c.href, c.name, c.color, c.ctag, c.sync_token, c.is_write_target, c.read_only, c.last_read_at, c.unreadable_since
        FROM   lockstep.calendars c
        WHERE  c.integration_id = $1
        ORDER  BY c.is_write_target DESC, c.name, c.id
        """, integration.Value);

    public static MirroredCalendar ReadCalendar(NpgsqlDataReader row) => new(
        new CalendarId(row.GetGuid(0)),
        row.GetString(1),
        row.GetString(2),
        row.GetStringOrNull(3),
        row.GetStringOrNull(4),
        row.GetStringOrNull(5),
        row.GetBoolean(6),
        row.GetBoolean(7),
        row.GetInstantOrNull(8),
        row.GetInstantOrNull(9));

    /// <summary>The owner of a calendar, its scope held until the transaction ends.</summary>
    public static Statement LockCalendar(CalendarId calendar) => new(
        """
        SELECT c.user_id, c.workspace_id
        FROM   lockstep.calendars c
        CROSS  JOIN LATERAL lockstep.lock_scopes(ARRAY[coalesce(c.workspace_id::text, '')]) s
        WHERE  c.id = $1
        """, calendar.Value);

    public static Tenant ReadOwner(NpgsqlDataReader row) =>
        row.GetGuidOrNull(0) is { } user ? Tenant.Of(new UserId(user)) : Tenant.Of(new WorkspaceId(row.GetGuid(1)));

    /// <summary>What the page speaks of: the resources named, and all of the events that they or their UIDs belong to.</summary>
    public static Statement Entries(CalendarId calendar, string[] hrefs, string[] uids) => new(
        """
        SELECT o.id, o.href, o.etag, o.state, o.uid, o.event_id, o.ics, o.base, o.reason, o.remote_at, o.local_changed_at
        FROM   lockstep.calendar_objects o
        WHERE  o.calendar_id = $1
        AND    (o.href = ANY ($2)
                OR o.event_id IN (SELECT e.id FROM lockstep.events e WHERE e.calendar_id = $1 AND e.uid = ANY ($3))
                OR o.event_id IN (SELECT n.event_id FROM lockstep.calendar_objects n WHERE n.calendar_id = $1 AND n.href = ANY ($2)))
        """, calendar.Value, hrefs, uids);

    public static Statement Events(CalendarId calendar, Guid[] ids, string[] uids) => new(
        """
        SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at, false
        FROM   lockstep.events e
        WHERE  e.calendar_id = $1
        AND    (e.id = ANY ($2) OR e.uid = ANY ($3))
        """, calendar.Value, ids, uids);

    public static Statement Delete(Guid[] objects) =>
        new("DELETE FROM lockstep.calendar_objects WHERE id = ANY ($1)", objects);

    public static Statement Advance(CalendarId calendar, CalendarPosition position) => new(
        """
        UPDATE lockstep.calendars
        SET    sync_token = $2, ctag = $3, last_read_at = clock_timestamp(), unreadable_since = NULL
        WHERE  id = $1
        """, calendar.Value, position.SyncToken, position.Ctag);

    public static Statement Pending(CalendarId calendar, int limit) => new(
        """
        SELECT o.id, o.href, o.etag, o.state, o.attempts, e.ics, e.version
        FROM   lockstep.calendar_objects o
        JOIN   lockstep.events e ON e.id = o.event_id
        JOIN   lockstep.calendars c ON c.id = o.calendar_id AND NOT c.read_only
        WHERE  o.calendar_id = $1
        AND    o.state IN ('new', 'changed', 'deleted')
        ORDER  BY o.local_changed_at, o.id
        LIMIT  $2
        """, calendar.Value, limit);

    public static PendingWrite ReadPending(NpgsqlDataReader row)
    {
        var (id, href, etag) = (new CalendarObjectId(row.GetGuid(0)), row.GetString(1), row.GetStringOrNull(2));
        var (attempts, ics, version) = (row.GetInt32(4), row.GetString(5), row.GetInt64(6));
        return MirrorEntry.StateOf(row.GetString(3)) switch
        {
            ObjectState.New => new PendingWrite.Create(id, href, version, attempts, ics),
            ObjectState.Changed => new PendingWrite.Change(id, href, version, attempts, etag, ics),
            _ => new PendingWrite.Delete(id, href, version, attempts, etag),
        };
    }

    /// <summary>Holds the scope of a resource, so that what follows reads what the last edit committed.</summary>
    public static Statement LockScopeOf(CalendarObjectId id) => new(
        """
        SELECT c.id
        FROM   lockstep.calendar_objects o
        JOIN   lockstep.calendars c ON c.id = o.calendar_id
        CROSS  JOIN LATERAL lockstep.lock_scopes(ARRAY[coalesce(c.workspace_id::text, '')]) s
        WHERE  o.id = $1
        """, id.Value);

    /// <summary>The server has this text now. What the event says differently was edited meanwhile and is pending on top of it.</summary>
    public static Statement Written(CalendarObjectId id, string? etag, string ics, NodaTime.Instant at) => new(
        """
        UPDATE lockstep.calendar_objects o
        SET    etag = $2,
               remote_at = $4,
               attempts = 0,
               reason = NULL,
               state = CASE WHEN e.deleted THEN 'deleted' WHEN e.ics = $3 THEN 'clean' ELSE 'changed' END,
               base = CASE WHEN NOT e.deleted AND e.ics = $3 THEN NULL ELSE $3 END,
               local_changed_at = CASE WHEN NOT e.deleted AND e.ics = $3 THEN NULL ELSE o.local_changed_at END
        FROM   lockstep.events e
        WHERE  o.id = $1
        AND    e.id = o.event_id
        """, id.Value, etag, ics, at);

    /// <summary>The server does not have it any more. An event brought back meanwhile is made anew there.</summary>
    public static IEnumerable<Statement> Erased(CalendarObjectId id) =>
    [
        new("DELETE FROM lockstep.calendar_objects WHERE id = $1 AND state = 'deleted'", id.Value),
        new("UPDATE lockstep.calendar_objects SET state = 'new', etag = NULL, base = NULL, attempts = 0, reason = NULL WHERE id = $1", id.Value),
    ];

    public static Statement Refused(CalendarObjectId id, string reason) => new(
        "UPDATE lockstep.calendar_objects SET attempts = attempts + 1, reason = $2 WHERE id = $1", id.Value, reason);
}
