using System.Globalization;
using NodaTime;
using NodaTime.Text;
using NodaTime.TimeZones;

namespace Lockstep.Server.Booking.Page;

/// <summary>Time zones in words.</summary>
internal static class ZoneNames
{
    private static readonly OffsetPattern OffsetPattern = OffsetPattern.CreateWithInvariantCulture("+H:mm");

    /// <summary>One option for each zone that people live in, in groups by region; the tz database's zone1970.tab.</summary>
    public static readonly Html Options = MakeOptions();

    /// <returns>Null for what is not a zone of the tz database.</returns>
    public static DateTimeZone? Find(string? id) =>
        id is { Length: > 0 and <= 64 } && DateTimeZoneProviders.Tzdb.Ids.Contains(id) ? DateTimeZoneProviders.Tzdb[id] : null;

    /// <summary>Berlin time.</summary>
    public static string Words(DateTimeZone zone) => IsCity(zone.Id) ? $"{City(zone.Id)} time" : zone.Id[(zone.Id.LastIndexOf('/') + 1)..];

    /// <summary>UTC+1, or UTC+5:30.</summary>
    public static string Offset(DateTimeZone zone, Instant at) => zone.GetUtcOffset(at) is var offset && offset == NodaTime.Offset.Zero
        ? "UTC"
        : "UTC" + OffsetPattern.Format(offset).Replace(":00", "", StringComparison.Ordinal);

    /// <summary>Berlin.</summary>
    public static string City(string id) => id[(id.LastIndexOf('/') + 1)..].Replace('_', ' ');

    private static bool IsCity(string id) => id.Contains('/', StringComparison.Ordinal) && !id.StartsWith("Etc/", StringComparison.Ordinal);

    private static Html MakeOptions()
    {
        var groups = TzdbDateTimeZoneSource.Default.Zone1970Locations!
            .Select(location => location.ZoneId)
            .GroupBy(id => id[..id.IndexOf('/', StringComparison.Ordinal)], StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal);
        return Html.Of($"""{groups.Select(Group)}<option value="Etc/UTC">UTC</option>""");
    }

    private static Html Group(IGrouping<string, string> region)
    {
        var cities = region.Distinct(StringComparer.Ordinal).OrderBy(City, StringComparer.Create(CultureInfo.InvariantCulture, true));
        return Html.Of($"""<optgroup label="{region.Key}">{cities.Select(id => Html.Of($"""<option value="{id}">{City(id)}</option>"""))}</optgroup>""");
    }
}
