using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>The door to events. Every write is one transaction of the event, its mirror's state and the change log.</summary>
internal sealed class EventStore(EventChanges changes, TimeProvider time)
{
    /// <summary>Makes an event.</summary>
    /// <param name="calendar">Our id of a calendar, or its href. Null: the write target of the user's only integration that has one, else the event is only here.</param>
    /// <param name="workspace">Null: the calendar's owner, else the user.</param>
    public Task<EventOutcome> Create(
        TenantSession session, EventChange change, string? calendar, WorkspaceId? workspace, CancellationToken ct) =>
        Guarded(() => session.Transact<EventOutcome>(async transaction =>
        {
            var now = Now();
            var id = EventId.New();
            var target = await CalendarTargets.Find(transaction, calendar, workspace, ct);
            if (calendar is not null && target is null)
                return new EventOutcome.Invalid("calendarId", "There is no such calendar. Take an id from your integration, or leave it out.");
            if (target is { ReadOnly: true })
                return new EventOutcome.ReadOnly();
            var uid = id.ToString();
            var row = new EventRow(
                id, target?.Owner ?? (workspace is { } of ? Tenant.Of(of) : Tenant.Of(session.Caller.RequiredUser)), target?.Id,
                change.Matter.Value, uid, EventEditing.Create(change, uid, now), 1, now, false, now, false);
            await EventChanges.Lock(transaction, row.Owner, ct);
            await transaction.Execute(ct, target is null ? [EventRows.Upsert([row])] : [EventRows.Upsert([row]), LocalEdits.New(row, target)]);
            await changes.Append(transaction, [row], ct);
            return new EventOutcome.Stored(row);
        }, ct));

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
        Guarded(() => session.Transact(transaction => Edit(transaction, id, ifMatch, (row, now) => row with
        {
            Ics = EventEditing.Patch(row.Ics, change, now),
            Matter = change.Matter.Or(row.Matter),
        }, row => change.TimesProblem(row.Facts) is { } problem ? new EventOutcome.Invalid("end", problem) : null, ct), ct));

    /// <summary>Leaves a tombstone here and deletes on the server where it has one.</summary>
    public Task<EventOutcome> Delete(TenantSession session, EventId id, long? ifMatch, CancellationToken ct) =>
        session.Transact(transaction => Edit(transaction, id, ifMatch, (row, _) => row with { Deleted = true }, _ => null, ct), ct);

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
            var now = Instant.Max(Now(), row.ChangedAt + Duration.FromMilliseconds(1));
            var restored = row with
            {
                Ics = loser is null ? row.Ics : EventEditing.Touch(loser, now),
                Deleted = loser is null,
                Version = row.Version + 1,
                ChangedAt = now,
            };
            if (loser is not null && EventFacts.Read(loser, out _) is null)
                return new EventOutcome.Invalid("id", "The version that lost cannot be read as an event. Its text is in GET .../conflicts.");
            await Store(transaction, row, restored, ct);
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

    /// <summary>One edit in the caller's transaction, won already: the version known, the stamp later than what is there.</summary>
    private async Task<EventOutcome> Edit(
        TenantTransaction transaction, EventId id, long? ifMatch, Func<EventRow, Instant, EventRow> edit,
        Func<EventRow, EventOutcome?> refuse, CancellationToken ct)
    {
        if (!await EventChanges.LockOwner(transaction, id, ct))
            return new EventOutcome.NotFound();
        var row = await transaction.First(LocalEdits.Lock(id), EventRow.Read, ct);
        if (row is null || row.Deleted)
            return new EventOutcome.NotFound();
        if (ifMatch is { } known && known != row.Version)
            return new EventOutcome.ChangedMeanwhile(row);
        if (row.ReadOnly)
            return new EventOutcome.ReadOnly();
        if (refuse(row) is { } refused)
            return refused;
        // An edit of what the caller sees is later than what he sees, whatever the clocks of others said.
        var now = Instant.Max(Now(), row.ChangedAt + Duration.FromMilliseconds(1));
        var edited = edit(row, now);
        if (edited == row)
            return new EventOutcome.Stored(row);
        return new EventOutcome.Stored(await Store(transaction, row, edited with { Version = row.Version + 1, ChangedAt = now }, ct));
    }

    private async Task<EventRow> Store(TenantTransaction transaction, EventRow old, EventRow row, CancellationToken ct)
    {
        await transaction.Execute(ct, [EventRows.Upsert([row]), .. LocalEdits.Dirty(old, row)]);
        await changes.Append(transaction, [row], ct);
        return row;
    }

    private Instant Now() => EventClock.Now(time);

    private static async Task<EventOutcome> Guarded(Func<Task<EventOutcome>> work)
    {
        try
        {
            return await work();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "events_matter_fkey" })
        {
            return new EventOutcome.Invalid("matterId", "There is no such matter. Take an id from GET /v1/matters, or leave it out.");
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.InsufficientPrivilege } or { SqlState: PostgresErrorCodes.ForeignKeyViolation, ConstraintName: "events_workspace_fkey" })
        {
            return new EventOutcome.Invalid("workspaceId", "There is no such workspace. Take an id from GET /v1/workspaces, or leave it out.");
        }
    }
}
