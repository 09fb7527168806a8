namespace Lockstep.Calendaring.ICalendar;

/// <summary>Which properties a component must have, and which at most once (RFC 5545 section 3.6).</summary>
/// <param name="Section">Of RFC 5545, about the component.</param>
internal sealed record ComponentRules(string Section, string[] Required, string[] Once)
{
    private static readonly string[] Described =
        ["CLASS", "CREATED", "DESCRIPTION", "DTSTAMP", "DTSTART", "LAST-MODIFIED", "ORGANIZER", "RECURRENCE-ID", "SEQUENCE", "STATUS", "SUMMARY", "UID", "URL"];

    private static readonly Dictionary<string, ComponentRules> Known = new(StringComparer.Ordinal)
    {
        ["VCALENDAR"] = new("3.6", ["VERSION", "PRODID"], ["VERSION", "PRODID", "CALSCALE", "METHOD"]),
        ["VEVENT"] = new("3.6.1", ["UID", "DTSTAMP"], [.. Described, "DTEND", "DURATION", "GEO", "LOCATION", "PRIORITY", "TRANSP"]),
        ["VTODO"] = new("3.6.2", ["UID", "DTSTAMP"], [.. Described, "COMPLETED", "DUE", "DURATION", "GEO", "LOCATION", "PERCENT-COMPLETE", "PRIORITY"]),
        ["VJOURNAL"] = new("3.6.3", ["UID", "DTSTAMP"], [.. Described.Where(name => name != "DESCRIPTION")]),
        ["VFREEBUSY"] = new("3.6.4", ["UID", "DTSTAMP"], ["CONTACT", "DTSTAMP", "DTSTART", "DTEND", "ORGANIZER", "UID", "URL"]),
        ["VTIMEZONE"] = new("3.6.5", ["TZID"], ["TZID", "LAST-MODIFIED", "TZURL"]),
        ["STANDARD"] = new("3.6.5", ["DTSTART", "TZOFFSETFROM", "TZOFFSETTO"], ["DTSTART", "TZOFFSETFROM", "TZOFFSETTO"]),
        ["DAYLIGHT"] = new("3.6.5", ["DTSTART", "TZOFFSETFROM", "TZOFFSETTO"], ["DTSTART", "TZOFFSETFROM", "TZOFFSETTO"]),
        ["VALARM"] = new("3.6.6", ["ACTION", "TRIGGER"], ["ACTION", "TRIGGER", "DURATION", "REPEAT"]),
    };

    public static void Check(CalendarComponent component, FindingList findings)
    {
        if (!Known.TryGetValue(component.Name, out var rules))
            return;
        foreach (var name in rules.Required)
            if (component.Property(name) is null)
                findings.Error(component, name, $"{component.Name} has no {name}.", rules.Section);
        foreach (var name in rules.Once)
            foreach (var line in component.PropertiesNamed(name).Skip(1))
                findings.Error(line, $"{component.Name} has {name} more than once; the first one counts.", rules.Section);
        if (component.Name == "VCALENDAR" && !component.HasComponents)
            findings.Error(component, null, "The calendar holds nothing.", "3.6");
        if (component.Name == "VTIMEZONE" && !component.Components.Any(inner => inner.Name is "STANDARD" or "DAYLIGHT"))
            findings.Error(component, null, "VTIMEZONE has neither STANDARD nor DAYLIGHT.", "3.6.5");
        // With a METHOD the text is a message, and a message may leave the start out.
        if (component.Name == "VEVENT" && component.Property("DTSTART"u8) is null && component.Parent?.Property("METHOD"u8) is null)
            findings.Error(component, "DTSTART", "VEVENT has no DTSTART.", "3.6.1");
    }
}
