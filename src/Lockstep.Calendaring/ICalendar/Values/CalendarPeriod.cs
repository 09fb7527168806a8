namespace Lockstep.Calendaring.ICalendar;

/// <summary>A PERIOD (RFC 5545 section 3.3.9): a start with an end or with a duration.</summary>
/// <param name="End">Null when <paramref name="Length"/> is given.</param>
public readonly record struct CalendarPeriod(CalendarTime Start, CalendarTime? End, CalendarDuration? Length)
{
    /// <returns>Null when the text is not a period of date-times.</returns>
    public static CalendarPeriod? Parse(ReadOnlySpan<char> text, string? tzId)
    {
        var slash = text.IndexOf('/');
        if (slash < 0 || CalendarTime.Parse(text[..slash], tzId) is not { } start)
            return null;
        var rest = text[(slash + 1)..];
        if (CalendarDuration.Parse(rest) is { } length)
            return new CalendarPeriod(start, null, length);
        return CalendarTime.Parse(rest, tzId) is { } end ? new CalendarPeriod(start, end, null) : null;
    }

    public override string ToString() => $"{Start}/{(End is { } end ? end.ToString() : Length.ToString())}";
}
