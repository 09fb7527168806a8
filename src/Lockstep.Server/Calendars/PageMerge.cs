using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Works a page of the server into what is known here. Pure: reads what was loaded, collects what is to be written.</summary>
/// <remarks>
/// <code>
/// (1) changes first, so that a renamed resource (new href, same UID) finds its event alive
/// (2) then removals: an event goes when its last resource went
/// </code>
/// An event's stamp only rises, also when the server's is older: the change log would not take a change from the past.
/// </remarks>
internal sealed class PageMerge
{
    private readonly CalendarId calendar;
    private readonly Instant now;
    private readonly Dictionary<string, MirrorEntry> entries = new(StringComparer.Ordinal);
    private readonly Dictionary<EventId, EventRow> events = [];
    private readonly Dictionary<string, EventId> byUid = new(StringComparer.Ordinal);
    private readonly HashSet<string> writtenEntries = new(StringComparer.Ordinal);
    private readonly HashSet<EventId> writtenEvents = [];

    public PageMerge(CalendarId calendar, Tenant owner, IEnumerable<MirrorEntry> entries, IEnumerable<EventRow> events, Instant now)
    {
        (this.calendar, Owner, this.now) = (calendar, owner, now);
        foreach (var entry in entries)
            this.entries[entry.Href] = entry;
        foreach (var row in events.OrderByDescending(row => row.Deleted).ThenBy(row => row.ChangedAt))
        {
            this.events[row.Id] = row;
            byUid[row.Uid] = row.Id;
        }
    }

    public Tenant Owner { get; }

    /// <summary>Events that had no calendar and are of this one now; whether it takes no writes. What is here and what is there meet like two edits.</summary>
    public Dictionary<EventId, bool> Adopted { get; init; } = [];

    public IEnumerable<EventRow> Events => writtenEvents.Select(id => events[id]);

    public IEnumerable<MirrorEntry> Entries => writtenEntries.Where(entries.ContainsKey).Select(href => entries[href]);

    /// <summary>Rows of the mirror that go.</summary>
    public List<CalendarObjectId> Gone { get; } = [];

    public List<EventConflict> Conflicts { get; } = [];

    public int Pulled { get; private set; }

    public int Quarantined { get; private set; }

    public void Apply(RemotePage page)
    {
        // (1)
        foreach (var remote in page.Changed)
            Change(remote);
        foreach (var bad in page.Unreadable)
            SetAside(bad);
        // (2)
        foreach (var href in page.Removed)
            if (entries.TryGetValue(href, out var entry))
                Remove(entry);
    }

    private void Change(RemoteObject remote)
    {
        var entry = entries.GetValueOrDefault(remote.Href);
        if (remote.Facts is not { } facts)
        {
            if (entry?.ETag is null || entry.ETag != remote.ETag)
                Quarantine(remote, entry, remote.Problem!);
            return;
        }
        var at = EventClock.OfRemote(facts.LastModified, remote.LastModified, now);
        var clean = new MirrorEntry(
            entry?.Id ?? CalendarObjectId.New(), remote.Href, remote.ETag, ObjectState.Clean, facts.Uid, entry?.Event, RemoteAt: at);
        var row = Find(entry?.Event, facts.Uid);
        if (row is null)
        {
            var id = EventId.New();
            Write(new EventRow(id, Owner, calendar, null, facts.Uid, remote.Ics, 1, at, false, now, false).Knowing(facts, remote.Record), clean);
            return;
        }
        var pending = entry is { IsPending: true } ? entry : PendingOf(row.Id);
        var local = new ResourceSide(row.Deleted ? null : row.Ics, entry?.ETag, row.ChangedAt);
        // An editor that leaves LAST-MODIFIED as it found it has not said when it was.
        if (pending?.Base is { } text && facts.LastModified is { } same && EventFacts.Read(text, out _)?.LastModified == same)
            at = EventClock.OfRemote(null, remote.LastModified, now);
        var isAdopted = Adopted.Remove(row.Id, out var readOnly) && entry?.Event is null;
        var step = ResourceMerge.Decide(pending?.State ?? (isAdopted ? ObjectState.Changed : ObjectState.Clean), local, [pending?.Base, pending?.Sent], new ResourceSide(remote.Ics, remote.ETag, at));
        if (isAdopted && readOnly && step == MergeStep.ConflictLocalWins)
            step = MergeStep.ConflictRemoteWins;
        clean = clean with { Event = row.Id };
        if (step is MergeStep.ConflictLocalWins or MergeStep.ConflictRemoteWins)
            Record(row, remote.Href, remote.Ics, at, step == MergeStep.ConflictLocalWins);
        switch (step)
        {
            case MergeStep.Nothing:
                return;
            case MergeStep.Echo:
                Put(clean);
                // Clients are to hear which calendar it is of.
                if (isAdopted)
                    Touch(Later(row, row.ChangedAt));
                break;
            case MergeStep.TakeRemote or MergeStep.ConflictRemoteWins:
                Write((Later(row, at) with { Ics = remote.Ics, Uid = facts.Uid, Deleted = false }).Knowing(facts, remote.Record), clean);
                break;
            case MergeStep.Rebase or MergeStep.ConflictLocalWins:
                Put(clean with
                {
                    State = pending?.State == ObjectState.Deleted ? ObjectState.Deleted : ObjectState.Changed,
                    Base = remote.Ics,
                    LocalChangedAt = pending is null ? row.ChangedAt : pending.LocalChangedAt,
                });
                if (isAdopted)
                    Touch(Later(row, row.ChangedAt));
                break;
        }
        // The edit went over to this resource; the one it waited on is as the server has it, or never was.
        if (pending is not null && pending.Href != remote.Href)
            Settle(pending);
    }

    private void Remove(MirrorEntry entry)
    {
        if (entry.Event is not { } id || !events.TryGetValue(id, out var row))
        {
            Drop(entry);
            return;
        }
        // A resource that was never there cannot have been removed.
        if (entry is { State: ObjectState.New, ETag: null })
            return;
        var other = entries.Values.FirstOrDefault(o => o.Event == id && o.Href != entry.Href && o.State != ObjectState.Deleted);
        if (other is not null)
        {
            if (entry.State == ObjectState.Changed && other.State == ObjectState.Clean)
                Put(other with { State = ObjectState.Changed, LocalChangedAt = entry.LocalChangedAt });
            Drop(entry);
            return;
        }
        var step = ResourceMerge.Decide(
            entry.State, new ResourceSide(row.Deleted ? null : row.Ics, entry.ETag, row.ChangedAt), [entry.Base, entry.Sent], new ResourceSide(null, null, now));
        if (step == MergeStep.ConflictLocalWins)
        {
            Record(row, entry.Href, null, now, localWins: true);
            Put(entry with { State = ObjectState.New, ETag = null, Base = null });
            return;
        }
        Drop(entry);
        if (!row.Deleted)
            Touch(Later(row, now) with { Deleted = true });
    }

    private void Quarantine(RemoteObject remote, MirrorEntry? entry, string problem)
    {
        Quarantined++;
        // PostgreSQL's text has no NUL.
        var raw = remote.Ics.Replace("\0", "\uFFFD", StringComparison.Ordinal);
        if (entry is { IsPending: true, Event: { } id } && events.TryGetValue(id, out var row))
        {
            Record(row, remote.Href, raw, now, localWins: true);
            Put(entry with { ETag = remote.ETag, Base = null, State = entry.State == ObjectState.Deleted ? ObjectState.Deleted : ObjectState.Changed });
            return;
        }
        Put(new MirrorEntry(
            entry?.Id ?? CalendarObjectId.New(), remote.Href, remote.ETag, ObjectState.Quarantined, entry?.Uid, entry?.Event, raw,
            Reason: problem, RemoteAt: entry?.RemoteAt));
    }

    /// <summary>Without an ETag it is asked for again. An edit made here stays as it is, and waits.</summary>
    private void SetAside(UnreadableObject bad)
    {
        var entry = entries.GetValueOrDefault(bad.Href);
        if (entry is { IsPending: true })
            return;
        Quarantined++;
        Put(new MirrorEntry(
            entry?.Id ?? CalendarObjectId.New(), bad.Href, null, ObjectState.Quarantined, entry?.Uid, entry?.Event, entry?.Raw,
            Reason: bad.Reason, RemoteAt: entry?.RemoteAt));
    }

    private void Settle(MirrorEntry pending)
    {
        if (pending.ETag is null)
            Drop(pending);
        else
            Put(pending with { State = ObjectState.Clean, Base = null, LocalChangedAt = null });
    }

    private void Record(EventRow row, string href, string? remoteIcs, Instant remoteAt, bool localWins) => Conflicts.Add(
        new EventConflict(row.Id, href, row.Facts.Summary, row.Deleted ? null : row.Ics, remoteIcs, row.ChangedAt, remoteAt, localWins));

    private EventRow? Find(EventId? id, string uid) =>
        id is { } known && events.TryGetValue(known, out var row) ? row
        : byUid.TryGetValue(uid, out var same) ? events[same]
        : null;

    private MirrorEntry? PendingOf(EventId id) => entries.Values.FirstOrDefault(entry => entry.Event == id && entry.IsPending);

    private static EventRow Later(EventRow row, Instant at) =>
        row with { Version = row.Version + 1, ChangedAt = Instant.Max(at, row.ChangedAt + Duration.FromMilliseconds(1)) };

    private void Write(EventRow row, MirrorEntry entry)
    {
        Touch(row);
        Put(entry with { Event = row.Id });
    }

    private void Touch(EventRow row)
    {
        events[row.Id] = row;
        byUid[row.Uid] = row.Id;
        writtenEvents.Add(row.Id);
        Pulled++;
    }

    private void Put(MirrorEntry entry)
    {
        entries[entry.Href] = entry;
        writtenEntries.Add(entry.Href);
    }

    private void Drop(MirrorEntry entry)
    {
        entries.Remove(entry.Href);
        Gone.Add(entry.Id);
    }
}
