using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// Finds the zone that a TZID of a document means: tz database, Windows names, the embedded VTIMEZONE, its
/// X-LIC-LOCATION, else the calendar's X-WR-TIMEZONE or the reader's zone.
/// </summary>
public sealed class ZoneResolver
{
    private readonly CalendarDocument document;
    private readonly Dictionary<string, ResolvedZone> known = new(StringComparer.Ordinal);

    public ZoneResolver(CalendarDocument document, DateTimeZone userZone)
    {
        ArgumentNullException.ThrowIfNull(document);
        this.document = document;
        UserZone = userZone;
    }

    /// <summary>The zone of whoever reads: floating times and dates are his.</summary>
    public DateTimeZone UserZone { get; }

    /// <summary>The zone that a name alone tells: of the tz database, or a Windows name.</summary>
    /// <returns>Null for a name that is neither.</returns>
    public static DateTimeZone? Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return KnownZones.Find(name)?.Zone;
    }

    public ResolvedZone Resolve(string tzId)
    {
        if (!known.TryGetValue(tzId, out var zone))
            known[tzId] = zone = KnownZones.Find(tzId) ?? FromDocument(tzId);
        return zone;
    }

    /// <summary>The zone in which a time is to be read: its own, UTC, or the reader's.</summary>
    public DateTimeZone ZoneOf(CalendarTime time) => time.Form switch
    {
        TimeForm.Utc => DateTimeZone.Utc,
        TimeForm.Zoned => Resolve(time.TzId!).Zone,
        _ => UserZone,
    };

    /// <summary>The instant of a time; a date begins at its zone's midnight.</summary>
    public Instant ToInstant(CalendarTime time) =>
        Instant.FromUnixTimeSeconds(new ZoneClock(ZoneOf(time)).ToUnix(Civil.Seconds(time.Local)));

    private ResolvedZone FromDocument(string tzId)
    {
        foreach (var timeZone in document.ComponentsNamed("VTIMEZONE"))
        {
            if (timeZone.Property("TZID"u8)?.Value.Trim() != tzId.Trim())
                continue;
            if (EmbeddedZone.Of(timeZone, tzId) is { } embedded)
                return new ResolvedZone(embedded, ZoneSource.Embedded);
            if (timeZone.Property("X-LIC-LOCATION"u8) is { } location && KnownZones.FindIana(location.Value) is { } located)
                return new ResolvedZone(located, ZoneSource.LicLocation);
        }
        var own = document.Calendar?.Property("X-WR-TIMEZONE"u8)?.Value;
        return new ResolvedZone((own is null ? null : KnownZones.Find(own)?.Zone) ?? UserZone, ZoneSource.Default);
    }
}
