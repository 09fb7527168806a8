using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Writes events as calendar resources.</summary>
public static class EventWriter
{
    private const string ProductId = "-//Lockstep//Lockstep//EN";

    /// <summary>A VCALENDAR with one VEVENT and the VTIMEZONEs that its times name.</summary>
    /// <param name="now">Becomes DTSTAMP, CREATED and LAST-MODIFIED.</param>
    public static CalendarDocument Create(NewEvent content, Instant now)
    {
        ArgumentNullException.ThrowIfNull(content);
        var document = CalendarDocument.Create();
        var calendar = document.AddComponent("VCALENDAR");
        calendar.AddProperty("VERSION", "2.0");
        calendar.AddProperty("PRODID", ProductId);
        EnsureZones(document, [content.Start, content.End ?? content.Start]);
        var vevent = calendar.AddComponent("VEVENT");
        vevent.AddProperty("UID", content.Uid);
        vevent.SetTime("DTSTAMP", CalendarTime.Utc(now));
        vevent.SetTime("CREATED", CalendarTime.Utc(now));
        vevent.SetTime("LAST-MODIFIED", CalendarTime.Utc(now));
        vevent.AddProperty("SEQUENCE", "0");
        vevent.SetText("SUMMARY", content.Summary);
        vevent.SetText("DESCRIPTION", content.Description);
        vevent.SetText("LOCATION", content.Location);
        vevent.SetTime("DTSTART", content.Start);
        if (content.End is { } end)
            vevent.SetTime("DTEND", end);
        vevent.AddProperty("TRANSP", content.Transparency == Transparency.Transparent ? "TRANSPARENT" : "OPAQUE");
        if (content.Status != EventStatus.None)
            vevent.AddProperty("STATUS", content.Status.ToString().ToUpperInvariant());
        vevent.SetRecurrence(content.Recurrence);
        return document;
    }

    /// <summary>Puts these RRULE, RDATE and EXDATE lines in the place of all that are there; lines that are there already keep their bytes.</summary>
    /// <exception cref="ArgumentException">A line that <see cref="RecurrenceLines.Problem(IReadOnlyList{string})"/> refuses.</exception>
    public static void SetRecurrence(this CalendarComponent component, IReadOnlyList<string> lines)
    {
        ArgumentNullException.ThrowIfNull(component);
        if (RecurrenceLines.Problem(lines) is { } problem)
            throw new ArgumentException(problem, nameof(lines));
        var there = component.Properties.Where(line => line.Name is "RRULE" or "RDATE" or "EXDATE" or "EXRULE").ToList();
        if (there.Select(line => line.ToString()).SequenceEqual(lines))
            return;
        foreach (var line in there)
            component.RemoveProperty(line.Name);
        foreach (var line in lines)
            if (RecurrenceLines.Read(line) is { } read)
                component.AddProperty(read.Name, read.Value, read.Parameters);
    }

    /// <summary>Marks a component as changed: DTSTAMP and LAST-MODIFIED become now, SEQUENCE rises by one.</summary>
    public static void Revise(this CalendarComponent component, Instant now)
    {
        ArgumentNullException.ThrowIfNull(component);
        component.SetTime("DTSTAMP", CalendarTime.Utc(now));
        component.SetTime("LAST-MODIFIED", CalendarTime.Utc(now));
        var sequence = int.TryParse(component.Property("SEQUENCE"u8)?.Value, out var old) ? old : 0;
        component.SetProperty("SEQUENCE", $"{Math.Min(sequence, int.MaxValue - 1) + 1}");
    }

    /// <summary>Adds the VTIMEZONE of every zone that these times name and the calendar does not hold yet.</summary>
    public static void EnsureZones(CalendarDocument document, IReadOnlyList<CalendarTime> times)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(times);
        foreach (var group in times.Where(time => time.TzId is not null).GroupBy(time => time.TzId!))
            if (document.Calendar is { } calendar
                && document.ComponentsNamed("VTIMEZONE").All(zone => zone.Property("TZID"u8)?.Value != group.Key)
                && KnownZones.Find(group.Key)?.Zone is { } found)
                VTimeZoneWriter.Add(calendar, group.Key, found, group.Min(time => time.Local.Year));
    }
}
