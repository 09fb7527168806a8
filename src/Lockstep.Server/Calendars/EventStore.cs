using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>The door to events. Every write is one transaction of the event, its mirror's state and the change log.</summary>
internal sealed class EventStore(EventEdits edits)
{
    /// <summary>Makes an event.</summary>
    /// <param name="calendar">Our id of a calendar, or its href. Null: the write target of the user's only integration that has one, else the event is only here.</param>
    /// <param name="workspace">Null: the calendar's owner, else the user.</param>
    public Task<EventOutcome> Create(
        TenantSession session, EventChange change, string? calendar, WorkspaceId? workspace, CancellationToken ct) =>
        Make(session, calendar, workspace, (id, owner, target, now) => new EventRow(
            id, owner, target, change.Matter.Value, id.ToString(), EventEditing.Create(change, id.ToString(), now), 1, now, false, now, false), ct);

    /// <summary>Makes an event of a resource as it is; it keeps its UID.</summary>
    /// <param name="calendar">As for <see cref="Create"/>.</param>
    public Task<EventOutcome> Import(
        TenantSession session, EventResource resource, string? calendar, MatterId? matter, WorkspaceId? workspace, CancellationToken ct) =>
        Make(session, calendar, workspace, (id, owner, target, now) => new EventRow(
            id, owner, target, matter, resource.Facts.Uid, resource.Ics, 1, now, false, now, false).Knowing(resource.Facts), ct);

    /// <returns>Null for what is not there, deleted, or not the caller's.</returns>
    public static Task<EventRow?> Get(TenantSession session, EventId id, CancellationToken ct) => session.First(
        new Statement(
            """
            SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at,
                   coalesce(c.read_only, false)
            FROM   lockstep.events e
            LEFT   JOIN lockstep.calendars c ON c.id = e.calendar_id
            WHERE  e.id = $1
            AND    NOT e.deleted
            """, id.Value),
        EventRow.Read, ct);

    /// <summary>Changes what is given and leaves every other line of the resource as it is.</summary>
    /// <param name="ifMatch">The version that the caller knows; null: whatever is there.</param>
    public Task<EventOutcome> Patch(TenantSession session, EventId id, EventChange change, long? ifMatch, CancellationToken ct) =>
        edits.Edit(session, id, ifMatch, async (transaction, row, now) =>
        {
            if (change.TimesProblem(row.Facts.Start, row.Facts.End) is { } problem)
                return new EventOutcome.Invalid("end", problem);
            if (EventEditing.StartProblem(row.Ics, change) is { } misfit)
                return new EventOutcome.Invalid("recurrence", misfit);
            var edited = row with { Ics = EventEditing.Patch(row.Ics, change, now), Matter = change.Matter.Or(row.Matter) };
            return !change.Calendar.Is
                ? new EventOutcome.Stored(await edits.Store(transaction, row, edited, now, ct))
                : await Move(transaction, row, edited, change.Calendar.Value, now, ct);
        }, ct);

    /// <summary>Puts another text in the place of the resource; its UID stays.</summary>
    public Task<EventOutcome> Replace(TenantSession session, EventId id, EventResource resource, long? ifMatch, CancellationToken ct) =>
        edits.Edit(session, id, ifMatch, async (transaction, row, now) => resource.Facts.Uid != row.Uid
            ? new EventOutcome.Invalid("ics", "The UID of an event does not change. Send it as a new event, and delete this one.")
            : new EventOutcome.Stored(await edits.Store(transaction, row, (row with { Ics = resource.Ics }).Knowing(resource.Facts), now, ct)), ct);

    /// <summary>Leaves a tombstone here and deletes on the server where it has one.</summary>
    public Task<EventOutcome> Delete(TenantSession session, EventId id, long? ifMatch, CancellationToken ct) =>
        edits.Edit(session, id, ifMatch, async (transaction, row, now) =>
            new EventOutcome.Stored(await edits.Store(transaction, row, row with { Deleted = true }, now, ct)), ct);

    /// <summary>Makes the version that lost a conflict the event again: an edit like any other, also where that means deleting or reviving.</summary>
    public Task<EventOutcome> Restore(TenantSession session, Guid conflict, CancellationToken ct) =>
        session.Transact<EventOutcome>(async transaction =>
        {
            if (await transaction.First(ConflictStore.One(conflict), ConflictStore.Read, ct) is not { } found
                || !await EventChanges.LockOwner(transaction, new EventId(found.EventId), ct))
                return new EventOutcome.NotFound();
            var row = (await transaction.First(LocalEdits.Lock(new EventId(found.EventId)), EventRow.Read, ct))!;
            if (row.ReadOnly)
                return new EventOutcome.ReadOnly();
            var loser = found.Winner == "local" ? found.Remote.Ics : found.Local.Ics;
            var now = edits.After(row);
            var restored = row with { Ics = loser is null ? row.Ics : EventEditing.Touch(loser, now), Deleted = loser is null };
            if (loser is not null && EventFacts.Read(loser, out _) is null)
                return new EventOutcome.Invalid("id", "The version that lost cannot be read as an event. Its text is in GET .../conflicts.");
            restored = await edits.Store(transaction, row, restored, now, ct);
            await transaction.Execute(ct, ConflictStore.MarkRestored(conflict));
            return new EventOutcome.Stored(restored);
        }, ct);

    /// <summary>What overlaps the window, by start then id; a page of at most <paramref name="limit"/> that comes after <paramref name="after"/>.</summary>
    public static Task<List<EventRow>> List(
        TenantSession session, Instant from, Instant to, EventCursor? after, int limit, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at,
                   coalesce(c.read_only, false)
            FROM  (SELECT o.* FROM lockstep.events o
                   WHERE  o.user_id = $1 AND NOT o.deleted AND o.range_end >= $2 AND o.range_start < $3
                   UNION  ALL
                   SELECT w.* FROM lockstep.events w
                   WHERE  w.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[])
                   AND    NOT w.deleted AND w.range_end >= $2 AND w.range_start < $3) e
            LEFT   JOIN lockstep.calendars c ON c.id = e.calendar_id
            WHERE  (e.starts_at, e.id) > ($4, $5)
            ORDER  BY e.starts_at, e.id
            LIMIT  $6
            """,
            session.Caller.RequiredUser.Value, from, to, after?.StartsAt ?? Instant.FromUtc(1, 1, 1, 0, 0), after?.Id ?? Guid.Empty, limit),
        EventRow.Read, ct);

    /// <summary>When the caller is taken in the window, for offering the rest to others.</summary>
    /// <param name="calendars">Which calendars block; null: all of the user's own. Events that are only here always do.</param>
    /// <param name="ownerZone">Whose midnight all-day events, and whose clock floating ones, are on.</param>
    public static async Task<BusyTimes> Busy(
        TenantSession session, IReadOnlyCollection<CalendarId>? calendars, Interval window, DateTimeZone ownerZone, CancellationToken ct)
    {
        var ids = calendars?.Select(id => id.Value).ToArray();
        var (states, events) = await session.Transact(async transaction => (
            await transaction.Query(BusyTimes.SelectCalendars(ids), CalendarState.Read, ct),
            await transaction.Query(BusyTimes.SelectEvents(session.Caller.RequiredUser, ids, window), row => row.GetString(0), ct)), ct);
        // After the transaction: no connection waits for the expansion.
        return BusyTimes.Of(events, states, window, ownerZone, ct);
    }

    private Task<EventOutcome> Make(
        TenantSession session, string? calendar, WorkspaceId? workspace, Func<EventId, Tenant, CalendarId?, Instant, EventRow> make, CancellationToken ct) =>
        EventEdits.Guarded(() => session.Transact(async transaction =>
        {
            var target = await CalendarTargets.Find(transaction, calendar, workspace, ct);
            if (calendar is not null && target is null)
                return NoCalendar;
            if (target is { ReadOnly: true })
                return new EventOutcome.ReadOnly();
            var owner = target?.Owner ?? (workspace is { } of ? Tenant.Of(of) : Tenant.Of(session.Caller.RequiredUser));
            var row = make(EventId.New(), owner, target?.Id, edits.Now());
            return row.Uid != row.Id.ToString() && await Same(transaction, owner, target?.Id, row.Uid, ct) is { } known
                ? new EventOutcome.Exists(known)
                : await edits.Insert(transaction, row, target, ct);
        }, ct));

    private async Task<EventOutcome> Move(
        TenantTransaction transaction, EventRow row, EventRow edited, string? calendar, Instant now, CancellationToken ct)
    {
        var target = calendar is null ? null : await CalendarTargets.Find(transaction, calendar, row.Owner.Workspace, ct);
        if (calendar is not null && target is null)
            return NoCalendar;
        if (target is not null && target.Owner != row.Owner)
            return new EventOutcome.Invalid("calendarId", "An event stays with its owner. Choose a calendar of the same owner, or make a new event there and delete this one.");
        if (target?.Id == row.Calendar)
            return new EventOutcome.Stored(await edits.Store(transaction, row, edited, now, ct));
        if (target is { ReadOnly: true })
            return new EventOutcome.ReadOnly();
        return await Same(transaction, row.Owner, target?.Id, row.Uid, ct) is { } known
            ? new EventOutcome.Exists(known)
            : new EventOutcome.Stored(await edits.Move(transaction, row, edited, target, now, ct));
    }

    private static EventOutcome NoCalendar =>
        new EventOutcome.Invalid("calendarId", "There is no such calendar. Take an id from your integration, or leave it out.");

    private static async Task<EventId?> Same(TenantTransaction transaction, Tenant owner, CalendarId? calendar, string uid, CancellationToken ct)
    {
        var found = await transaction.Query(EventMoves.Same(owner, calendar, uid), row => new EventId(row.GetGuid(0)), ct);
        return found.Count == 0 ? null : found[0];
    }
}
