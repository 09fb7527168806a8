using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Makes and patches iCalendar resources; every line that a change does not name keeps its bytes.</summary>
internal static class EventEditing
{
    private const string Product = "-//Lockstep//Lockstep//EN";

    /// <summary>A new resource (RFC 5545 section 3.6) with the lines that an event needs.</summary>
    public static string Create(EventChange change, string uid, Instant now)
    {
        var document = CalendarDocument.Create();
        var calendar = document.AddComponent("VCALENDAR");
        calendar.AddProperty("VERSION", "2.0");
        calendar.AddProperty("PRODID", Product);
        // The zone first: readers that go line by line want it before its use.
        EventWriter.EnsureZones(document, [change.Start.Value, change.End.Value]);
        var component = calendar.AddComponent("VEVENT");
        component.AddProperty("UID", uid);
        component.AddProperty("DTSTAMP", Stamp(now));
        component.AddProperty("CREATED", Stamp(now));
        component.AddProperty("LAST-MODIFIED", Stamp(now));
        component.SetTime("DTSTART", change.Start.Value);
        component.SetTime("DTEND", change.End.Value);
        component.SetText("SUMMARY", change.Summary.Value ?? "");
        SetWords(component, change);
        return document.ToString();
    }

    /// <summary>The resource with the change made in its master; the same text when nothing differs.</summary>
    /// <remarks>When the start of a series moves, its exceptions move along; overrides that a new rule leaves without an instance go.</remarks>
    public static string Patch(string ics, EventChange change, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        return Apply(document, MasterOf(document), change, now) ? document.ToString() : ics;
    }

    /// <summary>What is wrong with moving the start of a series there; null when its rule gives the new start, or is given too.</summary>
    public static string? StartProblem(string ics, EventChange change)
    {
        if (!change.Start.Is || change.Recurrence.Is)
            return null;
        var component = MasterOf(CalendarDocument.Parse(ics));
        if (!RecurrenceLines.Fit(component, CalendarTime.Of(component.Property("DTSTART")!)!.Value) || RecurrenceLines.Fit(component, change.Start.Value))
            return null;
        return "The series repeats on other days or at other times than this one. Send its new recurrence too, or move a single occurrence.";
    }

    /// <summary>Makes the change in one component, master or override.</summary>
    /// <returns>Whether anything differs now.</returns>
    public static bool Apply(CalendarDocument document, CalendarComponent component, EventChange change, Instant now)
    {
        var before = component.ToBytes();
        var isMaster = component.Property("RECURRENCE-ID") is null;
        var oldStart = CalendarTime.Of(component.Property("DTSTART")!)!.Value;
        if (change.Summary.Is)
            component.SetText("SUMMARY", change.Summary.Value ?? "");
        var moved = SetTimes(document, component, oldStart, change);
        if (moved && isMaster)
            component.Shift(oldStart, CalendarTime.Of(component.Property("DTSTART")!)!.Value, withRecurrence: !change.Recurrence.Is);
        SetWords(component, change);
        if (before.AsSpan().SequenceEqual(component.ToBytes()))
            return false;
        if (change.Recurrence.Is && isMaster)
            component.DropStrayOverrides();
        component.SetProperty("DTSTAMP", Stamp(now));
        component.SetProperty("LAST-MODIFIED", Stamp(now));
        if (moved || change.Recurrence.Is)
            component.SetProperty("SEQUENCE", Next(component.Property("SEQUENCE")?.Value));
        return true;
    }

    /// <summary>Marks a component as changed now, in its times too.</summary>
    public static void Revise(CalendarComponent component, Instant now)
    {
        component.SetProperty("DTSTAMP", Stamp(now));
        component.SetProperty("LAST-MODIFIED", Stamp(now));
        component.SetProperty("SEQUENCE", Next(component.Property("SEQUENCE")?.Value));
    }

    /// <summary>The same resource, written now.</summary>
    public static string Touch(string ics, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        foreach (var component in document.ComponentsNamed("VEVENT"))
        {
            component.SetProperty("DTSTAMP", Stamp(now));
            component.SetProperty("LAST-MODIFIED", Stamp(now));
        }
        return document.ToString();
    }

    private static CalendarComponent MasterOf(CalendarDocument document) =>
        EventFacts.Master(document) ?? throw new InvalidOperationException("A stored event without VEVENT: a bug.");

    private static bool SetTimes(CalendarDocument document, CalendarComponent component, CalendarTime oldStart, EventChange change)
    {
        if (!change.Start.Is && !change.End.Is)
            return false;
        var zones = new ZoneResolver(document, DateTimeZone.Utc);
        var oldEnd = EventTimes.End(component, oldStart, zones);
        var start = change.Start.Is ? change.Start.Value : oldStart;
        // Only the start was given: the event keeps its length on the clock.
        var end = change.End.Is ? change.End.Value
            : start.PlusClockSeconds(oldEnd.Form == oldStart.Form && oldEnd.TzId == oldStart.TzId
                ? oldEnd.ClockSecondsAfter(oldStart)
                : (long)(zones.ToInstant(oldEnd) - zones.ToInstant(oldStart)).TotalSeconds);
        if (start == oldStart && end == oldEnd)
            return false;
        EventWriter.EnsureZones(document, [start, end]);
        component.SetTime("DTSTART", start);
        component.SetTime("DTEND", end);
        component.RemoveProperty("DURATION");
        return true;
    }

    private static void SetWords(CalendarComponent component, EventChange change)
    {
        if (change.Description.Is)
            component.SetText("DESCRIPTION", Empty(change.Description.Value));
        if (change.Location.Is)
            component.SetText("LOCATION", Empty(change.Location.Value));
        if (change.Status.Is)
            component.SetProperty("STATUS", change.Status.Value!);
        if (change.Transparency.Is)
            component.SetProperty("TRANSP", change.Transparency.Value!);
        if (change.Recurrence.Is)
            SetRecurrence(component, change.Recurrence.Value ?? []);
    }

    private static void SetRecurrence(CalendarComponent component, IReadOnlyList<string> lines)
    {
        var old = component.Properties.Where(line => line.Name is "RRULE" or "RDATE" or "EXDATE" or "EXRULE").Select(line => line.ToString());
        if (old.SequenceEqual(lines, StringComparer.Ordinal))
            return;
        foreach (var name in new[] { "RRULE", "RDATE", "EXDATE", "EXRULE" })
            component.RemoveProperty(name);
        foreach (var text in lines)
        {
            var line = RecurrenceLine.Read(text)!;
            component.AddProperty(line.Name, line.Value, line.Parameters);
        }
    }

    private static string? Empty(string? text) => string.IsNullOrEmpty(text) ? null : text;

    private static string Stamp(Instant now) => CalendarTime.Utc(now).ToString();

    private static string Next(string? sequence) =>
        ((int.TryParse(sequence, out var number) && number is >= 0 and < int.MaxValue ? number : 0) + 1)
        .ToString(System.Globalization.CultureInfo.InvariantCulture);
}
