using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Whether the components of one UID go together: masters, revisions and overrides.</summary>
internal static class SeriesCheck
{
    public static void Check(CalendarDocument document, ZoneResolver zones, FindingList findings)
    {
        foreach (var series in document.ComponentsNamed("VEVENT").Where(vevent => vevent.Property("UID"u8) is not null).GroupBy(vevent => vevent.Property("UID"u8)!.Value.Trim()))
        {
            var masters = series.Where(vevent => vevent.Property("RECURRENCE-ID"u8) is null).ToList();
            foreach (var other in masters.Skip(1))
                findings.Warning(other, "UID", "Another VEVENT has the same UID and no RECURRENCE-ID either; the higher SEQUENCE counts.", "3.8.4.7");
            if (masters.Count == 0 || masters[0].Property("DTSTART"u8) is not { } line || CalendarTime.Of(line) is not { } start)
                continue;
            var known = new HashSet<Instant>();
            foreach (var one in series)
                if (one.Property("RECURRENCE-ID"u8) is { } id && CalendarTime.Of(id) is { } named)
                    CheckOverride(masters[0], start, id, named, known, zones, findings);
        }
    }

    private static void CheckOverride(
        CalendarComponent master, CalendarTime start, ContentLine id, CalendarTime named, HashSet<Instant> known, ZoneResolver zones, FindingList findings)
    {
        if (named.IsDate != start.IsDate)
            findings.Error(id, "RECURRENCE-ID and the DTSTART of its event must both be dates or both be times.", "3.8.4.4");
        else if (!known.Add(zones.ToInstant(named)))
            findings.Warning(id, "Two overrides are of the same instance; the higher SEQUENCE counts, else the last.", "3.8.4.4");
        else if (!findings.Work.IsExhausted && !Instances.Has(master, named, zones, new WorkBudget(100_000, findings.Work)))
            findings.Warning(id, "RECURRENCE-ID names no instance of its event, which is therefore there besides.", "3.8.4.4");
    }
}
