using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;
using NodaTime;
using CalendarState = Lockstep.Calendaring.Caldav.CalendarState;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What reading the server asks for, one resource each.</summary>
internal abstract record SyncAction(Href Href)
{
    /// <summary>New there, or with another ETag than the mirror's: fetch the text. Edited on both sides, applying it decides.</summary>
    public sealed record Fetch(Href Href) : SyncAction(Href);

    /// <summary>Gone there, unchanged here: forget it, once the server has confirmed that.</summary>
    public sealed record Forget(Href Href) : SyncAction(Href);

    /// <summary>Gone there, edited here: once that is confirmed the edit survives, and is written as new.</summary>
    public sealed record Revive(Href Href) : SyncAction(Href);

    /// <summary>Deleted on both sides: nothing is left to do there.</summary>
    public sealed record Settle(Href Href) : SyncAction(Href);
}

/// <summary>What became of an attempt to write.</summary>
internal enum WriteVerdict
{
    /// <summary>The server has it (or, for a deletion, no longer has it).</summary>
    Done,

    /// <summary>The server's version is another than the one that the edit was based on: read it, apply it, decide again.</summary>
    ReadAgain,

    /// <summary>This one write is not accepted; the others may be.</summary>
    Refused,

    /// <summary>The server failed. It may have done so because of this one: the others are tried, a few.</summary>
    Later,

    /// <summary>Nothing will be accepted now, or it is not known whether it was.</summary>
    GiveUp,
}

/// <summary>The decisions of a sync; no clock, no I/O.</summary>
/// <remarks>
/// <code>
///                        server                                        mirror
///   (1) poll    ctag + token of each calendar       ==  those kept there?           -> nothing to read, but now and then (2) all the same
///   (2) read    changes since the token             x   objects                     -> actions (below)
///               no token, token forgotten: all ETags
///   (3) guard   10 or more, and over half of what is known, would go                -> ask first
///   (4) fetch   texts of Fetch: one query when most are missing, else multigets; Forget, Revive and Settle: a GET confirms them
///   (5) apply   page by page, the new token with the last one
///   (6) write   PUT If-None-Match:*, PUT If-Match, then DELETE If-Match             -> WriteVerdict
///
///   (2)              | Clean    | Changed  | Deleted  | New      | Quarantined | not in the mirror
///   same ETag        | -        | - (6)    | - (6)    | -  (6)   | -           |
///   other ETag, new  | Fetch    | Fetch    | Fetch    | Fetch    | Fetch       | Fetch
///   gone             | Forget   | Revive   | Settle   | -  (6)   | Forget      | -
/// </code>
/// Remote first: a 412 costs nothing then, and a local edit is always based on what was read.
/// </remarks>
internal static class SyncPlan
{
    /// <summary>Fewer deletions at once are never asked about.</summary>
    public const int LeastSuspicious = 10;

    /// <summary>Between two comparisons of everything.</summary>
    public static readonly Duration AuditEvery = Duration.FromHours(12);

    /// <summary>(1) Whether the mirror is what the server has.</summary>
    public static bool IsUnchanged(MirroredCalendar mirror, CalendarState server)
    {
        var sameCtag = mirror.Ctag is not null && mirror.Ctag == server.Ctag;
        var sameToken = mirror.SyncToken is not null && mirror.SyncToken == server.SyncToken;
        // Where a server has both, both have to agree: some tokens have the precision of a second.
        return (sameCtag && (sameToken || mirror.SyncToken is null || server.SyncToken is null))
            || (sameToken && (mirror.Ctag is null || server.Ctag is null));
    }

    /// <summary>(2) Against a full listing.</summary>
    public static IReadOnlyList<SyncAction> Compare(IEnumerable<CalendarMember> listed, IReadOnlyCollection<MirroredObject> mirror)
    {
        var open = ByHref(mirror);
        var actions = new List<SyncAction>();
        foreach (var member in listed)
        {
            open.Remove(member.Href, out var known);
            if (IsOther(member.ETag, known))
                actions.Add(new SyncAction.Fetch(member.Href));
        }
        actions.AddRange(open.Values.Select(Gone).OfType<SyncAction>());
        return actions;
    }

    /// <summary>(2) Against the changes since a token; what is not among them is as it was.</summary>
    /// <param name="changed">Those whose text did not come along.</param>
    public static IReadOnlyList<SyncAction> Follow(
        IEnumerable<MemberChange> changed, IEnumerable<Href> removed, IReadOnlyCollection<MirroredObject> mirror)
    {
        var known = ByHref(mirror);
        return
        [
            .. changed.Where(change => IsOther(change.ETag, known.GetValueOrDefault(change.Href))).Select(change => new SyncAction.Fetch(change.Href)),
            .. removed.Distinct().Where(known.ContainsKey).Select(href => Gone(known[href])).OfType<SyncAction>(),
        ];
    }

    /// <summary>(3) Whether so much would go that somebody has to agree: a server that lost its data looks the same as a tidy user.</summary>
    /// <param name="known">How many there are now.</param>
    /// <param name="confirmed">How many were agreed to.</param>
    public static bool IsSuspicious(int deletions, int known, int confirmed) =>
        deletions >= LeastSuspicious && deletions * 2 > known && deletions > confirmed;

    /// <summary>(6) What an answer to a write means.</summary>
    /// <param name="failure">Null when the server accepted it.</param>
    public static WriteVerdict Judge(PendingWrite write, CaldavFailure? failure) => failure switch
    {
        null => WriteVerdict.Done,
        CaldavFailure.NotFound when write is PendingWrite.Delete => WriteVerdict.Done,
        CaldavFailure.NotFound when write is PendingWrite.Change => WriteVerdict.ReadAgain,
        // Google says 409 where others say 412.
        CaldavFailure.PreconditionFailed or CaldavFailure.Conflict => WriteVerdict.ReadAgain,
        _ when failure.EndsTheRun() || failure is CaldavFailure.Unreachable => WriteVerdict.GiveUp,
        CaldavFailure.ServerError or CaldavFailure.NotCaldav or CaldavFailure.RedirectRefused or CaldavFailure.TooLarge => WriteVerdict.Later,
        _ => WriteVerdict.Refused,
    };

    /// <summary>Whether a calendar that says it is unchanged is compared all the same, which finds what a server forgot to tell.</summary>
    /// <param name="chance">From 0 up to 1, the same for a calendar each time: they do not all come at once.</param>
    public static bool IsAuditDue(Instant? audited, Instant now, double chance) =>
        audited is { } at && now - at >= AuditEvery * (1 + (chance / 4));

    private static Dictionary<Href, MirroredObject> ByHref(IReadOnlyCollection<MirroredObject> mirror)
    {
        var byHref = new Dictionary<Href, MirroredObject>(mirror.Count);
        foreach (var known in mirror)
            byHref[Href.Parse(known.Href)] = known;
        return byHref;
    }

    /// <summary>An unknown ETag, on either side, is another one.</summary>
    private static bool IsOther(ETag? listed, MirroredObject? known) =>
        listed is null || known?.ETag is null || ETag.Parse(known.ETag) != listed;

    private static SyncAction? Gone(MirroredObject known)
    {
        var href = Href.Parse(known.Href);
        return known.State switch
        {
            ObjectState.Clean or ObjectState.Quarantined => new SyncAction.Forget(href),
            ObjectState.Changed => new SyncAction.Revive(href),
            ObjectState.Deleted => new SyncAction.Settle(href),
            _ => null,
        };
    }
}
