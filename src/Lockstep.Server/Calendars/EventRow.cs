using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>An event as it is stored: whose it is, its text, and the stamps that decide.</summary>
/// <param name="Calendar">Null for an event that is only here.</param>
/// <param name="Version">Rises with every change; its ETag.</param>
/// <param name="ChangedAt">The time by which the last write wins.</param>
/// <param name="ReadOnly">Its calendar takes no writes.</param>
internal sealed record EventRow(
    EventId Id,
    Tenant Owner,
    CalendarId? Calendar,
    MatterId? Matter,
    string Uid,
    string Ics,
    long Version,
    Instant ChangedAt,
    bool Deleted,
    Instant CreatedAt,
    bool ReadOnly)
{
    // A copy with another text takes this along, so it says of which text it is.
    private (string Ics, EventFacts Facts)? read;

    /// <summary>Read from the text when first asked for.</summary>
    public EventFacts Facts
    {
        get
        {
            if (read is null || !ReferenceEquals(read.Value.Ics, Ics))
                read = (Ics, EventFacts.Read(Ics, out _) ?? throw new InvalidOperationException($"Event {Id} was stored without being readable: a bug."));
            return read.Value.Facts;
        }
    }

    private EventRecord? record;

    /// <summary>Made when first asked for.</summary>
    public EventRecord Record => record is { } known && known.IsOf(this) ? known : record = EventRecord.Of(this);

    /// <summary>The same, of which the text was read already.</summary>
    /// <param name="made">What was made of that text; it counts where it is of this row.</param>
    public EventRow Knowing(EventFacts facts, EventRecord? made = null) => this with { read = (Ics, facts), record = made };

    public string ETag => $"\"{Version}\"";

    /// <summary>The columns of a SELECT: id, user_id, workspace_id, calendar_id, matter_id, uid, ics, version, changed_at, deleted, created_at, read_only.</summary>
    public static EventRow Read(NpgsqlDataReader row) => Read(row, 0);

    /// <param name="at">The first of its twelve columns.</param>
    public static EventRow Read(NpgsqlDataReader row, int at) => new(
        new EventId(row.GetGuid(at)),
        new Tenant(
            row.GetGuidOrNull(at + 1) is { } user ? new UserId(user) : null,
            row.GetGuidOrNull(at + 2) is { } workspace ? new WorkspaceId(workspace) : null),
        row.GetGuidOrNull(at + 3) is { } calendar ? new CalendarId(calendar) : null,
        row.GetGuidOrNull(at + 4) is { } matter ? new MatterId(matter) : null,
        row.GetString(at + 5),
        row.GetString(at + 6),
        row.GetInt64(at + 7),
        row.GetInstant(at + 8),
        row.GetBoolean(at + 9),
        row.GetInstant(at + 10),
        row.GetBoolean(at + 11));
}
