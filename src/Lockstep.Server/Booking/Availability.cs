using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>Working hours, less what is taken: the times that can be had. Pure: no clock, no I/O.</summary>
internal static class Availability
{
    /// <summary>The slots that lie wholly in the hours and in the window, and touch nothing busy, their buffers included.</summary>
    /// <param name="busy">In any order, overlapping or not.</param>
    /// <param name="window">Only slots that start and end in it; their buffers may reach out of it.</param>
    /// <param name="now">Notice and horizon are counted from it, and nothing starts before it.</param>
    /// <returns>Sorted.</returns>
    /// <remarks>The grid begins where a range of hours begins, so that it does not move with what is busy or with the window.</remarks>
    public static IEnumerable<Slot> Slots(
        WorkingHours hours, SlotRules rules, IEnumerable<Interval> busy, Interval window, Instant now)
    {
        var taken = busy.Where(interval => interval.Duration > Duration.Zero).OrderBy(interval => interval.Start).ToList();
        var (earliest, tooLate) = (now + rules.Notice, rules.EndOfHorizon(hours.Zone, now));
        var next = 0;
        foreach (var slot in Grid(hours, rules, window))
        {
            if (slot.Start < window.Start || slot.Start < earliest || slot.Start >= tooLate || slot.End > window.End)
                continue;
            var (from, to) = (slot.Start - rules.Before, slot.End + rules.After);
            while (next < taken.Count && taken[next].End <= from)
                next++;
            if (!Overlaps(taken, next, from, to))
                yield return slot;
        }
    }

    /// <summary>Every slot that the hours have room for, busy or not; also some from before the window.</summary>
    public static IEnumerable<Slot> Grid(WorkingHours hours, SlotRules rules, Interval window)
    {
        // Asked for from two days before: the grid begins with a day's hours, not where the window happens to cut them.
        foreach (var open in hours.Within(new Interval(window.Start - Duration.FromDays(2), window.End)))
            for (var start = open.Start; start + rules.Length <= open.End; start += rules.Step)
                yield return new Slot(start, start + rules.Length);
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
