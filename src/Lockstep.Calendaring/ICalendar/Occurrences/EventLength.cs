namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// How long each instance lasts. DTEND gives the same exact time to all of them, DURATION is nominal: its days move
/// the local date (RFC 5545 section 3.8.5.3).
/// </summary>
/// <param name="Days">Moved on the calendar, before <paramref name="Seconds"/> pass.</param>
/// <param name="OfDates">Whole days: they end at midnight, also where the first begins later because the clock skips its midnight.</param>
internal readonly record struct EventLength(int Days, long Seconds, bool OfDates = false)
{
    public bool IsNegative => Days < 0 || Seconds < 0;

    /// <summary>At least how many seconds before a window an instance must start to be over when it begins.</summary>
    public long Reach => (Days == 0 ? 0 : (Days + 1) * Civil.SecondsPerDay) + Seconds;

    /// <summary>Without DTEND and DURATION: a date lasts a day, a time has no length (RFC 5545 section 3.6.1).</summary>
    public static EventLength Default(bool isDate) => new(isDate ? 1 : 0, 0, isDate);

    /// <summary>A date ends the next day at the earliest, even where DTEND repeats DTSTART.</summary>
    public static EventLength OfDays(int days) => new(days == 0 ? 1 : days, 0, OfDates: true);

    public static EventLength Exact(long seconds) => new(0, seconds);

    public static EventLength Of(CalendarDuration duration, bool isDate)
    {
        var seconds = (long)duration.Time.TotalSeconds;
        if (isDate)
            return OfDays(Math.Max(0, duration.Days + (int)Civil.CeilDiv(seconds, Civil.SecondsPerDay)));
        return duration.Days < 0 || seconds < 0 ? default : new EventLength(duration.Days, seconds);
    }

    public long EndOf(long start, ZoneClock clock) =>
        (Days == 0 ? start : clock.ToUnix(Begin(clock.ToLocal(start)) + (Days * Civil.SecondsPerDay))) + Seconds;

    private long Begin(long local) => OfDates ? local - (((local % Civil.SecondsPerDay) + Civil.SecondsPerDay) % Civil.SecondsPerDay) : local;
}
