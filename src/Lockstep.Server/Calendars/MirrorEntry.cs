using System.Text.Json;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using NodaTime.Text;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>The mirror's row of one resource, whole.</summary>
/// <param name="Raw">The server's text where it could not be read as an event.</param>
/// <param name="Base">The server's text that a pending edit was made of.</param>
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
    Instant? LocalChangedAt = null)
{
    public bool IsPending => State is ObjectState.New or ObjectState.Changed or ObjectState.Deleted;

    /// <summary>The columns id, href, etag, state, uid, event_id, ics, base, reason, remote_at, local_changed_at.</summary>
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
        row.GetInstantOrNull(10));

    public static ObjectState StateOf(string text) => text switch
    {
        "clean" => ObjectState.Clean,
        "new" => ObjectState.New,
        "changed" => ObjectState.Changed,
        "deleted" => ObjectState.Deleted,
        _ => ObjectState.Quarantined,
    };

    /// <summary>Makes or replaces rows, any number in one statement.</summary>
    public static Statement Upsert(CalendarId calendar, IEnumerable<MirrorEntry> entries) => new(
        """
        INSERT INTO lockstep.calendar_objects
               (id, calendar_id, event_id, href, etag, uid, ics, base, state, reason, remote_at, local_changed_at)
        SELECT r.id, $1, r.event_id, r.href, r.etag, r.uid, r.ics, r.base, r.state, r.reason, r.remote_at, r.local_changed_at
        FROM   jsonb_to_recordset($2::jsonb) AS r (
                   id uuid, event_id uuid, href text, etag text, uid text, ics text, base text, state text, reason text,
                   remote_at timestamptz, local_changed_at timestamptz)
        ON     CONFLICT (id) DO UPDATE
        SET    event_id = excluded.event_id, etag = excluded.etag, uid = excluded.uid, ics = excluded.ics, base = excluded.base,
               state = excluded.state, reason = excluded.reason, remote_at = excluded.remote_at,
               local_changed_at = excluded.local_changed_at, attempts = 0
        """,
        calendar.Value, JsonSerializer.Serialize(entries.Select(Columns)));

    private static object Columns(MirrorEntry entry) => new
    {
        id = entry.Id.Value,
        event_id = entry.Event?.Value,
        href = entry.Href,
        etag = entry.ETag,
        uid = entry.Uid,
        ics = entry.Raw,
        @base = entry.Base,
        state = entry.State.ToString().ToLowerInvariant(),
        reason = entry.Reason,
        remote_at = Text(entry.RemoteAt),
        local_changed_at = Text(entry.LocalChangedAt),
    };

    private static string? Text(Instant? instant) => instant is { } at ? InstantPattern.ExtendedIso.Format(EventRows.Storable(at)) : null;
}
