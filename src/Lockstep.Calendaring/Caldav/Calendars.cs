namespace Lockstep.Calendaring.Caldav;

/// <summary>A calendar collection (RFC 4791 section 5.2).</summary>
/// <param name="Name">Its display name, else the last segment of its address.</param>
/// <param name="Color"><c>#RRGGBB</c>, or null.</param>
/// <param name="Components">Such as VEVENT and VTODO, upper case; empty when the server does not say, which means any.</param>
/// <param name="ReadOnly">The privileges (RFC 3744 section 5.4) name no right to add members.</param>
/// <param name="ReportsChanges">It says that it does sync-collection (RFC 6578 section 3.2). Its sync-token is not asked for here: making one takes some servers as long as reading everything.</param>
public sealed record CalendarInfo(
    Href Href,
    string Name,
    string? Color,
    IReadOnlyList<string> Components,
    bool ReadOnly,
    string? Ctag,
    bool ReportsChanges)
{
    public bool HoldsEvents => Components.Count == 0 || Components.Contains("VEVENT");

    /// <summary>May be offered as the calendar that events are written to.</summary>
    public bool IsWritable => HoldsEvents && !ReadOnly;
}

/// <summary>What an idle poll tells of one calendar; either may be null where the server lacks it.</summary>
public sealed record CalendarState(Href Href, string? Ctag, string? SyncToken)
{
    /// <summary>Its changes can be asked for (RFC 6578); a token says so, or the calendar's description.</summary>
    public bool ReportsChanges { get; init; } = SyncToken is not null;
}

/// <summary>What <see cref="CaldavClient.PollHomeAsync"/> found.</summary>
public sealed record PollReport(IReadOnlyList<CalendarState> Calendars);

/// <summary>What discovery found (RFC 6764 section 6).</summary>
/// <param name="Homes">Where the calendars live (RFC 4791 section 6.2.1); empty when only a bare calendar was given.</param>
public sealed record Discovery(Href? Principal, IReadOnlyList<Href> Homes, IReadOnlyList<CalendarInfo> Calendars);

/// <summary>The calendars of a home, in the server's order.</summary>
public sealed record CalendarList(IReadOnlyList<CalendarInfo> Calendars);
