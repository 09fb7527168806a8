namespace Lockstep.Calendaring.ICalendar;

/// <summary>Looks for single instances in the recurrence set of a component.</summary>
internal static class Instances
{
    private const int Work = 200_000;

    /// <summary>Whether the component's own DTSTART, rules and dates give an instance at that time; overrides are not asked.</summary>
    public static bool Has(CalendarComponent master, CalendarTime time, ZoneResolver zones)
    {
        if (EventView.Of(master, zones, new ExpansionReport()) is not { } view)
            return false;
        var at = view.ToUnix(time);
        var local = view.Clock.ToLocal(at);
        var set = new RecurrenceSet(
            view, view.Dates(), view.Exclusions(), local - OccurrenceStream.Recurring.Margin(view), local + Civil.SecondsPerDay, new WorkBudget(Work));
        while (set.MoveNext())
            if (set.Current.Start >= at)
                return set.Current.Start == at;
        return false;
    }
}
