using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// Finds the zone that a TZID of a document means: tz database, Windows names, the embedded VTIMEZONE, its
/// X-LIC-LOCATION, else the calendar's X-WR-TIMEZONE or the reader's zone.
/// </summary>
public sealed class ZoneResolver
{
    private readonly Dictionary<string, ResolvedZone> known = new(StringComparer.Ordinal);

    // Looked through once: a text may have as many zones as it has events.
    private readonly Lazy<ILookup<string?, CalendarComponent>> embedded;
    private readonly Lazy<DateTimeZone> fallback;

    public ZoneResolver(CalendarDocument document, DateTimeZone userZone)
    {
        ArgumentNullException.ThrowIfNull(document);
        embedded = new(() => document.ComponentsNamed("VTIMEZONE").ToLookup(zone => zone.Property("TZID"u8)?.Value.Trim()), isThreadSafe: false);
        fallback = new(
            () => (document.Calendar?.Property("X-WR-TIMEZONE"u8)?.Value is { } name ? KnownZones.Find(name)?.Zone : null) ?? userZone, isThreadSafe: false);
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
        foreach (var timeZone in embedded.Value[tzId.Trim()])
        {
            if (EmbeddedZone.Of(timeZone, tzId) is { } zone)
                return new ResolvedZone(zone, ZoneSource.Embedded);
            if (timeZone.Property("X-LIC-LOCATION"u8) is { } location && KnownZones.FindIana(location.Value) is { } located)
                return new ResolvedZone(located, ZoneSource.LicLocation);
        }
        // "(UTC+01:00) Amsterdam, Berlijn, Bern": summer time is not known, and nothing else either.
        var written = DisplayNames.OffsetOf(tzId.Trim()) is { } offset ? DateTimeZone.ForOffset(offset) : fallback.Value;
        return new ResolvedZone(written, ZoneSource.Default);
    }
}
