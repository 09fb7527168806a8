using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>Working hours, less what is taken: the times that can be had. Pure: no clock, no I/O.</summary>
internal static class Availability
{
    /// <summary>The slots of one length that lie wholly in the hours, in the window, and in nothing busy.</summary>
    /// <param name="busy">In any order, overlapping or not.</param>
    /// <param name="window">Only slots that start and end in it.</param>
    /// <param name="length">Also the step: slots are laid end to end from where the hours begin, so that the grid does not move with what is busy.</param>
    /// <param name="earliest">No slot starts before it: now, or now and some notice.</param>
    /// <returns>Sorted; no two overlap.</returns>
    public static IEnumerable<Slot> Slots(
        WorkingHours hours, IEnumerable<Interval> busy, Interval window, Duration length, Instant earliest)
    {
        var taken = busy.Where(interval => interval.Duration > Duration.Zero).OrderBy(interval => interval.Start).ToList();
        var next = 0;
        // Asked for from two days before: the grid begins with a day's hours, not where the window happens to cut them.
        foreach (var open in hours.Within(new Interval(window.Start - Duration.FromDays(2), window.End)))
            for (var start = open.Start; start + length <= open.End; start += length)
            {
                var end = start + length;
                if (start < window.Start || start < earliest || end > window.End)
                    continue;
                while (next < taken.Count && taken[next].End <= start)
                    next++;
                if (!Overlaps(taken, next, start, end))
                    yield return new Slot(start, end);
            }
    }

    /// <summary>Later intervals may be the shorter ones: looks at all that begin before the end.</summary>
    private static bool Overlaps(List<Interval> taken, int from, Instant start, Instant end)
    {
        for (var i = from; i < taken.Count && taken[i].Start < end; i++)
            if (taken[i].End > start)
                return true;
        return false;
    }
}
