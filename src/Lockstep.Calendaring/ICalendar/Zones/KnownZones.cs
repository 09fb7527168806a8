using System.Collections.Frozen;
using NodaTime;
using NodaTime.TimeZones;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Zones that a name alone tells: the tz database and Windows names.</summary>
internal static class KnownZones
{
    private static readonly FrozenDictionary<string, string> Iana =
        DateTimeZoneProviders.Tzdb.Ids.ToFrozenDictionary(id => id, StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenDictionary<string, string> Windows =
        TzdbDateTimeZoneSource.Default.WindowsMapping.PrimaryMapping.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>Names that Notes writes, mostly without a VTIMEZONE.</summary>
    private static readonly FrozenDictionary<string, string> Notes = new Dictionary<string, string>
    {
        ["Eastern"] = "America/New_York",
        ["Central"] = "America/Chicago",
        ["Mountain"] = "America/Denver",
        ["Pacific"] = "America/Los_Angeles",
        ["Western/Central Europe"] = "Europe/Berlin",
        ["Central Europe"] = "Europe/Berlin",
        ["Western Europe"] = "Europe/London",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    // Real names have 15 to 60 characters. Each slash of a name is looked behind, so a name of slashes would take for ever.
    private const int MaxLength = 255;

    public static ResolvedZone? Find(string tzId)
    {
        if (FindIana(tzId) is { } zone)
            return new ResolvedZone(zone, ZoneSource.Iana);
        var name = tzId.Trim().Trim('"');
        name = DisplayNames.Find(name) ?? name;
        if ((Windows.TryGetValue(name, out var id) || Notes.TryGetValue(name, out id)) && DateTimeZoneProviders.Tzdb.GetZoneOrNull(id) is { } mapped)
            return new ResolvedZone(mapped, ZoneSource.Windows);
        return FixedOffset(name) is { } offset ? new ResolvedZone(DateTimeZone.ForOffset(offset), ZoneSource.Iana) : null;
    }

    /// <summary><c>GMT+0200</c>, <c>UTC-05:30</c>: said without daylight-saving time, and meant as it reads, not as Etc/GMT+2 is.</summary>
    public static Offset? FixedOffset(string name)
    {
        if (name.Length is < 6 or > 9 || !(name.StartsWith("UTC", StringComparison.OrdinalIgnoreCase) || name.StartsWith("GMT", StringComparison.OrdinalIgnoreCase))
            || name[3] is not ('+' or '-'))
            return null;
        var digits = name[4..].Replace(":", "", StringComparison.Ordinal);
        if (!digits.All(char.IsAsciiDigit) || digits.Length is not (2 or 4))
            return null;
        var (hours, minutes) = (((digits[0] - '0') * 10) + digits[1] - '0', digits.Length == 4 ? ((digits[2] - '0') * 10) + digits[3] - '0' : 0);
        return hours > 14 || minutes > 59 ? null : Offset.FromSeconds((name[3] == '-' ? -1 : 1) * ((hours * 3600) + (minutes * 60)));
    }

    /// <summary>Finds <c>Europe/Berlin</c> also as <c>/mozilla.org/20070129_1/Europe/Berlin</c> or <c>europe/berlin</c>.</summary>
    public static DateTimeZone? FindIana(string name)
    {
        if (name.Length > MaxLength)
            return null;
        name = name.Trim().Trim('"').Replace(' ', '_');
        if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(name) is { } zone)
            return zone;
        for (var rest = name; ; rest = rest[(rest.IndexOf('/', StringComparison.Ordinal) + 1)..])
        {
            if (Iana.TryGetValue(rest, out var id) && (rest.Length == name.Length || id.Contains('/', StringComparison.Ordinal)))
                return DateTimeZoneProviders.Tzdb[id];
            if (!rest.Contains('/', StringComparison.Ordinal))
                return null;
        }
    }
}
