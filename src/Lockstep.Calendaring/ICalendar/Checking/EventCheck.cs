namespace Lockstep.Calendaring.ICalendar;

/// <summary>Whether the times and the recurrence of one VEVENT go together.</summary>
internal static class EventCheck
{
    public static void Check(CalendarComponent component, ZoneResolver resolver, FindingList findings)
    {
        if (component.Property("DTSTART"u8) is not { } line || CalendarTime.Of(line) is not { } start)
            return;
        CheckEnd(component, start, resolver, findings);
        foreach (var dates in component.Properties)
            if (dates.Name is "EXDATE" or "RDATE")
                CheckDates(dates, start, findings);
        var rules = component.PropertiesNamed("RRULE").ToList();
        foreach (var rule in rules)
            RuleCheck.Check(rule, start, findings);
        if (rules.Count > 1)
            findings.Warning(rules[1], "RRULE should stand once; many programs read the first one alone.", "3.8.5.3");
        if (component.Property("EXRULE"u8) is { } exception)
            findings.Warning(exception, "EXRULE is given up; write EXDATE for each instance.", "RFC 5545 appendix A.3");
        if (component.Property("RECURRENCE-ID"u8) is not { } id)
            return;
        if (rules.Count > 0)
            findings.Error(rules[0], "An override (with RECURRENCE-ID) repeats by itself; the rule belongs into the main VEVENT.", "3.8.4.4");
        if (id.Parameter("RANGE") is { } range && !range.Equals("THISANDFUTURE", StringComparison.OrdinalIgnoreCase))
            findings.Error(id, "RANGE of RECURRENCE-ID must be THISANDFUTURE.", "3.2.13");
    }

    private static void CheckEnd(CalendarComponent component, CalendarTime start, ZoneResolver zones, FindingList findings)
    {
        var duration = component.Property("DURATION"u8);
        if (duration is not null && start.IsDate && CalendarDuration.Parse(duration.Value) is { } length && length.Time != NodaTime.Duration.Zero)
            findings.Error(duration, "DURATION of a whole day has hours; only days and weeks may stand here.", "3.6.1");
        if (component.Property("DTEND"u8) is not { } line || CalendarTime.Of(line) is not { } end)
            return;
        if (duration is not null)
            findings.Error(duration, "DTEND and DURATION are both there; DTEND counts.", "3.6.1");
        if (end.IsDate != start.IsDate)
            findings.Error(line, "DTSTART and DTEND must both be dates or both be times.", "3.8.2.2");
        else if ((end.Form == TimeForm.Floating) != (start.Form == TimeForm.Floating))
            findings.Error(line, "One of DTSTART and DTEND has a zone, the other has none.", "3.8.2.2");
        else if (zones.ToInstant(end) < zones.ToInstant(start))
            findings.Error(line, "DTEND is before DTSTART; the event is taken without length.", "3.8.2.2");
        else if (end.Local == start.Local && end.TzId == start.TzId)
            findings.Warning(line, "DTEND equals DTSTART; leave it out, or end later.", "3.8.2.2");
    }

    private static void CheckDates(ContentLine line, CalendarTime start, FindingList findings)
    {
        var section = line.Name == "EXDATE" ? "3.8.5.1" : "3.8.5.2";
        foreach (var value in line.Value.Split(','))
        {
            if (CalendarTime.Parse(value, line.Parameter("TZID")) is not { } time || time.IsDate == start.IsDate)
                continue;
            findings.Error(line, $"{line.Name} and DTSTART must both be dates or both be times.", section);
            return;
        }
        if (start.IsDate != line.Value.AsSpan().Contains('T') && start.IsDate && !"DATE".Equals(line.Parameter("VALUE"), StringComparison.OrdinalIgnoreCase))
            findings.Warning(line, $"{line.Name} has dates and must say VALUE=DATE.", section);
    }
}
