using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>The four forms of a DATE or DATE-TIME (RFC 5545 sections 3.3.4 and 3.3.5).</summary>
public enum TimeForm
{
    /// <summary>A day, without time or zone.</summary>
    Date,

    /// <summary>A local time that means whatever zone the reader is in.</summary>
    Floating,

    /// <summary>A UTC time, written with Z.</summary>
    Utc,

    /// <summary>A local time of the zone that TZID names.</summary>
    Zoned,
}

/// <summary>A DATE or DATE-TIME as it is written. Which instant it means depends on the zone, see <see cref="ZoneResolver"/>.</summary>
/// <param name="Local">What is written; at midnight for <see cref="TimeForm.Date"/>.</param>
/// <param name="TzId">Given for <see cref="TimeForm.Zoned"/> alone.</param>
public readonly record struct CalendarTime(LocalDateTime Local, TimeForm Form, string? TzId)
{
    public bool IsDate => Form == TimeForm.Date;

    /// <summary>The VALUE and TZID parameters that it needs on its line.</summary>
    public IReadOnlyList<Parameter> Parameters => Form switch
    {
        TimeForm.Date => [new Parameter("VALUE", "DATE")],
        TimeForm.Zoned => [new Parameter("TZID", TzId!)],
        _ => [],
    };

    public static CalendarTime Date(LocalDate date) => new(date.AtMidnight(), TimeForm.Date, null);

    public static CalendarTime Floating(LocalDateTime local) => new(local, TimeForm.Floating, null);

    public static CalendarTime Utc(Instant instant) => new(instant.InUtc().LocalDateTime, TimeForm.Utc, null);

    public static CalendarTime Zoned(LocalDateTime local, string tzId) => new(local, TimeForm.Zoned, tzId);

    /// <summary>How far on the clock this is after another, in seconds, whatever zones they are in.</summary>
    public long ClockSecondsAfter(CalendarTime other) => Civil.Seconds(Local) - Civil.Seconds(other.Local);

    /// <summary>Moved on the clock, in days of 24 hours; not beyond the years 1 to 9999.</summary>
    public CalendarTime PlusClockSeconds(long seconds) =>
        this with { Local = Civil.Local(Math.Clamp(Civil.Seconds(Local) + seconds, Civil.MinSeconds, Civil.MaxSeconds)) };

    /// <summary>Reads <c>20261121</c>, <c>20261121T101500</c> or <c>20261121T101500Z</c>.</summary>
    /// <param name="tzId">Makes a local time zoned; has no meaning for a date or a UTC time.</param>
    /// <returns>Null when the text is neither. A leap second is read as the second before it.</returns>
    public static CalendarTime? Parse(ReadOnlySpan<char> text, string? tzId)
    {
        text = text.Trim();
        if (text.Length < 8 || !Digits.TryRead(text[..8], out var date) || !Digits.IsDate(date))
            return null;
        var day = new LocalDate(date / 10000, date / 100 % 100, date % 100);
        if (text.Length == 8)
            return Date(day);
        var utc = text[^1] is 'Z' or 'z';
        var time = utc ? text[9..^1] : text[9..];
        if (text[8] is not ('T' or 't') || time.Length is not (4 or 6) || !Digits.TryRead(time, out var clock))
            return null;
        clock = time.Length == 4 ? clock * 100 : clock;
        var (hour, minute, second) = (clock / 10000, clock / 100 % 100, clock % 100);
        if (hour > 23 || minute > 59 || second > 60)
            return null;
        var local = day.At(new LocalTime(hour, minute, Math.Min(second, 59)));
        return utc ? new CalendarTime(local, TimeForm.Utc, null)
            : tzId is { Length: > 0 } ? Zoned(local, tzId)
            : Floating(local);
    }

    /// <returns>The value of a DTSTART, DTEND, RECURRENCE-ID or the like; null when it cannot be read.</returns>
    public static CalendarTime? Of(ContentLine line)
    {
        ArgumentNullException.ThrowIfNull(line);
        return Parse(line.Value, line.Parameter("TZID"));
    }

    /// <summary>The value as it stands on a line.</summary>
    public override string ToString()
    {
        var (local, form) = (Local, Form);
        return string.Create(form switch { TimeForm.Date => 8, TimeForm.Utc => 16, _ => 15 }, local, (span, at) =>
        {
            Digits.Write(span[..4], at.Year);
            Digits.Write(span[4..6], at.Month);
            Digits.Write(span[6..8], at.Day);
            if (span.Length == 8)
                return;
            span[8] = 'T';
            Digits.Write(span[9..11], at.Hour);
            Digits.Write(span[11..13], at.Minute);
            Digits.Write(span[13..15], at.Second);
            if (span.Length == 16)
                span[15] = 'Z';
        });
    }
}
