using Lockstep.Calendaring.ICalendar;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>Short ways to write an event and to read what it expands to.</summary>
internal static class Expanding
{
    public static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    public static readonly DateTimeZone NewYork = DateTimeZoneProviders.Tzdb["America/New_York"];

    /// <summary>A VCALENDAR with one VEVENT of these lines.</summary>
    public static CalendarDocument Event(params string[] lines) =>
        CalendarDocument.Parse($"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:a\r\n{string.Join("\r\n", lines)}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");

    /// <param name="from">yyyy-MM-dd, UTC</param>
    /// <param name="to">Exclusive.</param>
    public static List<Occurrence> Between(
        this CalendarDocument document, string from, string to, DateTimeZone? zone = null, ExpansionReport? report = null) =>
        [.. Occurrences.Expand(document, new Interval(At(from), At(to)), zone ?? DateTimeZone.Utc, report)];

    public static string Text(this Occurrence occurrence) =>
        $"{InstantPattern.General.Format(occurrence.Start)} {InstantPattern.General.Format(occurrence.End)}";

    public static Instant At(string text) =>
        text.Length == 10 ? LocalDatePattern.Iso.Parse(text).Value.AtMidnight().InUtc().ToInstant() : InstantPattern.General.Parse(text).Value;
}
