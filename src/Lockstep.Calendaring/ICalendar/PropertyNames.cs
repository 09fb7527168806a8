using System.Text;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Names of properties and components as upper-case strings, the common ones without allocation.</summary>
internal static class PropertyNames
{
    private static readonly Dictionary<string, string>.AlternateLookup<ReadOnlySpan<char>> Known = new[]
    {
        "ACTION", "ATTACH", "ATTENDEE", "BEGIN", "CALSCALE", "CATEGORIES", "CLASS", "CREATED", "DAYLIGHT", "DESCRIPTION", "DTEND",
        "DTSTAMP", "DTSTART", "DUE", "DURATION", "END", "EXDATE", "LAST-MODIFIED", "LOCATION", "METHOD", "ORGANIZER", "PRIORITY",
        "PRODID", "RDATE", "RECURRENCE-ID", "RRULE", "SEQUENCE", "STANDARD", "STATUS", "SUMMARY", "TRANSP", "TRIGGER", "TZID", "TZNAME",
        "TZOFFSETFROM", "TZOFFSETTO", "UID", "URL", "VALARM", "VCALENDAR", "VERSION", "VEVENT", "VFREEBUSY", "VJOURNAL", "VTIMEZONE",
        "VTODO", "X-LIC-LOCATION",
    }.ToDictionary(name => name, StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    public static string Of(ReadOnlySpan<byte> bytes)
    {
        Span<char> chars = stackalloc char[32];
        if (bytes.Length <= chars.Length)
        {
            chars = chars[..Encoding.Latin1.GetChars(bytes, chars)];
            if (Known.TryGetValue(chars, out var known))
                return known;
        }
        return Encoding.Latin1.GetString(bytes).ToUpperInvariant();
    }

    public static bool IsKnown(string name) => Known.Dictionary.ContainsKey(name);

    /// <summary>Some writers borrow vCard's <c>group.NAME</c>.</summary>
    public static ReadOnlySpan<byte> WithoutGroup(ReadOnlySpan<byte> name) => name[(name.LastIndexOf((byte)'.') + 1)..];
}
