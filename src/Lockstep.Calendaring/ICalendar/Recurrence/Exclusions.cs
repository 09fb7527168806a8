namespace Lockstep.Calendaring.ICalendar;

/// <summary>The instances that EXDATE and overrides take out of a set, matched by instant; a bare date takes out its whole day.</summary>
internal sealed class Exclusions
{
    private readonly HashSet<long> instants = [];
    private readonly HashSet<long> days = [];

    public void Add(CalendarTime time, EventView view)
    {
        if (time.IsDate || view.IsDate)
            days.Add(Civil.FloorDiv(Civil.Seconds(time.Local), Civil.SecondsPerDay));
        else
            instants.Add(view.ToUnix(time));
    }

    public bool Contains(long start, ZoneClock clock) =>
        instants.Contains(start) || (days.Count > 0 && days.Contains(Civil.FloorDiv(clock.ToLocal(start), Civil.SecondsPerDay)));
}
