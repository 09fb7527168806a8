namespace Lockstep.Calendaring.ICalendar;

/// <summary>The local starts of one rule, in order and without repetition, from wherever the reader wants to begin.</summary>
/// <remarks>Work is spent on periods and on the starts that are read, never on those that are passed over.</remarks>
internal sealed class RuleStarts
{
    private readonly RecurrenceRule rule;
    private readonly RulePeriods periods;
    private readonly WorkBudget budget;
    private readonly long start;
    private readonly long limit;
    private readonly List<long> positions = [];
    private long? left;
    private long period;
    private long size;
    private long next;

    /// <param name="start">DTSTART in local seconds.</param>
    /// <param name="limit">Starts after this are not wanted.</param>
    public RuleStarts(RecurrenceRule rule, long start, bool isDate, long limit, WorkBudget budget)
    {
        (this.rule, this.start, this.limit, this.budget) = (rule, start, Math.Min(limit, Civil.MaxSeconds), budget);
        periods = new RulePeriods(rule, start, isDate, budget);
        left = rule.Count;
        Read();
        // DTSTART counts as the first instance even where the rule does not hit it (RFC 5545 section 3.3.10, COUNT).
        next = LowerBound(start);
        if (next == size || At(next) != start)
            left--;
    }

    /// <summary>The start that <see cref="MoveNext"/> found.</summary>
    public long Current { get; private set; }

    public bool MoveNext()
    {
        while (left is null or > 0)
        {
            if (next < size)
            {
                Current = At(next++);
                left--;
                return Current <= limit && budget.Spend(1);
            }
            if (!ReadNext())
                return false;
        }
        return false;
    }

    /// <summary>Passes over everything before a local time. Without COUNT this is one division; with it, periods are counted.</summary>
    public void SkipTo(long local)
    {
        if (local <= start)
            return;
        var target = periods.PeriodOf(local);
        if (target > period && size > 0)
        {
            if (left is null)
                Jump(target, 0);
            else if (periods.IsUniform)
                Jump(target, (size - next) + ((target - period - 1) * size));
        }
        while (size > 0 && left is null or > 0 && At(size - 1) < local)
        {
            left -= size - next;
            if (!ReadNext())
                return;
        }
        if (size == 0)
            return;
        var at = Math.Max(next, LowerBound(local));
        left -= at - next;
        next = at;
    }

    private void Jump(long target, long passed)
    {
        left -= passed;
        period = target;
        if (left is null or > 0)
            Read();
    }

    private bool ReadNext()
    {
        if (size == 0)
            return false;
        period++;
        Read();
        return size > 0;
    }

    /// <summary>Reads periods from <see cref="period"/> on until one has starts; leaves <see cref="size"/> 0 at the end.</summary>
    private void Read()
    {
        (next, size) = (0, 0);
        while (periods.Offsets.Length > 0 && periods.Read(ref period, limit))
        {
            size = (long)periods.Bases.Count * periods.Offsets.Length;
            if (rule.BySetPosition.Count == 0)
                return;
            Select();
            if (size > 0)
                return;
            period++;
        }
    }

    private void Select()
    {
        positions.Clear();
        foreach (var position in rule.BySetPosition)
        {
            var index = position > 0 ? position - 1 : size + position;
            if (index >= 0 && index < size)
                positions.Add(index);
        }
        budget.Spend(positions.Count / 8);
        positions.Sort();
        var distinct = 0;
        for (var i = 0; i < positions.Count; i++)
            if (i == 0 || positions[i] != positions[i - 1])
                positions[distinct++] = positions[i];
        size = distinct;
    }

    private long At(long index)
    {
        if (rule.BySetPosition.Count > 0)
            index = positions[(int)index];
        var offset = (int)(index % periods.Offsets.Length);
        return periods.Bases[(int)(index / periods.Offsets.Length)] + periods.Offsets[offset];
    }

    /// <summary>The index of the first start of the period that is not before a local time.</summary>
    private long LowerBound(long local)
    {
        long low = 0, high = size;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = At(middle) < local ? (middle + 1, high) : (low, middle);
        }
        return low;
    }
}
