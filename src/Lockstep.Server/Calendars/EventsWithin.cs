using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>Events as a part of somebody's own transaction: what stands for them there is stored together with them or not at all.</summary>
internal sealed class EventsWithin(EventEdits edits)
{
    /// <summary>Nobody else writes an event of this user until the transaction ends, the worker included. Taken first.</summary>
    public static Task Hold(TenantTransaction transaction, CancellationToken ct) =>
        EventChanges.Lock(transaction, Tenant.Of(transaction.Caller.RequiredUser), ct);

    /// <summary>Makes an event of the caller's own.</summary>
    /// <param name="calendar">The href; null, and one that is gone or takes no writes: the only write target, else the event is only here.</param>
    public async Task<EventId> Create(TenantTransaction transaction, EventChange change, string? calendar, CancellationToken ct)
    {
        var owner = Tenant.Of(transaction.Caller.RequiredUser);
        var target = Usable(calendar is null ? null : await CalendarTargets.Find(transaction, calendar, null, ct), owner)
            ?? Usable(await CalendarTargets.Find(transaction, null, null, ct), owner);
        var (id, now) = (EventId.New(), edits.Now());
        await edits.Insert(
            transaction,
            new EventRow(id, owner, target?.Id, null, id.ToString(), EventEditing.Create(change, id.ToString(), now), 1, now, false, now, false),
            target, ct);
        return id;
    }

    /// <returns>False when the event is not there any more, or its calendar takes no writes.</returns>
    public async Task<bool> Change(TenantTransaction transaction, EventId id, EventChange change, CancellationToken ct)
    {
        if (await transaction.First(LocalEdits.Lock(id), EventRow.Read, ct) is not { Deleted: false, ReadOnly: false } row)
            return false;
        var now = edits.After(row);
        await edits.Store(transaction, row, row with { Ics = EventEditing.Patch(row.Ics, change, now) }, now, ct);
        return true;
    }

    /// <summary>Deletes it, on its server too; nothing where that was done already.</summary>
    public async Task Delete(TenantTransaction transaction, EventId id, CancellationToken ct)
    {
        if (await transaction.First(LocalEdits.Lock(id), EventRow.Read, ct) is { Deleted: false, ReadOnly: false } row)
            await edits.Store(transaction, row, row with { Deleted = true }, edits.After(row), ct);
    }

    private static CalendarTarget? Usable(CalendarTarget? target, Tenant owner) =>
        target is { ReadOnly: false } && target.Owner == owner ? target : null;
}
