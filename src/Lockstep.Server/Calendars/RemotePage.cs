using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>A resource as the server has it now.</summary>
/// <param name="Href">Absolute URL, as the server lists it.</param>
/// <param name="ETag">Quotes included; null where the server gave none.</param>
/// <param name="Ics">The raw text.</param>
/// <param name="LastModified">The property getlastmodified, for texts without LAST-MODIFIED; null where the server gave none.</param>
internal sealed record RemoteObject(string Href, string? ETag, string Ics, Instant? LastModified)
{
    private (EventFacts? Facts, string? Problem)? read;

    /// <summary>Read from the text when first asked for; null when it cannot be, and <see cref="Problem"/> says why.</summary>
    public EventFacts? Facts => Read.Facts;

    public string? Problem => Read.Problem;

    /// <summary>What a new event of this text comes to; null unless it was asked for with <see cref="AsRead"/>.</summary>
    public EventRecord? Record { get; private set; }

    /// <summary>Reads the text now, and makes of it what the change log needs: there is time for it while the page before is written.</summary>
    /// <param name="calendar">Where it is.</param>
    public RemoteObject AsRead(CalendarId calendar, Instant now)
    {
        if (Facts is not { } facts)
            return this;
        var row = new EventRow(default, default, calendar, null, facts.Uid, Ics, 1, EventClock.OfRemote(facts.LastModified, LastModified, now), false, now, false);
        Record = row.Knowing(facts).Record;
        _ = Record.State.Text;
        return this;
    }

    private (EventFacts? Facts, string? Problem) Read => read ??= (EventFacts.Read(Ics, out var problem), problem);
}

/// <summary>Up to where the server was read once the page is applied.</summary>
/// <param name="SyncToken">Null: from now on without one (a server that does not do RFC 6578, or that forgot ours).</param>
internal sealed record CalendarPosition(string? SyncToken, string? Ctag)
{
    /// <summary>A full listing was compared.</summary>
    public bool Audited { get; init; }
}

/// <summary>A resource that is there, and that the server does not hand out.</summary>
/// <param name="Reason">For people.</param>
internal sealed record UnreadableObject(string Href, string Reason);

/// <summary>What a read of the server brought, applied as a whole or not at all.</summary>
/// <param name="Changed">New or with another ETag than the mirror's. A resource that is as it was does no harm.</param>
/// <param name="Removed">Hrefs that are gone, confirmed where that was in doubt.</param>
/// <param name="Position">Null leaves the position as it is: more pages follow, or single resources were read.</param>
internal sealed record RemotePage(IReadOnlyList<RemoteObject> Changed, IReadOnlyList<string> Removed, CalendarPosition? Position)
{
    /// <summary>Quarantined without a text, and asked for again, ever later.</summary>
    public IReadOnlyList<UnreadableObject> Unreadable { get; init; } = [];
}

/// <summary>What applying a page did.</summary>
/// <param name="Pulled">Events made, changed or deleted here; echoes of our own writes are not among them.</param>
/// <param name="Conflicts">Recorded, whoever won.</param>
/// <param name="Quarantined">Resources of this page that could not be read.</param>
internal sealed record PageApplied(int Pulled, int Conflicts, int Quarantined);
