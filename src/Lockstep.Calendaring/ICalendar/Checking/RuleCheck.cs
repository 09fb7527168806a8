namespace Lockstep.Calendaring.ICalendar;

/// <summary>Whether an RRULE means something, by itself and with its DTSTART (RFC 5545 section 3.3.10).</summary>
internal static class RuleCheck
{
    private const string Section = "3.3.10";
    private const int WorkPerRule = 20_000;

    public static void Check(ContentLine line, CalendarTime start, FindingList findings)
    {
        if (string.IsNullOrWhiteSpace(line.Value))
        {
            findings.Warning(line, "RRULE is empty; leave it out.", Section);
            return;
        }
        if (RecurrenceRule.Parse(line.Value, out var problem) is not { } rule)
        {
            findings.Error(line, $"RRULE is not used: {problem}", Section);
            return;
        }
        foreach (var wrong in Wrong(rule, start))
            findings.Error(line, wrong, Section);
        CheckFirst(line, rule, start, findings);
    }

    private static IEnumerable<string> Wrong(RecurrenceRule rule, CalendarTime start)
    {
        if (rule.Count is not null && rule.Until is not null)
            yield return "RRULE has both COUNT and UNTIL; whichever ends it first counts.";
        if (rule.Until is { } until && until.IsDate != start.IsDate)
            yield return "UNTIL and DTSTART must both be dates or both be times.";
        else if (rule.Until is { IsDate: false } time && (time.Form == TimeForm.Utc) == (start.Form == TimeForm.Floating))
            yield return start.Form == TimeForm.Floating ? "UNTIL must be a local time, as DTSTART is." : "UNTIL must be a UTC time, ending in Z, as DTSTART has a zone.";
        if (rule.ByWeekNumber.Count > 0 && rule.Frequency != Frequency.Yearly)
            yield return "BYWEEKNO may stand with FREQ=YEARLY alone.";
        if (rule.ByYearDay.Count > 0 && rule.Frequency is Frequency.Daily or Frequency.Weekly or Frequency.Monthly)
            yield return $"BYYEARDAY may not stand with FREQ={rule.Frequency.ToString().ToUpperInvariant()}.";
        if (rule.ByMonthDay.Count > 0 && rule.Frequency == Frequency.Weekly)
            yield return "BYMONTHDAY may not stand with FREQ=WEEKLY.";
        if (rule.ByDay.Any(day => day.Ordinal != 0) && (rule.Frequency < Frequency.Monthly || rule.ByWeekNumber.Count > 0))
            yield return "BYDAY may count days (2MO, -1FR) in months and years alone; every such day is taken.";
        if (rule.BySetPosition.Count > 0 && rule is { ByMonth.Count: 0, ByWeekNumber.Count: 0, ByYearDay.Count: 0, ByMonthDay.Count: 0, ByDay.Count: 0, ByHour.Count: 0, ByMinute.Count: 0, BySecond.Count: 0 })
            yield return "BYSETPOS chooses among what another BY-part gives, and there is none.";
        if (start.IsDate && (rule.ByHour.Count > 0 || rule.ByMinute.Count > 0 || rule.BySecond.Count > 0))
            yield return "BYHOUR, BYMINUTE and BYSECOND mean nothing for a DTSTART that is a date.";
    }

    private static void CheckFirst(ContentLine line, RecurrenceRule rule, CalendarTime start, FindingList findings)
    {
        var local = Civil.Seconds(start.Local);
        var budget = new WorkBudget(WorkPerRule, findings.Work);
        var starts = new RuleStarts(rule with { Count = null, Until = null }, local, start.IsDate, Civil.MaxSeconds, budget);
        if (findings.Work.IsExhausted)
            return;
        if (!starts.MoveNext())
            findings.Warning(line, "The rule gives no start at all, or none for centuries; DTSTART is the only instance.", Section);
        else if (starts.Current != local)
            findings.Warning(line, "DTSTART is no start that the rule gives; programs disagree on what happens then.", "3.8.5.3");
    }
}
