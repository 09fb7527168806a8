using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Cuts a recurring event in two at one of its instances, which is how calendars edit "this and all following".</summary>
/// <remarks>RANGE=THISANDFUTURE (RFC 5545 section 3.2.13) says the same within one resource, but servers and clients drop it.</remarks>
public static class SeriesSplit
{
    private const int Work = 400_000;

    /// <summary>Whether <see cref="EndBefore"/> and <see cref="BeginAt"/> can cut the event there.</summary>
    /// <returns>What stands in the way, for people; null when nothing does.</returns>
    public static string? Problem(CalendarComponent master, CalendarTime at)
    {
        ArgumentNullException.ThrowIfNull(master);
        if (EventOverride.Siblings(master).Exists(one => one.Property("RECURRENCE-ID"u8)?.Parameter("RANGE") is not null))
            return "A part of this series was already changed from one occurrence on (RANGE=THISANDFUTURE). Change single occurrences, or the series.";
        // One budget for all of them: CountBefore and Hits of each rule are then sure to be affordable once more.
        var budget = new WorkBudget(Work);
        if (Rules(master).Any(rule => CountBefore(master, rule, at, budget) is null))
            return "The series repeats too often to be cut.";
        return Rules(master).Any(rule => rule.Interval > 1 && !Hits(master, rule, at, budget))
            ? "This occurrence is an extra date outside of the series' rule. Change it alone, or the series."
            : null;
    }

    /// <summary>Leaves what comes before the instance.</summary>
    public static void EndBefore(this CalendarComponent master, CalendarTime at)
    {
        ArgumentNullException.ThrowIfNull(master);
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        foreach (var line in master.PropertiesNamed("RRULE").ToList())
            if (RecurrenceRule.Parse(line.Value, out _) is { } rule)
                SetRule(master, line, rule.Count is null ? rule with { Until = Earlier(rule.Until, Last(at, zones), zones) } : rule with { Count = CountBefore(master, rule, at, new WorkBudget(Work)) });
        KeepDates(master, zones, time => zones.ToInstant(time) < zones.ToInstant(at));
        foreach (var one in EventOverride.Siblings(master))
            if (one.Property("RECURRENCE-ID"u8) is { } id && CalendarTime.Of(id) is { } named && zones.ToInstant(named) >= zones.ToInstant(at))
                one.Remove();
    }

    /// <summary>Leaves the instance and what follows, as an event of its own with another UID.</summary>
    public static void BeginAt(this CalendarComponent master, CalendarTime at, string uid)
    {
        ArgumentNullException.ThrowIfNull(master);
        ArgumentNullException.ThrowIfNull(uid);
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        foreach (var line in master.PropertiesNamed("RRULE").ToList())
            if (RecurrenceRule.Parse(line.Value, out _) is { Count: { } count } rule)
                SetRule(master, line, rule with { Count = count - (CountBefore(master, rule, at, new WorkBudget(Work)) ?? 0) });
        KeepDates(master, zones, time => zones.ToInstant(time) >= zones.ToInstant(at));
        foreach (var one in EventOverride.Siblings(master))
        {
            if (one.Property("RECURRENCE-ID"u8) is { } id && CalendarTime.Of(id) is { } named && zones.ToInstant(named) < zones.ToInstant(at))
                one.Remove();
            else
                one.SetProperty("UID", uid);
        }
        if (master.Property("DTSTART"u8) is { } start && CalendarTime.Of(start) is { } old)
        {
            if (master.Property("DTEND"u8) is { } end && CalendarTime.Of(end) is { } oldEnd)
                master.SetTime("DTEND", oldEnd.PlusClockSeconds(at.ClockSecondsAfter(old)));
            master.SetTime("DTSTART", old with { Local = at.Local });
        }
    }

    private static IEnumerable<RecurrenceRule> Rules(CalendarComponent master) =>
        master.PropertiesNamed("RRULE").Select(line => RecurrenceRule.Parse(line.Value, out _)).OfType<RecurrenceRule>();

    /// <summary>How many instances the rule gives before that one, as COUNT counts them; null when counting is too much work.</summary>
    private static int? CountBefore(CalendarComponent master, RecurrenceRule rule, CalendarTime at, WorkBudget budget)
    {
        if (rule.Count is null)
            return 0;
        var (starts, local) = (Starts(master, rule, budget), Civil.Seconds(at.Local));
        var count = 0;
        while (starts.MoveNext() && starts.Current < local)
            count++;
        return budget.IsExhausted ? null : count;
    }

    private static bool Hits(CalendarComponent master, RecurrenceRule rule, CalendarTime at, WorkBudget budget)
    {
        var (starts, local) = (Starts(master, rule, budget), Civil.Seconds(at.Local));
        starts.SkipTo(local);
        return starts.MoveNext() && starts.Current == local;
    }

    private static RuleStarts Starts(CalendarComponent master, RecurrenceRule rule, WorkBudget budget)
    {
        var start = CalendarTime.Of(master.Property("DTSTART"u8)!)!.Value;
        return new RuleStarts(rule, Civil.Seconds(start.Local), start.IsDate, Civil.MaxSeconds, budget);
    }

    /// <summary>The last UNTIL that leaves the instance out: the second before it in UTC, the day before a date.</summary>
    private static CalendarTime Last(CalendarTime at, ZoneResolver zones) =>
        at.IsDate ? at.PlusClockSeconds(-Civil.SecondsPerDay)
        : at.Form == TimeForm.Floating ? at.PlusClockSeconds(-1)
        : CalendarTime.Utc(zones.ToInstant(at) - Duration.FromSeconds(1));

    private static CalendarTime Earlier(CalendarTime? until, CalendarTime last, ZoneResolver zones) =>
        until is { } known && zones.ToInstant(known) < zones.ToInstant(last) ? known : last;

    private static void SetRule(CalendarComponent master, ContentLine line, RecurrenceRule rule) => Replace(master, line, rule.ToString());

    /// <summary>Takes values out of EXDATE and RDATE, and lines that are empty then.</summary>
    private static void KeepDates(CalendarComponent master, ZoneResolver zones, Func<CalendarTime, bool> keep)
    {
        foreach (var line in master.Properties.Where(line => line.Name is "EXDATE" or "RDATE").ToList())
        {
            var values = line.Value.Split(',');
            var kept = values.Where(value => (CalendarPeriod.Parse(value, line.Parameter("TZID"))?.Start ?? CalendarTime.Parse(value, line.Parameter("TZID"))) is not { } time || keep(time)).ToList();
            if (kept.Count == 0)
                master.Nodes.Remove(line);
            else if (kept.Count < values.Length)
                Replace(master, line, string.Join(',', kept));
            if (kept.Count < values.Length)
                master.Document.Touch();
        }
    }

    private static void Replace(CalendarComponent master, ContentLine line, string value)
    {
        if (line.Value == value)
            return;
        var changed = ContentLineWriter.Write(line.Name, line.Parameters, value, line.LineEnd);
        changed.Parent = master;
        master.Nodes[master.Nodes.IndexOf(line)] = changed;
        master.Document.Touch();
    }
}
