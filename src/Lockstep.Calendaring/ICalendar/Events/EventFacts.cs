using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>What a calendar resource holds.</summary>
public enum ResourceKind
{
    /// <summary>No component that a calendar shows.</summary>
    None,
    Event,
    ToDo,
    Journal,
    FreeBusy,
}

/// <summary>The facts of a resource's event, for lists and queries. Taken from the master, else from the first override.</summary>
/// <param name="Uid">Empty when there is none; such a resource cannot be stored on a CalDAV server.</param>
/// <param name="Start">Null when there is no DTSTART that can be read.</param>
/// <param name="End">DTEND, or what DTSTART and DURATION give, in the form of DTSTART; null without both.</param>
/// <param name="RecurrenceLines">RRULE, RDATE, EXDATE and EXRULE lines, unfolded.</param>
/// <param name="LastModified">LAST-MODIFIED, of all the event's components the newest.</param>
/// <param name="Component">The component that the facts are of; null for <see cref="ResourceKind.None"/>.</param>
public sealed record EventFacts(
    ResourceKind Kind,
    string Uid,
    string Summary,
    string? Description,
    string? Location,
    CalendarTime? Start,
    CalendarTime? End,
    IReadOnlyList<string> RecurrenceLines,
    Instant? LastModified,
    int Sequence,
    EventStatus Status,
    Transparency Transparency,
    CalendarComponent? Component)
{
    public bool IsAllDay => Start is { IsDate: true };

    public bool IsRecurring => RecurrenceLines.Any(line =>
        line.StartsWith("RRULE", StringComparison.Ordinal) || line.StartsWith("RDATE", StringComparison.Ordinal));

    public static EventFacts Of(CalendarDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var kind = KindOf(document);
        var all = kind == ResourceKind.None ? [] : document.ComponentsNamed(NameOf(kind)).ToList();
        var component = all.Find(one => one.Property("RECURRENCE-ID"u8) is null) ?? all.FirstOrDefault();
        if (component is null)
            return new EventFacts(kind, "", "", null, null, null, null, [], null, 0, EventStatus.None, Transparency.Opaque, null);
        var start = Time(component, "DTSTART");
        return new EventFacts(
            kind,
            component.Property("UID"u8)?.Value.Trim() ?? "",
            component.Text("SUMMARY") ?? "",
            component.Text("DESCRIPTION"),
            component.Text("LOCATION"),
            start,
            Time(component, kind == ResourceKind.ToDo ? "DUE" : "DTEND") ?? EndOf(component, start),
            [.. component.Properties.Where(line => line.Name is "RRULE" or "RDATE" or "EXDATE" or "EXRULE").Select(line => line.ToString())],
            all.Max(LastModifiedOf),
            int.TryParse(component.Property("SEQUENCE"u8)?.Value, out var sequence) ? sequence : 0,
            EventWords.Status(component.Property("STATUS"u8)?.Value),
            EventWords.Transparency(component.Property("TRANSP"u8)?.Value),
            component);
    }

    /// <summary>What the first component that is no VTIMEZONE says that a resource is.</summary>
    public static ResourceKind KindOf(CalendarDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        foreach (var outer in document.Components)
        {
            if (KindOf(outer.Name) is var kind and not ResourceKind.None)
                return kind;
            foreach (var inner in outer.Components)
                if (KindOf(inner.Name) is var innerKind and not ResourceKind.None)
                    return innerKind;
        }
        return ResourceKind.None;
    }

    private static ResourceKind KindOf(string name) => name switch
    {
        "VEVENT" => ResourceKind.Event,
        "VTODO" => ResourceKind.ToDo,
        "VJOURNAL" => ResourceKind.Journal,
        "VFREEBUSY" => ResourceKind.FreeBusy,
        _ => ResourceKind.None,
    };

    private static string NameOf(ResourceKind kind) => kind switch
    {
        ResourceKind.ToDo => "VTODO",
        ResourceKind.Journal => "VJOURNAL",
        ResourceKind.FreeBusy => "VFREEBUSY",
        _ => "VEVENT",
    };

    private static CalendarTime? Time(CalendarComponent component, string name) =>
        component.Property(name) is { } line ? CalendarTime.Of(line) : null;

    private static CalendarTime? EndOf(CalendarComponent component, CalendarTime? start) =>
        start is { } time && component.Property("DURATION"u8) is { } line && CalendarDuration.Parse(line.Value) is { } duration
            ? time with { Local = Civil.Local(Math.Clamp(Civil.Seconds(time.Local) + duration.TotalSeconds, Civil.MinSeconds, Civil.MaxSeconds)) }
            : null;

    private static Instant? LastModifiedOf(CalendarComponent component) =>
        Time(component, "LAST-MODIFIED") is { } time ? time.Local.InUtc().ToInstant() : null;
}
