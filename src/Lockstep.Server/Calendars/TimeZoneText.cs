using Lockstep.Calendaring.ICalendar;
using NodaTime;
using NodaTime.TimeZones;

namespace Lockstep.Server.Calendars;

/// <summary>Writes the VTIMEZONE that a TZID needs (RFC 5545 section 3.2.19), from the tz database.</summary>
/// <remarks>Observances are listed by date for the years around the event, not by rule: law changes them too often for a rule to be true.</remarks>
internal static class TimeZoneText
{
    private const int YearsAfter = 10;

    /// <summary>Adds the zone unless the document has it, or the name is no zone of the tz database.</summary>
    public static void Ensure(CalendarDocument document, string tzId, LocalDate around)
    {
        if (document.Calendar is not { } calendar || DateTimeZoneProviders.Tzdb.GetZoneOrNull(tzId) is not { } zone
            || document.ComponentsNamed("VTIMEZONE").Any(other => other.Property("TZID")?.Value == tzId))
            return;
        var component = calendar.AddComponent("VTIMEZONE");
        component.AddProperty("TZID", tzId);
        var from = new LocalDate(Math.Max(around.Year - 1, 1), 1, 1).AtMidnight().InUtc().ToInstant();
        var to = new LocalDate(Math.Min(around.Year + YearsAfter, 9998), 1, 1).AtMidnight().InUtc().ToInstant();
        var intervals = zone.GetZoneIntervals(from, to).ToList();
        var before = intervals[0].WallOffset;
        var observances = new List<(ZoneInterval Interval, Offset From)>();
        foreach (var interval in intervals)
        {
            observances.Add((interval, before));
            before = interval.WallOffset;
        }
        foreach (var group in observances.GroupBy(o => (o.Interval.Name, o.From, o.Interval.WallOffset, Daylight: o.Interval.Savings != Offset.Zero)))
        {
            var observance = component.AddComponent(group.Key.Daylight ? "DAYLIGHT" : "STANDARD");
            var onsets = group.Select(o => CalendarTime.Floating(Instant.Max(o.Interval.HasStart ? o.Interval.Start : from, from).WithOffset(group.Key.From).LocalDateTime)).ToList();
            observance.AddProperty("DTSTART", onsets[0].ToString());
            observance.AddProperty("TZOFFSETFROM", Text(group.Key.From));
            observance.AddProperty("TZOFFSETTO", Text(group.Key.WallOffset));
            observance.AddProperty("TZNAME", group.Key.Name);
            foreach (var onset in onsets.Skip(1))
                observance.AddProperty("RDATE", onset.ToString());
        }
    }

    private static string Text(Offset offset)
    {
        var seconds = Math.Abs(offset.Seconds);
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{(offset.Seconds < 0 ? '-' : '+')}{seconds / 3600:00}{seconds / 60 % 60:00}");
    }
}
