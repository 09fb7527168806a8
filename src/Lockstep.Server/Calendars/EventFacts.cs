using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>What queries and answers need of an iCalendar resource: its master VEVENT, and how far its occurrences reach.</summary>
/// <param name="End">From DTEND, DURATION, or what RFC 5545 section 3.6.1 means without both. Exclusive.</param>
/// <param name="Zone">The tz database's name for the zone of the start, else its TZID; null where it has none.</param>
/// <param name="StartsAt">Of the master; dates and floating times are taken as UTC here, queries widen by the range.</param>
/// <param name="RangeEnd">Null for a recurrence without an end.</param>
/// <param name="Recurrence">The RRULE, RDATE, EXDATE and EXRULE lines, unfolded.</param>
/// <param name="LastModified">Null where the text has none that can be read.</param>
internal sealed record EventFacts(
    string Uid,
    string Summary,
    string? Description,
    string? Location,
    CalendarTime Start,
    CalendarTime End,
    string? Zone,
    Instant StartsAt,
    Instant EndsAt,
    Instant RangeStart,
    Instant? RangeEnd,
    string Status,
    string Transparency,
    IReadOnlyList<string> Recurrence,
    Instant? LastModified)
{
    /// <summary>Larger resources are refused and quarantined; an event with a photograph inline fits.</summary>
    public const int MaxLength = 4 * 1024 * 1024;

    /// <summary>What is well and no event: many calendars hold tasks too.</summary>
    public const string NotAnEvent = "It is a task or the like, not an event.";

    public bool AllDay => Start.IsDate;

    public bool Recurring => Recurrence.Any(line => line.StartsWith("RRULE", StringComparison.Ordinal) || line.StartsWith("RDATE", StringComparison.Ordinal));

    /// <summary>Reads a resource of one event (RFC 4791 section 4.1).</summary>
    /// <param name="problem">Why not, when the answer is null; names properties, never their content.</param>
    public static EventFacts? Read(string ics, out string? problem)
    {
        problem = ics.Length > MaxLength ? "It is larger than 4 MiB."
            : ics.Contains('\0', StringComparison.Ordinal) ? "It contains a NUL character."
            : null;
        if (problem is not null)
            return null;
        var document = CalendarDocument.Parse(ics);
        if (Master(document) is not { } master)
        {
            problem = IsOther(document) ? NotAnEvent : "It holds no event (VEVENT).";
            return null;
        }
        problem = master.Property("UID")?.Value.Trim() is not { Length: > 0 } ? "The event has no UID."
            : master.Property("DTSTART") is not { } start ? "The event has no DTSTART."
            : CalendarTime.Of(start) is null ? "DTSTART has a value that cannot be read."
            : document.ComponentsNamed("VEVENT").Any(other => other.Property("UID")?.Value.Trim() != master.Property("UID")!.Value.Trim())
                ? "It holds events of several UIDs."
            : null;
        if (problem is not null)
            return null;
        try
        {
            return Of(document, master);
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or OverflowException)
        {
            // NodaTime's calendar ends at the year 9999 and a DURATION or RRULE of a hostile text can lead past it.
            problem = "Its times lead beyond the years that can be counted.";
            return null;
        }
    }

    /// <summary>The VEVENT without RECURRENCE-ID; the first override where somebody was only invited to one occurrence.</summary>
    public static CalendarComponent? Master(CalendarDocument document)
    {
        CalendarComponent? first = null;
        foreach (var component in document.ComponentsNamed("VEVENT"))
        {
            first ??= component;
            if (component.Property("RECURRENCE-ID") is null)
                return component;
        }
        return first;
    }

    private static EventFacts Of(CalendarDocument document, CalendarComponent master)
    {
        var zones = new ZoneResolver(document, DateTimeZone.Utc);
        var start = CalendarTime.Of(master.Property("DTSTART")!)!.Value;
        var end = EventTimes.End(master, start, zones);
        var range = EventRange.Of(document, zones);
        return new EventFacts(
            master.Property("UID")!.Value.Trim(),
            master.Text("SUMMARY") ?? "",
            master.Text("DESCRIPTION"),
            master.Text("LOCATION"),
            start,
            end,
            start.TzId is { } id ? Name(zones.Resolve(id), id) : null,
            EventTimes.ToInstant(start, zones),
            EventTimes.ToInstant(end, zones),
            range.Start,
            range.End,
            Word(master, "STATUS", "CONFIRMED", "TENTATIVE", "CANCELLED"),
            Word(master, "TRANSP", "OPAQUE", "TRANSPARENT"),
            [.. master.Properties.Where(line => line.Name is "RRULE" or "RDATE" or "EXDATE" or "EXRULE").Select(line => line.ToString())],
            Stamp(document));
    }

    private static bool IsOther(CalendarDocument document) =>
        document.ComponentsNamed("VTODO").Any() || document.ComponentsNamed("VJOURNAL").Any() || document.ComponentsNamed("VAVAILABILITY").Any();

    private static string Name(ResolvedZone zone, string tzId) =>
        zone.Source is ZoneSource.Embedded or ZoneSource.Default ? tzId : zone.Zone.Id;

    /// <summary>The latest LAST-MODIFIED of the resource: an edit of one override moves only its own.</summary>
    private static Instant? Stamp(CalendarDocument document) => document.ComponentsNamed("VEVENT")
        .Select(component => component.Property("LAST-MODIFIED") is { } line ? CalendarTime.Of(line) : null)
        .Where(time => time is { IsDate: false })
        .Select(time => (Instant?)time!.Value.Local.InUtc().ToInstant())
        .Max();

    private static string Word(CalendarComponent component, string name, params ReadOnlySpan<string> words)
    {
        var value = component.Property(name)?.Value.Trim();
        foreach (var word in words)
            if (word.Equals(value, StringComparison.OrdinalIgnoreCase))
                return word;
        return words[0];
    }
}
