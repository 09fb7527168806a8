using Lockstep.Calendaring.ICalendar;

namespace Lockstep.Server.Calendars;

/// <summary>One line of <c>recurrence</c> as the API takes it: <c>RRULE:FREQ=WEEKLY</c>, <c>EXDATE;TZID=Europe/Berlin:20261121T090000</c>.</summary>
internal static class RecurrenceLine
{
    /// <returns>Null when it is not one line of RRULE, RDATE, EXDATE or EXRULE with a value that can be read.</returns>
    public static ContentLine? Read(string? text)
    {
        if (text is null || text.AsSpan().ContainsAny('\r', '\n', '\0') || text.Length > 10_000)
            return null;
        var line = CalendarDocument.Parse($"BEGIN:VEVENT\r\n{text}\r\nEND:VEVENT\r\n").Components.FirstOrDefault()?.Properties.FirstOrDefault();
        return line?.Name switch
        {
            "RRULE" or "EXRULE" => RecurrenceRule.Parse(line.Value, out _) is null ? null : line,
            "EXDATE" => line.Value.Split(',').All(value => CalendarTime.Parse(value, line.Parameter("TZID")) is not null) ? line : null,
            "RDATE" => line.Value.Split(',').All(value =>
                CalendarTime.Parse(value, line.Parameter("TZID")) is not null || CalendarPeriod.Parse(value, line.Parameter("TZID")) is not null) ? line : null,
            _ => null,
        };
    }
}
