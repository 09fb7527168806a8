using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Where the meaning of a TZID was found, best first.</summary>
public enum ZoneSource
{
    /// <summary>The TZID names a zone of the tz database, perhaps behind a path that ends in its name.</summary>
    Iana,

    /// <summary>The TZID is a Windows name, mapped by CLDR's table, the name that Windows shows people, or one that Notes writes.</summary>
    Windows,

    /// <summary>The VTIMEZONE of the same text.</summary>
    Embedded,

    /// <summary>The X-LIC-LOCATION of that VTIMEZONE.</summary>
    LicLocation,

    /// <summary>Nothing says what the TZID is: the offset that stands in its name, else the calendar's own zone, else the reader's.</summary>
    Default,
}

/// <summary>The zone that a TZID means.</summary>
public sealed record ResolvedZone(DateTimeZone Zone, ZoneSource Source);
