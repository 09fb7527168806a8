using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>Hours on some days of every week, by the wall clock of one place.</summary>
/// <param name="Ranges">At least one; no two overlap on any day.</param>
internal sealed record WorkingHours(DateTimeZone Zone, IReadOnlyList<HoursRange> Ranges)
{
    public WorkingHours(DateTimeZone zone, IReadOnlySet<IsoDayOfWeek> days, int startMinute, int endMinute)
        : this(zone, [new HoursRange(days, startMinute, endMinute)])
    {
    }

    /// <summary>Whether the wall clock stands within the hours at this instant.</summary>
    public bool Contain(Instant at)
    {
        var wall = at.InZone(Zone);
        var minute = (wall.Hour * 60) + wall.Minute;
        return Ranges.Any(range => range.Days.Contains(wall.DayOfWeek) && minute >= range.StartMinute && minute < range.EndMinute);
    }

    /// <summary>The instants inside <paramref name="window"/> at which the wall clock stands within the hours: sorted, apart.</summary>
    /// <remarks>
    /// Taken literally, so both turns of the clock come out right: an hour that the clock skips is not there, one that it shows
    /// twice is there twice. Where it turns inside a range, the two sides are one piece; two days or two ranges never are.
    /// </remarks>
    public IEnumerable<Interval> Within(Interval window) => Ranges.Count == 1
        ? Within(Ranges[0], window)
        : Ranges.SelectMany(range => Within(range, window)).OrderBy(piece => piece.Start);

    private IEnumerable<Interval> Within(HoursRange range, Interval window)
    {
        (LocalDate Day, Interval Hours)? open = null;
        foreach (var stretch in Zone.GetZoneIntervals(window))
            for (var day = Local(stretch, window.Start).Date; day <= Local(stretch, window.End).Date; day = day.PlusDays(1))
            {
                if (!range.Days.Contains(day.DayOfWeek))
                    continue;
                var piece = Clip(At(day, range.StartMinute, stretch), At(day, range.EndMinute, stretch), stretch, window);
                if (piece.Start >= piece.End)
                    continue;
                if (open is { } before && before.Day == day && before.Hours.End == piece.Start)
                {
                    open = (day, new Interval(before.Hours.Start, piece.End));
                    continue;
                }
                if (open is { } done)
                    yield return done.Hours;
                open = (day, new Interval(piece.Start, piece.End));
            }
        if (open is { } last)
            yield return last.Hours;
    }

    private static LocalDateTime Local(NodaTime.TimeZones.ZoneInterval stretch, Instant instant)
    {
        var start = stretch.HasStart ? Instant.Max(instant, stretch.Start) : instant;
        return (stretch.HasEnd ? Instant.Min(start, stretch.End) : start).WithOffset(stretch.WallOffset).LocalDateTime;
    }

    private static Instant At(LocalDate day, int minute, NodaTime.TimeZones.ZoneInterval stretch) =>
        day.AtMidnight().PlusMinutes(minute).WithOffset(stretch.WallOffset).ToInstant();

    private static (Instant Start, Instant End) Clip(
        Instant start, Instant end, NodaTime.TimeZones.ZoneInterval stretch, Interval window)
    {
        start = Instant.Max(start, window.Start);
        end = Instant.Min(end, window.End);
        return (stretch.HasStart ? Instant.Max(start, stretch.Start) : start, stretch.HasEnd ? Instant.Min(end, stretch.End) : end);
    }
}

/// <summary>From when to when, on which days.</summary>
/// <param name="StartMinute">Minutes after midnight.</param>
/// <param name="EndMinute">Minutes after midnight, exclusive; up to 1440, which is the next midnight.</param>
internal sealed record HoursRange(IReadOnlySet<IsoDayOfWeek> Days, int StartMinute, int EndMinute);
