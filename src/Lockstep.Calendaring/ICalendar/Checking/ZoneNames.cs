namespace Lockstep.Calendaring.ICalendar;

/// <summary>Whether every TZID of a text means something, and comes with its VTIMEZONE (RFC 5545 section 3.2.19).</summary>
internal sealed class ZoneNames(CalendarDocument document, FindingList findings)
{
    private readonly HashSet<string> embedded =
        [.. document.ComponentsNamed("VTIMEZONE").Select(zone => zone.Property("TZID"u8)?.Value.Trim()).OfType<string>()];

    /// <summary>One for the whole text: it may have as many zones as events.</summary>
    public ZoneResolver Resolver { get; } = new(document, NodaTime.DateTimeZone.Utc);

    // Said once for a name, not once for a line.
    private readonly HashSet<string> said = new(StringComparer.Ordinal);

    public void Check(ContentLine line)
    {
        if (line.Parameter("TZID")?.Trim() is not { } tzId || line.Name == "TZID")
            return;
        if (line.Value.TrimEnd() is [.., 'Z' or 'z'] && CalendarTime.Of(line) is { Form: TimeForm.Utc })
            findings.Error(line, $"{line.Name} is a UTC time and has a TZID; UTC counts.", "3.2.19");
        else if (!embedded.Contains(tzId) && said.Add(tzId))
        {
            if (KnownZones.Find(tzId) is null)
                findings.Error(line, $"TZID of {line.Name} is neither in the tz database nor a VTIMEZONE of this file; the reader's zone will be used.", "3.2.19");
            else
                findings.Warning(line, $"The VTIMEZONE that TZID of {line.Name} names is not in this file; the tz database is used.", "3.2.19");
        }
    }
}
