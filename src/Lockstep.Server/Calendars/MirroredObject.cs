using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>How the mirror of a resource stands to the server's.</summary>
internal enum ObjectState
{
    /// <summary>As last read or written.</summary>
    Clean,

    /// <summary>Made here, not on the server yet.</summary>
    New,

    /// <summary>Edited here since.</summary>
    Changed,

    /// <summary>Deleted here, still on the server.</summary>
    Deleted,

    /// <summary>The server's text could not be read as an event; kept raw, and not fetched again until its ETag changes.</summary>
    Quarantined,
}

/// <summary>One line of the mirror: enough to plan a sync by.</summary>
/// <param name="Href">Absolute URL, as the server lists it.</param>
/// <param name="ETag">The server's as last read or written, quotes included; null for what was never there, and after a write without an answer's ETag.</param>
/// <param name="Uid">Null where the text has none.</param>
/// <param name="Event">Null for a resource that never was an event.</param>
/// <param name="LocalChangedAt">When it was last edited here; null when nothing waits to be written.</param>
internal sealed record MirroredObject(
    CalendarObjectId Id,
    string Href,
    string? ETag,
    ObjectState State,
    string? Uid,
    EventId? Event,
    Instant? LocalChangedAt);
