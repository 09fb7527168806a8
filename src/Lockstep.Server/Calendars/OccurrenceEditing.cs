using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Edits of single occurrences of a series, as texts.</summary>
internal static class OccurrenceEditing
{
    /// <summary>The resource with the change made in one occurrence: in its override, which is made where there is none.</summary>
    public static string Patch(string ics, CalendarTime occurrence, EventChange change, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        var component = EventFacts.Master(document)!;
        // Who was invited to single occurrences has overrides alone.
        component = component.Property("RECURRENCE-ID") is null ? component.Override(occurrence, now) : Occurrences.Find(document, occurrence, DateTimeZone.Utc)!.Component;
        return EventEditing.Apply(document, component, change, now) ? document.ToString() : ics;
    }

    /// <summary>The resource without one occurrence.</summary>
    /// <returns>Null when it was the last one.</returns>
    public static string? Remove(string ics, CalendarTime occurrence, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        var master = EventFacts.Master(document)!;
        if (master.Property("RECURRENCE-ID") is null)
        {
            master.Exclude(occurrence);
            EventEditing.Revise(master, now);
        }
        else
            Occurrences.Find(document, occurrence, DateTimeZone.Utc)!.Component.Remove();
        return HasAny(document) ? document.ToString() : null;
    }

    /// <summary>Why the series cannot be cut at the occurrence, for people; null when it can.</summary>
    public static string? SplitProblem(string ics, CalendarTime occurrence)
    {
        var master = EventFacts.Master(CalendarDocument.Parse(ics))!;
        return master.Property("RECURRENCE-ID") is null
            ? SeriesSplit.Problem(master, occurrence)
            : "Only single occurrences of this series are known here. Change them one by one.";
    }

    /// <summary>The series up to the occurrence, without it.</summary>
    /// <returns>Null when nothing comes before.</returns>
    public static string? Before(string ics, CalendarTime occurrence, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        var master = EventFacts.Master(document)!;
        var zones = new ZoneResolver(document, DateTimeZone.Utc);
        if (zones.ToInstant(occurrence) <= zones.ToInstant(CalendarTime.Of(master.Property("DTSTART")!)!.Value))
            return null;
        master.EndBefore(occurrence);
        EventEditing.Revise(master, now);
        return HasAny(document) ? document.ToString() : null;
    }

    /// <summary>The series from the occurrence on, as an event of its own, with the change made.</summary>
    public static string From(string ics, CalendarTime occurrence, string uid, EventChange change, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        var master = EventFacts.Master(document)!;
        master.BeginAt(occurrence, uid);
        master.SetProperty("CREATED", CalendarTime.Utc(now).ToString());
        // The occurrence asked for may have been changed by itself before; what is said now holds for it too.
        if (Occurrences.Find(document, occurrence, DateTimeZone.Utc) is { Component: var own } && own != master)
            EventEditing.Apply(document, own, change with { Recurrence = default }, now);
        if (!EventEditing.Apply(document, master, change, now))
            EventEditing.Revise(master, now);
        return document.ToString();
    }

    private static bool HasAny(CalendarDocument document) =>
        Occurrences.Expand(document, new Interval(null, null), DateTimeZone.Utc).Any();
}
