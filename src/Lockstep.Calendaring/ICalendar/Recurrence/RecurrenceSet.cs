namespace Lockstep.Calendaring.ICalendar;

/// <summary>One instance of a recurrence set.</summary>
/// <param name="Start">Unix seconds.</param>
/// <param name="Period">The RDATE period that gives it a length of its own.</param>
internal readonly record struct Instance(long Start, CalendarPeriod? Period);

/// <summary>The recurrence set of a component: DTSTART, RRULE and RDATE without EXRULE and EXDATE (RFC 5545 section 3.8.5.3).</summary>
internal sealed class RecurrenceSet
{
    private readonly List<RuleInstants> rules = [];
    private readonly List<RuleInstants> exceptions = [];
    private readonly Exclusions exclusions;
    private readonly ZoneClock clock;
    private readonly IReadOnlyList<Instance> dates;
    private readonly WorkBudget budget;
    private long last = long.MinValue;
    private int nextDate;

    /// <param name="dates">DTSTART and the RDATEs, in order of start, a period before a bare date.</param>
    /// <param name="datesFrom">Of <paramref name="dates"/> what starts before this instant is passed over, unread.</param>
    /// <param name="from">Instances before this local time may be left out.</param>
    /// <param name="limit">Instances after this local time are left out.</param>
    public RecurrenceSet(EventView view, IReadOnlyList<Instance> dates, long datesFrom, Exclusions exclusions, long from, long limit, WorkBudget budget)
    {
        (this.dates, this.exclusions, clock, this.budget) = (dates, exclusions, view.Clock, budget);
        nextDate = FirstDate(dates, datesFrom);
        foreach (var rule in view.Rules)
            Add(rules, rule);
        foreach (var rule in view.ExceptionRules)
            Add(exceptions, rule);

        void Add(List<RuleInstants> list, RecurrenceRule rule)
        {
            var instants = new RuleInstants(rule, view.StartLocal, view.IsDate, view.Clock, from, limit, budget);
            if (instants.MoveNext())
                list.Add(instants);
        }
    }

    public Instance Current { get; private set; }

    public bool MoveNext()
    {
        while (Next() is { } instance)
        {
            if (instance.Start == last)
                continue;
            last = instance.Start;
            if (exclusions.Contains(instance.Start, clock) || IsExcepted(instance.Start))
                continue;
            Current = instance;
            return true;
        }
        return false;
    }

    private static int FirstDate(IReadOnlyList<Instance> dates, long from)
    {
        int low = 0, high = dates.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = dates[middle].Start < from ? (middle + 1, high) : (low, middle);
        }
        return low;
    }

    private Instance? Next()
    {
        RuleInstants? earliest = null;
        foreach (var rule in rules)
            if (earliest is null || rule.Current < earliest.Current)
                earliest = rule;
        if (nextDate < dates.Count && (earliest is null || dates[nextDate].Start <= earliest.Current))
            return budget.Spend(1) ? dates[nextDate++] : null;
        if (earliest is null || (rules.Count > 1 && !budget.Spend(rules.Count / 4)))
            return null;
        var start = earliest.Current;
        if (!earliest.MoveNext())
            rules.Remove(earliest);
        return new Instance(start, null);
    }

    private bool IsExcepted(long start)
    {
        for (var i = exceptions.Count - 1; i >= 0; i--)
        {
            while (exceptions[i].Current < start)
                if (!exceptions[i].MoveNext())
                {
                    exceptions.RemoveAt(i);
                    break;
                }
            if (i < exceptions.Count && exceptions[i].Current == start)
                return true;
        }
        return false;
    }
}
