using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Between which instants all occurrences of a resource lie, wherever its reader is; what a window query looks at first.</summary>
/// <param name="End">Null: a recurrence without an end.</param>
internal readonly record struct EventRange(Instant Start, Instant? End)
{
    // Local times are read as UTC, and zones reach from UTC-12 to UTC+14.
    private static readonly Duration Widest = Duration.FromHours(14);

    // A recurrence by count is followed to its end; one that takes more than this is kept open.
    private const int MaxFollowed = 1000;

    public static EventRange Of(CalendarDocument document, ZoneResolver zones)
    {
        Instant start = Instant.MaxValue, end = Instant.MinValue;
        var open = false;
        foreach (var component in document.ComponentsNamed("VEVENT"))
        {
            if (component.Property("DTSTART") is not { } line || CalendarTime.Of(line) is not { } begin)
                continue;
            var last = EventTimes.End(component, begin, zones);
            var margin = begin.Form is TimeForm.Date or TimeForm.Floating ? Widest : Duration.Zero;
            start = Instant.Min(start, EventTimes.ToInstant(begin, zones) - margin);
            end = Instant.Max(end, EventTimes.ToInstant(last, zones) + margin);
            open |= component.Property("RRULE") is not null || component.Property("RDATE") is not null
                || "THISANDFUTURE".Equals(component.Property("RECURRENCE-ID")?.Parameter("RANGE"), StringComparison.OrdinalIgnoreCase);
        }
        return open ? Follow(document, start, end) : new EventRange(start, end);
    }

    private static EventRange Follow(CalendarDocument document, Instant start, Instant end)
    {
        if (!document.ComponentsNamed("VEVENT").All(component => component.PropertiesNamed("RRULE").All(HasEnd)))
            return new EventRange(Earliest(document, start), null);
        var report = new ExpansionReport();
        var followed = 0;
        foreach (var occurrence in Occurrences.Expand(document, new Interval(null, null), DateTimeZone.Utc, report))
        {
            if (++followed > MaxFollowed)
                return new EventRange(start, null);
            var margin = occurrence.Zone == DateTimeZone.Utc ? Widest : Duration.Zero;
            start = Instant.Min(start, occurrence.Start - margin);
            end = Instant.Max(end, occurrence.End + margin);
        }
        return new EventRange(start, report.IsIncomplete || report.CompleteUntil is not null ? null : end);
    }

    private static bool HasEnd(ContentLine line) => RecurrenceRule.Parse(line.Value, out _) is { } rule && (rule.Count ?? (rule.Until is null ? null : 1)) is not null;

    // An RDATE, or an override moved forward, may come before DTSTART.
    private static Instant Earliest(CalendarDocument document, Instant start) =>
        document.ComponentsNamed("VEVENT").Any(component => component.Property("RDATE") is not null)
            ? Instant.Min(start, Occurrences.Expand(document, new Interval(null, start), DateTimeZone.Utc).FirstOrDefault()?.Start - Widest ?? start)
            : start;
}
