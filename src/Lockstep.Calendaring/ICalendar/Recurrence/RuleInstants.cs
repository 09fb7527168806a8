namespace Lockstep.Calendaring.ICalendar;

/// <summary>The starts of a rule as instants, in order, bounded by UNTIL.</summary>
/// <remarks>
/// A start inside a gap of daylight-saving time moves behind it, and then may come after starts that follow it on the
/// clock. Such ones wait in a queue; both sequences are in order, so merging them is.
/// </remarks>
internal sealed class RuleInstants
{
    private readonly RuleStarts starts;
    private readonly ZoneClock clock;
    private readonly long until;
    private readonly Queue<long> moved = new();
    private long ahead;
    private bool hasAhead;
    private bool atEnd;

    /// <param name="from">Starts before this local time may be left out.</param>
    /// <param name="limit">Starts after this local time are left out.</param>
    public RuleInstants(RecurrenceRule rule, long start, bool isDate, ZoneClock clock, long from, long limit, WorkBudget budget)
    {
        this.clock = clock;
        until = Until(rule, isDate, clock);
        if (until != long.MaxValue)
            limit = Math.Min(limit, clock.ToLocal(until) + Civil.SecondsPerDay);
        starts = new RuleStarts(rule, start, isDate, limit, budget);
        starts.SkipTo(from);
    }

    /// <summary>Unix seconds.</summary>
    public long Current { get; private set; }

    public bool MoveNext()
    {
        if (!hasAhead && !atEnd)
            Advance();
        if (moved.Count > 0 && (!hasAhead || moved.Peek() <= ahead))
            Current = moved.Dequeue();
        else if (hasAhead)
            (Current, hasAhead) = (ahead, false);
        else
            return false;
        return Current <= until;
    }

    private void Advance()
    {
        while (starts.MoveNext())
        {
            ahead = clock.ToUnix(starts.Current, out var inGap);
            if (!inGap)
            {
                hasAhead = true;
                return;
            }
            moved.Enqueue(ahead);
        }
        atEnd = true;
    }

    /// <summary>UNTIL as the last possible instant. A date with a timed DTSTART, which RFC 5545 forbids, means that whole day.</summary>
    private static long Until(RecurrenceRule rule, bool isDate, ZoneClock clock)
    {
        if (rule.Until is not { } until)
            return long.MaxValue;
        var local = Civil.Seconds(until.Local);
        if (isDate)
            return clock.ToUnix(local - (local % Civil.SecondsPerDay));
        if (until.Form == TimeForm.Utc)
            return local;
        return clock.ToUnix(until.IsDate ? local + Civil.SecondsPerDay - 1 : local);
    }
}
