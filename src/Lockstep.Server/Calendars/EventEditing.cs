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
        foreach (var time in new[] { change.Start, change.End })
            if (time.Is && time.Value is { Form: TimeForm.Zoned, TzId: { } tzId })
                TimeZoneText.Ensure(document, tzId, time.Value.Local.Date);
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
    public static string Patch(string ics, EventChange change, Instant now)
    {
        var document = CalendarDocument.Parse(ics);
        var component = EventFacts.Master(document) ?? throw new InvalidOperationException("A stored event without VEVENT: a bug.");
        if (change.Summary.Is)
            component.SetText("SUMMARY", change.Summary.Value ?? "");
        var moved = SetTimes(document, component, change);
        SetWords(component, change);
        if (!document.IsChanged)
            return ics;
        component.SetProperty("DTSTAMP", Stamp(now));
        component.SetProperty("LAST-MODIFIED", Stamp(now));
        if (moved || change.Recurrence.Is)
            component.SetProperty("SEQUENCE", Next(component.Property("SEQUENCE")?.Value));
        return document.ToString();
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

    private static bool SetTimes(CalendarDocument document, CalendarComponent component, EventChange change)
    {
        if (!change.Start.Is && !change.End.Is)
            return false;
        var zones = new ZoneResolver(document, DateTimeZone.Utc);
        var oldStart = CalendarTime.Of(component.Property("DTSTART")!)!.Value;
        var oldEnd = EventTimes.End(component, oldStart, zones);
        var start = change.Start.Is ? change.Start.Value : oldStart;
        // Only the start was given: the event keeps its length on the clock.
        var end = change.End.Is ? change.End.Value
            : start with { Local = start.Local + Period.Between(oldStart.Local, oldEnd.Form == oldStart.Form ? oldEnd.Local : oldStart.Local, PeriodUnits.AllUnits) };
        if (start == oldStart && end == oldEnd)
            return false;
        foreach (var time in new[] { start, end })
            if (time is { Form: TimeForm.Zoned, TzId: { } tzId })
                TimeZoneText.Ensure(document, tzId, time.Local.Date);
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
