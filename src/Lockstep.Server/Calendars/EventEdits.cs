using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>What every edit by a user has in common: the scope first, the version known, the stamp later than what is there, all in one transaction.</summary>
internal sealed class EventEdits(EventChanges changes, TimeProvider time)
{
    /// <summary>One edit of one event.</summary>
    /// <param name="ifMatch">The version that the caller knows; null: whatever is there.</param>
    /// <param name="work">Gets the event as it stands, held, and the stamp of the edit; writes by <see cref="Store"/> and the like.</param>
    public Task<EventOutcome> Edit(
        TenantSession session, EventId id, long? ifMatch, Func<TenantTransaction, EventRow, Instant, Task<EventOutcome>> work, CancellationToken ct) =>
        Guarded(() => session.Transact(
            async transaction =>
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
                return await work(transaction, row, After(row));
            }, ct));

    /// <summary>A new event, here and on its way to the calendar's server. The owner's scope is taken first.</summary>
    /// <param name="target">Null: only here.</param>
    public async Task<EventOutcome> Insert(TenantTransaction transaction, EventRow row, CalendarTarget? target, CancellationToken ct)
    {
        await EventChanges.Lock(transaction, row.Owner, ct);
        await transaction.Execute(ct, target is null ? [EventRows.Upsert([row])] : [EventRows.Upsert([row]), LocalEdits.New(row, target)]);
        await changes.Append(transaction, [row], ct);
        return new EventOutcome.Stored(row);
    }

    /// <summary>The event as it is to be; its version rises unless nothing differs.</summary>
    /// <returns>What is stored now.</returns>
    public async Task<EventRow> Store(TenantTransaction transaction, EventRow old, EventRow edited, Instant at, CancellationToken ct)
    {
        if (edited == old)
            return old;
        var row = edited with { Version = old.Version + 1, ChangedAt = at };
        await transaction.Execute(ct, [EventRows.Upsert([row]), .. LocalEdits.Dirty(old, row)]);
        await changes.Append(transaction, [row], ct);
        return row;
    }

    /// <summary>Moves the event to another calendar of its owner, with a text that may be new: made there, deleted where it was.</summary>
    /// <param name="target">Null: it is only here from now on.</param>
    public async Task<EventRow> Move(
        TenantTransaction transaction, EventRow old, EventRow edited, CalendarTarget? target, Instant at, CancellationToken ct)
    {
        var row = edited with { Calendar = target?.Id, Version = old.Version + 1, ChangedAt = at };
        var left = EventMoves.Left(old, at);
        if (left is not null)
            await transaction.Execute(ct, [EventRows.Upsert([left]), EventMoves.HandOver(old, left), .. LocalEdits.Dirty(old with { Id = left.Id }, left)]);
        await transaction.Execute(ct, [EventMoves.SetCalendar(row), EventRows.Upsert([row])]);
        if (target is not null && await transaction.Execute(ct, EventMoves.TakeBack(row, target)) == 0)
            await transaction.Execute(ct, LocalEdits.New(row, target));
        await changes.Append(transaction, left is null ? [row] : [left, row], ct);
        return row;
    }

    public Instant Now() => EventClock.Now(time);

    /// <summary>An edit of what the caller sees is later than what he sees, whatever the clocks of others said.</summary>
    public Instant After(EventRow row) => Instant.Max(Now(), row.ChangedAt + Duration.FromMilliseconds(1));

    /// <summary>Tells what the database refused in the words of the request.</summary>
    public static async Task<EventOutcome> Guarded(Func<Task<EventOutcome>> work)
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
