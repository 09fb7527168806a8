using NodaTime;

namespace Lockstep.Calendaring.Caldav;

/// <summary>A calendar object resource with its text; lines end in CRLF.</summary>
/// <param name="LastModified">By the server's clock; null when it does not say.</param>
public sealed record CalendarObject(Href Href, ETag? ETag, string Ics, Instant? LastModified);

/// <summary>A member as listed, without its text. The tag is null where a server has none.</summary>
public sealed record CalendarMember(Href Href, ETag? ETag, Instant? LastModified);

/// <summary>What <see cref="CaldavClient.ListEtagsAsync"/> found; the collection itself is not in it.</summary>
/// <param name="Truncated">The server said that it left members out (507): what is missing may be there.</param>
public sealed record MemberList(IReadOnlyList<CalendarMember> Members, bool Truncated = false);

/// <summary>What happened to a member since the token.</summary>
public enum MemberState
{
    /// <summary>New or changed. Without <see cref="MemberChange.Ics"/> its text is still to be fetched.</summary>
    Changed,

    /// <summary>The server says that it is gone. A hint: servers send phantom ones.</summary>
    Removed,

    /// <summary>The server could not tell, or the object exceeds <see cref="CaldavOptions.MaxObjectChars"/>.</summary>
    Unreadable,
}

/// <summary>One line of a sync-collection report.</summary>
/// <param name="Ics">Null where the server does not send the text in this report.</param>
public sealed record MemberChange(Href Href, MemberState State, ETag? ETag, string? Ics, Instant? LastModified);

/// <summary>The end of a sync-collection report.</summary>
/// <param name="SyncToken">To be kept with the rows; null where the server sent none.</param>
/// <param name="Truncated">There is more: ask again with the new token (RFC 6578 section 3.6).</param>
public sealed record SyncReport(IReadOnlyList<MemberChange> Changes, string? SyncToken, bool Truncated);

/// <summary>What came of a multiget.</summary>
/// <param name="Gone">Answered with 404.</param>
/// <param name="Unanswered">Asked for, and not mentioned in the answer: some servers stop at 100 in silence.</param>
/// <param name="Unreadable">Listed without a text, with another status, or too large.</param>
public sealed record MultigetReport(
    IReadOnlyList<CalendarObject> Objects,
    IReadOnlyList<Href> Gone,
    IReadOnlyList<Href> Unanswered,
    IReadOnlyList<Href> Unreadable);

/// <summary>What a PUT gave.</summary>
/// <param name="ETag">Null where the server sends none: it is then to be fetched. Its presence does not mean that the stored
/// bytes are those that were sent.</param>
public sealed record PutReport(ETag? ETag);

/// <summary>What a DELETE gave.</summary>
/// <param name="WasThere">False when it was gone already.</param>
public sealed record DeleteReport(bool WasThere);
