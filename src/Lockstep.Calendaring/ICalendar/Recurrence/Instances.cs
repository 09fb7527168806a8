namespace Lockstep.Calendaring.ICalendar;

/// <summary>Looks for single instances in the recurrence set of a component.</summary>
internal static class Instances
{
    /// <summary>Whether the component's own DTSTART, rules and dates give an instance at that time; overrides are not asked.</summary>
    /// <param name="budget">Spent; when it is exhausted the answer is no.</param>
    public static bool Has(CalendarComponent master, CalendarTime time, ZoneResolver zones, WorkBudget budget)
    {
        if (EventView.Of(master, zones, new ExpansionReport()) is not { } view)
            return false;
        var at = view.ToUnix(time);
        var local = view.Clock.ToLocal(at);
        var set = new RecurrenceSet(
            view, view.Dates(budget), at, view.Exclusions(budget), local - OccurrenceStream.Recurring.Margin(view), local + Civil.SecondsPerDay, budget);
        while (set.MoveNext())
            if (set.Current.Start >= at)
                return set.Current.Start == at;
        return false;
    }
}
