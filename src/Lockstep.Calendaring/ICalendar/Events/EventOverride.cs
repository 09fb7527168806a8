using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Edits of one instance of a recurring event: its override, or its absence (RFC 5545 sections 3.8.4.4 and 3.8.5.1).</summary>
public static class EventOverride
{
    private const int Work = 1_000_000;

    /// <summary>
    /// The override of one instance: the one that is there, else a new VEVENT after the last of this event, with the
    /// master's properties and alarms but not its recurrence. Its DTSTART and DTEND are the instance's until they are set.
    /// </summary>
    /// <param name="recurrenceId">Which instance, in the form of the master's DTSTART, as <see cref="Occurrence.RecurrenceId"/> gives it.</param>
    public static CalendarComponent Override(this CalendarComponent master, CalendarTime recurrenceId, Instant now)
    {
        ArgumentNullException.ThrowIfNull(master);
        var siblings = Siblings(master);
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        if (siblings.Find(one => Is(one, recurrenceId, zones)) is { } known)
            return known;
        // What a THISANDFUTURE override says holds for what follows it (RFC 5545 section 3.2.13).
        var described = Described(master, siblings, recurrenceId);
        var parent = master.Parent ?? master.Document.Root;
        var added = parent.InsertComponent(parent.Nodes.IndexOf(siblings.Last(one => one.Parent == parent)) + 1, master.Name);
        foreach (var line in described.Properties)
            if (line.Name is not ("RRULE" or "RDATE" or "EXDATE" or "EXRULE" or "CREATED" or "DTSTAMP" or "LAST-MODIFIED" or "RECURRENCE-ID"))
                added.Insert(added.Nodes.Count, line.Reread(line.Raw));
        foreach (var inner in described.Components)
            added.Insert(added.Nodes.Count, inner.Copy(added.Document));
        MoveTo(added, described, recurrenceId);
        added.SetTime("RECURRENCE-ID", recurrenceId);
        added.SetTime("DTSTAMP", CalendarTime.Utc(now));
        added.SetTime("CREATED", CalendarTime.Utc(now));
        added.SetTime("LAST-MODIFIED", CalendarTime.Utc(now));
        return added;
    }

    /// <summary>Takes one instance out: an EXDATE, and the override goes if there is one.</summary>
    public static void Exclude(this CalendarComponent master, CalendarTime recurrenceId)
    {
        ArgumentNullException.ThrowIfNull(master);
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        foreach (var known in Siblings(master).Where(one => Is(one, recurrenceId, zones)).ToList())
            known.Remove();
        master.AddProperty("EXDATE", recurrenceId.ToString(), recurrenceId.Parameters);
    }

    /// <summary>Takes out the overrides of what is no instance any more: they would stand beside the series as events of their own.</summary>
    public static void DropStrayOverrides(this CalendarComponent master)
    {
        ArgumentNullException.ThrowIfNull(master);
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        var budget = new WorkBudget(Work);
        foreach (var one in Siblings(master))
            if (one != master && one.Property("RECURRENCE-ID"u8) is { } line && CalendarTime.Of(line) is { } named
                && !Instances.Has(master, named, zones, budget) && !budget.IsExhausted)
                one.Remove();
    }

    /// <summary>Whether a component is the override of that instance; by instant, as RECURRENCE-ID may be in UTC.</summary>
    private static bool Is(CalendarComponent component, CalendarTime recurrenceId, ZoneResolver zones) =>
        component.Property("RECURRENCE-ID"u8) is { } line && CalendarTime.Of(line) is { } known && zones.ToInstant(known) == zones.ToInstant(recurrenceId);

    /// <summary>All components of the same UID, the master among them, in order.</summary>
    internal static List<CalendarComponent> Siblings(CalendarComponent master)
    {
        var uid = master.Property("UID"u8)?.Value.Trim();
        return [.. master.Document.ComponentsNamed("VEVENT").Where(one => one.Property("UID"u8)?.Value.Trim() == uid)];
    }

    private static CalendarComponent Described(CalendarComponent master, List<CalendarComponent> siblings, CalendarTime recurrenceId)
    {
        var zones = new ZoneResolver(master.Document, DateTimeZone.Utc);
        var at = zones.ToInstant(recurrenceId);
        var (described, from) = (master, Instant.MinValue);
        foreach (var one in siblings)
            if (one.Property("RECURRENCE-ID"u8) is { } line && "THISANDFUTURE".Equals(line.Parameter("RANGE"), StringComparison.OrdinalIgnoreCase)
                && CalendarTime.Of(line) is { } id && zones.ToInstant(id) is var begin && begin <= at && begin > from)
                (described, from) = (one, begin);
        return described;
    }

    /// <summary>Puts DTSTART and DTEND at the instance; one that a THISANDFUTURE describes is moved as far as that moved its own.</summary>
    private static void MoveTo(CalendarComponent added, CalendarComponent described, CalendarTime recurrenceId)
    {
        if (added.Property("DTSTART"u8) is not { } line || CalendarTime.Of(line) is not { } oldStart)
            return;
        var start = recurrenceId;
        if (described.Property("RECURRENCE-ID"u8) is { } id && CalendarTime.Of(id) is { } own && own.IsDate == oldStart.IsDate)
            start = oldStart with { Local = recurrenceId.PlusClockSeconds(oldStart.ClockSecondsAfter(own)).Local };
        if (added.Property("DTEND"u8) is { } endLine && CalendarTime.Of(endLine) is { } oldEnd)
            added.SetTime("DTEND", oldEnd.PlusClockSeconds(start.ClockSecondsAfter(oldStart)));
        added.SetTime("DTSTART", start);
    }
}
