using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>The mirror's row of one resource, whole.</summary>
/// <param name="Raw">The server's text where it could not be read as an event.</param>
/// <param name="Base">The server's text that a pending edit was made of.</param>
/// <param name="Sent">The text of a write that was begun and whose answer may have been lost.</param>
internal sealed record MirrorEntry(
    CalendarObjectId Id,
    string Href,
    string? ETag,
    ObjectState State,
    string? Uid,
    EventId? Event,
    string? Raw = null,
    string? Base = null,
    string? Reason = null,
    Instant? RemoteAt = null,
    Instant? LocalChangedAt = null,
    string? Sent = null)
{
    public bool IsPending => State is ObjectState.New or ObjectState.Changed or ObjectState.Deleted;

    /// <summary>The columns id, href, etag, state, uid, event_id, ics, base, reason, remote_at, local_changed_at, sent.</summary>
    public static MirrorEntry Read(NpgsqlDataReader row) => new(
        new CalendarObjectId(row.GetGuid(0)),
        row.GetString(1),
        row.GetStringOrNull(2),
        StateOf(row.GetString(3)),
        row.GetStringOrNull(4),
        row.GetGuidOrNull(5) is { } id ? new EventId(id) : null,
        row.GetStringOrNull(6),
        row.GetStringOrNull(7),
        row.GetStringOrNull(8),
        row.GetInstantOrNull(9),
        row.GetInstantOrNull(10),
        row.GetStringOrNull(11));

    public static ObjectState StateOf(string text) => text switch
    {
        "clean" => ObjectState.Clean,
        "new" => ObjectState.New,
        "changed" => ObjectState.Changed,
        "deleted" => ObjectState.Deleted,
        _ => ObjectState.Quarantined,
    };

    /// <summary>Makes or replaces rows, any number in one statement.</summary>
    /// <param name="owner">Whose calendar it is.</param>
    public static Statement Upsert(CalendarId calendar, Tenant owner, IEnumerable<MirrorEntry> entries)
    {
        MirrorEntry[] rows = [.. entries];
        return new(
            """
            INSERT INTO lockstep.calendar_objects
                   (calendar_id, user_id, workspace_id, id, event_id, href, etag, uid, ics, base, state, reason, remote_at, local_changed_at, quarantined_at)
            SELECT $1, $2::uuid, $3::uuid, r.id, r.event_id, r.href, r.etag, r.uid, r.ics, r.base, r.state, r.reason, r.remote_at, r.local_changed_at,
                   CASE WHEN r.set_aside THEN clock_timestamp() END
            FROM   unnest($4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[],
                          $13::timestamptz[], $14::timestamptz[], $15::boolean[])
                   r (id, event_id, href, etag, uid, ics, base, state, reason, remote_at, local_changed_at, set_aside)
            ON     CONFLICT (id) DO UPDATE
            SET    event_id = excluded.event_id, etag = excluded.etag, uid = excluded.uid, ics = excluded.ics, base = excluded.base,
                   state = excluded.state, reason = excluded.reason, remote_at = excluded.remote_at,
                   local_changed_at = excluded.local_changed_at, sent = NULL, refused_code = NULL,
                   quarantined_at = CASE WHEN excluded.quarantined_at IS NOT NULL THEN coalesce(calendar_objects.quarantined_at, excluded.quarantined_at) END,
                   -- What is not handed out is asked for again with the next run, then after 1, 2, 4 ... minutes, at last every 6 hours.
                   attempts = CASE WHEN excluded.state = 'quarantined' AND excluded.etag IS NULL THEN calendar_objects.attempts + 1 ELSE 0 END,
                   retry_at = CASE WHEN excluded.state = 'quarantined' AND excluded.etag IS NULL
                                   THEN clock_timestamp() + least(interval '1 minute' * power(2, least(calendar_objects.attempts, 12)), interval '6 hours') END
            """,
            calendar.Value,
            owner.User?.Value,
            owner.Workspace?.Value,
            Array.ConvertAll(rows, entry => entry.Id.Value),
            Array.ConvertAll(rows, entry => entry.Event?.Value),
            Array.ConvertAll(rows, entry => entry.Href),
            Array.ConvertAll(rows, entry => entry.ETag),
            Array.ConvertAll(rows, entry => entry.Uid),
            Array.ConvertAll(rows, entry => entry.Raw),
            Array.ConvertAll(rows, entry => entry.Base),
            Array.ConvertAll(rows, entry => entry.State.ToString().ToLowerInvariant()),
            Array.ConvertAll(rows, entry => entry.Reason),
            Array.ConvertAll(rows, entry => Time(entry.RemoteAt)),
            Array.ConvertAll(rows, entry => Time(entry.LocalChangedAt)),
            Array.ConvertAll(rows, entry => entry.State == ObjectState.Quarantined && entry.Reason != EventFacts.NotAnEvent));
    }

    private static DateTime? Time(Instant? instant) => instant is { } at ? EventRows.Storable(at).ToDateTimeUtc() : null;
}
