using NodaTime;
using NodaTime.TimeZones;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Writes a zone of the tz database as a VTIMEZONE (RFC 5545 section 3.6.5).</summary>
/// <remarks>
/// What repeats by one rule until the year 2050 is written as that rule, without end; what does not is listed one by
/// one. Nothing before the year that is asked for is described, as nobody needs it.
/// </remarks>
internal static class VTimeZoneWriter
{
    private const int LastYear = 2050;

    public static void Add(CalendarComponent calendar, string tzId, DateTimeZone zone, int fromYear)
    {
        // Inner components come before the events, as old readers want zones known before they are used.
        var first = calendar.Nodes.FindIndex(node => node is CalendarComponent { Name: not "VTIMEZONE" });
        var timeZone = calendar.InsertComponent(first < 0 ? calendar.Nodes.Count : first, "VTIMEZONE");
        timeZone.AddProperty("TZID", tzId);
        fromYear = Math.Clamp(fromYear, 2, 9000);
        var from = Instant.FromUtc(fromYear - 1, 12, 31, 0, 0);
        var to = Instant.FromUtc(Math.Max(LastYear, fromYear + 30), 1, 1, 0, 0);
        var intervals = zone.GetZoneIntervals(from, to).ToList();
        AddObservance(timeZone, intervals[0], intervals[0].WallOffset, [Local(from, intervals[0].WallOffset)], null);
        var onsets = intervals.Skip(1).Select((interval, i) => new Onset(interval, intervals[i].WallOffset));
        foreach (var kind in onsets.GroupBy(onset => (onset.From, onset.To, onset.Interval.Name)))
            AddKind(timeZone, [.. kind], to);
    }

    /// <summary>Single onsets first, then those at the end that one rule describes.</summary>
    private static void AddKind(CalendarComponent timeZone, List<Onset> onsets, Instant to)
    {
        var regular = 0;
        string? rule = null;
        // A rule that has not stopped by the end of what was looked at goes on for ever.
        if (onsets[^1].Interval.Start > to - Duration.FromDays(400))
            (regular, rule) = Tail(onsets);
        if (onsets.Count > regular)
            AddObservance(timeZone, onsets[0].Interval, onsets[0].From, [.. onsets.SkipLast(regular).Select(onset => onset.Local)], null);
        if (regular > 0)
            AddObservance(timeZone, onsets[0].Interval, onsets[0].From, [onsets[^regular].Local], rule);
    }

    /// <summary>How many of the last onsets, one each year, a single yearly rule gives.</summary>
    private static (int Count, string? Rule) Tail(List<Onset> onsets)
    {
        var last = onsets[^1].Local;
        int low = last.Day, high = last.Day, count = 0;
        var allLast = true;
        for (var i = onsets.Count - 1; i >= 0; i--)
        {
            var local = onsets[i].Local;
            var (newLow, newHigh) = (Math.Min(low, local.Day), Math.Max(high, local.Day));
            if (local.Year != last.Year - count || local.Month != last.Month || local.TimeOfDay != last.TimeOfDay
                || local.DayOfWeek != last.DayOfWeek || newHigh - newLow > 6)
                break;
            (low, high) = (newLow, newHigh);
            allLast &= local.Day > Civil.DaysInMonth(local.Year, local.Month) - 7;
            count++;
        }
        // Fewer than a leap cycle of weekdays do not show which days the rule means.
        if (count < 12)
            return (0, null);
        var day = last.DayOfWeek.ToString()[..2].ToUpperInvariant();
        var which = allLast ? $"BYDAY=-1{day}"
            : (low - 1) / 7 == (high - 1) / 7 ? $"BYDAY={((low - 1) / 7) + 1}{day}"
            : $"BYDAY={day};BYMONTHDAY={string.Join(',', Enumerable.Range(low, 7))}";
        return (count, $"FREQ=YEARLY;BYMONTH={last.Month};{which}");
    }

    private static void AddObservance(
        CalendarComponent timeZone, ZoneInterval interval, Offset from, IReadOnlyList<LocalDateTime> onsets, string? rule)
    {
        var observance = timeZone.AddComponent(interval.Savings > Offset.Zero ? "DAYLIGHT" : "STANDARD");
        observance.SetTime("DTSTART", CalendarTime.Floating(onsets[0]));
        observance.AddProperty("TZOFFSETFROM", UtcOffset.Format(from));
        observance.AddProperty("TZOFFSETTO", UtcOffset.Format(interval.WallOffset));
        observance.AddProperty("TZNAME", interval.Name);
        if (rule is not null)
            observance.AddProperty("RRULE", rule);
        foreach (var onset in onsets.Skip(1))
            observance.AddProperty("RDATE", CalendarTime.Floating(onset).ToString());
    }

    private static LocalDateTime Local(Instant instant, Offset offset) => instant.WithOffset(offset).LocalDateTime;

    private readonly record struct Onset(ZoneInterval Interval, Offset From)
    {
        public Offset To => Interval.WallOffset;

        /// <summary>On the clock as it was before, which is how DTSTART of an observance is written.</summary>
        public LocalDateTime Local => VTimeZoneWriter.Local(Interval.Start, From);
    }
}
