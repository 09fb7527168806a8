using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>An event that may take time of its owner in a window that was asked for.</summary>
/// <param name="Calendar">Null: it is only here.</param>
internal sealed record BlockingEvent(EventId Id, CalendarId? Calendar, string Summary, string Ics)
{
    /// <summary>A row of <see cref="BusyTimes.SelectEvents"/>.</summary>
    public static BlockingEvent Read(NpgsqlDataReader row) => new(
        new EventId(row.GetGuid(1)), row.GetGuidOrNull(2) is { } calendar ? new CalendarId(calendar) : null, row.GetString(3), row.GetString(0));

    /// <summary>When it takes time, each occurrence by itself.</summary>
    /// <returns>Null when it cannot be said: unreadable, or too much work. All of the window counts as taken then.</returns>
    public IReadOnlyList<Interval>? Times(Interval window, DateTimeZone ownerZone, CancellationToken ct)
    {
        var found = BusyTimes.Of([Ics], [], window, ownerZone, ct);
        return found.TooMuch || found.Unknown.Count > 0 ? null : found.Busy;
    }
}
