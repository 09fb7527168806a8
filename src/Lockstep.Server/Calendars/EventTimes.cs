using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>From the times of a VEVENT to instants.</summary>
internal static class EventTimes
{
    /// <summary>A local time that does not exist is read with the offset before the gap, one that exists twice means the first (RFC 5545 section 3.3.5).</summary>
    public static Instant ToInstant(CalendarTime time, ZoneResolver zones) => ToInstant(time.Local, zones.ZoneOf(time));

    public static Instant ToInstant(LocalDateTime local, DateTimeZone zone) =>
        local.WithOffset(zone.MapLocal(local).EarlyInterval.WallOffset).ToInstant();

    /// <summary>DTEND, else DTSTART and DURATION, else a day for a date and nothing for a time (RFC 5545 section 3.6.1).</summary>
    public static CalendarTime End(CalendarComponent component, CalendarTime start, ZoneResolver zones)
    {
        var end = component.Property("DTEND") is { } line && CalendarTime.Of(line) is { } told && told.IsDate == start.IsDate ? told
            : component.Property("DURATION") is { } length && CalendarDuration.Parse(length.Value) is { } duration ? Plus(start, duration, zones)
            : start;
        if (ToInstant(end, zones) < ToInstant(start, zones))
            end = start;
        return start.IsDate && end.Local <= start.Local ? start with { Local = start.Local.PlusDays(1) } : end;
    }

    private static CalendarTime Plus(CalendarTime start, CalendarDuration duration, ZoneResolver zones)
    {
        if (start.IsDate)
            return start with { Local = start.Local.PlusDays(duration.Days + (int)duration.Time.TotalDays) };
        var zone = zones.ZoneOf(start);
        var end = ToInstant(start.Local.PlusDays(duration.Days), zone) + duration.Time;
        return start with { Local = end.InZone(zone).LocalDateTime };
    }
}
