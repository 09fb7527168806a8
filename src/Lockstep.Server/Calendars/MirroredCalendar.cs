using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>A calendar of an integration, as it is kept here.</summary>
/// <param name="Href">The collection's absolute URL.</param>
/// <param name="Ctag">As it was when the mirror was last complete; null before.</param>
/// <param name="SyncToken">Up to where changes were read; null asks for a full listing (RFC 6578 section 3.4).</param>
/// <param name="IsWriteTarget">New events go here; at most one calendar of an integration.</param>
/// <param name="LastReadAt">When the mirror was last known to be what the server has.</param>
/// <param name="UnreadableSince">Null while reading works.</param>
/// <param name="AuditedAt">When it was last compared with a full listing; null before the first read is complete.</param>
internal sealed record MirroredCalendar(
    CalendarId Id,
    string Href,
    string Name,
    string? Color,
    string? Ctag,
    string? SyncToken,
    bool IsWriteTarget,
    bool ReadOnly,
    Instant? LastReadAt,
    Instant? UnreadableSince,
    Instant? AuditedAt = null);

/// <summary>What an integration wants to be mirrored.</summary>
/// <param name="Href">The collection's absolute URL, with the slash at its end.</param>
internal sealed record WantedCalendar(string Href, string Name, string? Color, bool IsWriteTarget, bool ReadOnly);
