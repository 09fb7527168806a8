using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>What the mirror reads and writes, statement by statement.</summary>
internal static class MirrorRows
{
    public static Statement Calendars(IntegrationId integration) => new(
        """
        SELECT c.id, c.href, c.name, c.color, c.ctag, c.sync_token, c.is_write_target, c.read_only, c.last_read_at, c.unreadable_since,
               c.audited_at
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
        row.GetInstantOrNull(9),
        row.GetInstantOrNull(10));

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

    /// <summary>Takes over the owner's events of these UIDs that have no calendar; each with whether the calendar takes no writes.</summary>
    public static Statement Adopt(CalendarId calendar, string[] uids) =>
        new("SELECT a.id, a.read_only FROM lockstep.adopt_events($1, $2) a", calendar.Value, uids);

    /// <summary>What the page speaks of: the resources named, and all of the events that they or their UIDs belong to.</summary>
    /// <remarks>
    /// Every OFFSET 0 keeps PostgreSQL to one look-up by index for each name. The plan is kept, and was perhaps made when the calendar
    /// was empty: left free it joins the whole calendar with the whole page.
    /// </remarks>
    public static Statement Entries(CalendarId calendar, string[] hrefs, string[] uids) => new(
        """
        SELECT o.id, o.href, o.etag, o.state, o.uid, o.event_id, o.ics, o.base, o.reason, o.remote_at, o.local_changed_at, o.sent
        FROM  (SELECT h.id
               FROM   unnest($2) named(href)
               CROSS  JOIN LATERAL (SELECT c.id FROM lockstep.calendar_objects c WHERE c.calendar_id = $1 AND c.href = named.href OFFSET 0) h
               UNION
               SELECT n.id
               FROM   unnest($2) named(href)
               CROSS  JOIN LATERAL (SELECT c.event_id FROM lockstep.calendar_objects c WHERE c.calendar_id = $1 AND c.href = named.href OFFSET 0) h
               CROSS  JOIN LATERAL (SELECT c.id FROM lockstep.calendar_objects c WHERE c.event_id = h.event_id OFFSET 0) n
               UNION
               SELECT n.id
               FROM   unnest($3) named(uid)
               CROSS  JOIN LATERAL (SELECT u.id FROM lockstep.events u WHERE u.calendar_id = $1 AND u.uid = named.uid OFFSET 0) e
               CROSS  JOIN LATERAL (SELECT c.id FROM lockstep.calendar_objects c WHERE c.event_id = e.id OFFSET 0) n) w
        CROSS  JOIN LATERAL (SELECT c.* FROM lockstep.calendar_objects c WHERE c.id = w.id OFFSET 0) o
        WHERE  o.calendar_id = $1
        """, calendar.Value, hrefs, uids);

    /// <summary>The events of the resources named, and those of the UIDs.</summary>
    public static Statement Events(CalendarId calendar, string[] hrefs, string[] uids) => new(
        """
        SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at, false
        FROM  (SELECT u.id
               FROM   unnest($3) named(uid)
               CROSS  JOIN LATERAL (SELECT c.id FROM lockstep.events c WHERE c.calendar_id = $1 AND c.uid = named.uid OFFSET 0) u
               UNION
               SELECT h.event_id
               FROM   unnest($2) named(href)
               CROSS  JOIN LATERAL (SELECT c.event_id FROM lockstep.calendar_objects c WHERE c.calendar_id = $1 AND c.href = named.href OFFSET 0) h) w
        CROSS  JOIN LATERAL (SELECT c.* FROM lockstep.events c WHERE c.id = w.id OFFSET 0) e
        WHERE  e.calendar_id = $1
        """, calendar.Value, hrefs, uids);

    public static Statement Delete(Guid[] objects) =>
        new("DELETE FROM lockstep.calendar_objects WHERE id = ANY ($1)", objects);

    public static Statement Advance(CalendarId calendar, CalendarPosition position) => new(
        """
        UPDATE lockstep.calendars
        SET    sync_token = $2,
               ctag = $3,
               last_read_at = clock_timestamp(),
               unreadable_since = NULL,
               audited_at = CASE WHEN $4 THEN clock_timestamp() ELSE coalesce(audited_at, clock_timestamp()) END
        WHERE  id = $1
        """, calendar.Value, position.SyncToken, position.Ctag, position.Audited);

    public static Statement Pending(CalendarId calendar, int limit) => new(
        """
        SELECT o.id, o.href, o.etag, o.state, o.attempts, e.ics, e.version, o.reason,
               coalesce(o.retry_at > clock_timestamp(), false) AS rests
        FROM   lockstep.calendar_objects o
        JOIN   lockstep.events e ON e.id = o.event_id
        JOIN   lockstep.calendars c ON c.id = o.calendar_id AND NOT c.read_only
        WHERE  o.calendar_id = $1
        AND    o.state IN ('new', 'changed', 'deleted')
        AND    (o.state <> 'deleted' OR NOT EXISTS (
                   SELECT 1
                   FROM   lockstep.calendars oc
                   JOIN   lockstep.calendar_objects n ON n.calendar_id = oc.id AND n.state = 'new' AND n.uid = o.uid
                   WHERE  oc.integration_id = c.integration_id
                   AND    oc.id <> c.id
                   AND    n.refused_code IS DISTINCT FROM 'uid_taken'))
        ORDER  BY rests, o.local_changed_at, o.id
        LIMIT  $2
        """, calendar.Value, limit);

    public static Statement CountDeletions(CalendarId calendar) => new(
        """
        SELECT (count(*) FILTER (WHERE o.state = 'deleted' AND o.etag IS NOT NULL AND NOT EXISTS (
                   SELECT 1
                   FROM   lockstep.calendars oc
                   JOIN   lockstep.events e ON e.calendar_id = oc.id AND e.uid = o.uid AND NOT e.deleted
                   WHERE  oc.integration_id = c.integration_id AND oc.id <> c.id)))::integer,
               (count(*) FILTER (WHERE o.state <> 'new'))::integer,
               coalesce(max(c.recent_deletions) FILTER (WHERE c.recent_deletions_since > clock_timestamp() - interval '10 minutes'), 0)
        FROM   lockstep.calendars c
        LEFT   JOIN lockstep.calendar_objects o ON o.calendar_id = c.id
        WHERE  c.id = $1
        """, calendar.Value);

    /// <summary>Before <see cref="Erased"/>: counts it among the recent deletions, unless it only moved.</summary>
    public static Statement CountErased(CalendarObjectId id) => new(
        """
        UPDATE lockstep.calendars c
        SET    recent_deletions = CASE WHEN c.recent_deletions_since > clock_timestamp() - interval '10 minutes' THEN c.recent_deletions + 1 ELSE 1 END,
               recent_deletions_since = CASE WHEN c.recent_deletions_since > clock_timestamp() - interval '10 minutes'
                                             THEN c.recent_deletions_since ELSE clock_timestamp() END
        FROM   lockstep.calendar_objects o
        WHERE  o.id = $1
        AND    c.id = o.calendar_id
        AND    NOT EXISTS (SELECT 1
                           FROM   lockstep.calendars oc
                           JOIN   lockstep.events e ON e.calendar_id = oc.id AND e.uid = o.uid AND NOT e.deleted
                           WHERE  oc.integration_id = c.integration_id AND oc.id <> c.id)
        """, id.Value);

    /// <summary>What is sent, beside each resource; a deletion needs no text.</summary>
    public static Statement Sending(IReadOnlyList<PendingWrite> writes)
    {
        var texts = writes.Where(write => write.Text is not null).ToArray();
        return new(
            """
            UPDATE lockstep.calendar_objects o
            SET    sent = w.ics
            FROM   unnest($1::uuid[], $2::text[]) w (id, ics)
            WHERE  o.id = w.id
            """, Array.ConvertAll(texts, write => write.Id.Value), Array.ConvertAll(texts, write => write.Text));
    }

    public static PendingWrite ReadPending(NpgsqlDataReader row)
    {
        var (id, href, etag) = (new CalendarObjectId(row.GetGuid(0)), row.GetString(1), row.GetStringOrNull(2));
        var (attempts, ics, version) = (row.GetInt32(4), row.GetString(5), row.GetInt64(6));
        PendingWrite write = MirrorEntry.StateOf(row.GetString(3)) switch
        {
            ObjectState.New => new PendingWrite.Create(id, href, version, attempts, ics),
            ObjectState.Changed => new PendingWrite.Change(id, href, version, attempts, etag, ics),
            _ => new PendingWrite.Delete(id, href, version, attempts, etag),
        };
        return write with { LastRefusal = row.GetStringOrNull(7), Rests = row.GetBoolean(8) };
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
               refused_code = NULL,
               retry_at = NULL,
               sent = NULL,
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
        new("UPDATE lockstep.calendar_objects SET state = 'new', etag = NULL, base = NULL, sent = NULL, attempts = 0, reason = NULL, refused_code = NULL, retry_at = NULL WHERE id = $1", id.Value),
    ];

    public static Statement SetAside(IReadOnlyList<CalendarId> calendars) => new(
        """
        SELECT o.calendar_id, o.href
        FROM   lockstep.calendar_objects o
        WHERE  o.calendar_id = ANY ($1)
        AND    o.state = 'quarantined'
        AND    o.etag IS NULL
        AND    (o.retry_at IS NULL OR o.retry_at <= clock_timestamp())
        ORDER  BY o.calendar_id, o.href
        LIMIT  200
        """, calendars.Select(id => id.Value).ToArray());

    public static Statement WithResting(IntegrationId integration) => new(
        """
        SELECT DISTINCT c.id
        FROM   lockstep.calendars c
        JOIN   lockstep.calendar_objects o ON o.calendar_id = c.id AND o.retry_at IS NOT NULL
        WHERE  c.integration_id = $1
        ORDER  BY c.id
        """, integration.Value);

    public static Statement TryAgain(CalendarId calendar) => new(
        "UPDATE lockstep.calendar_objects SET retry_at = NULL WHERE calendar_id = $1 AND retry_at IS NOT NULL", calendar.Value);

    /// <summary>The first times it is tried again with the next run, then after 1, 2, 4 ... minutes, at last every 6 hours.</summary>
    public static Statement Refused(CalendarObjectId id, string code, string reason) => new(
        """
        UPDATE lockstep.calendar_objects
        SET    attempts = attempts + 1,
               refused_code = $2,
               reason = $3,
               retry_at = CASE WHEN attempts >= 2
                               THEN clock_timestamp() + least(interval '1 minute' * power(2, least(attempts, 12) - 2), interval '6 hours') END
        WHERE  id = $1
        """, id.Value, code, reason);
}
