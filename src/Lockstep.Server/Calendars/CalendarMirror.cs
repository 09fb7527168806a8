using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>The door for connectors: what is known of the server's calendars, and everything that a sync reads or writes of them.</summary>
/// <remarks>
/// Each method is one transaction and holds it over no network call. A session sees what its caller may see: an id that is not
/// the caller's behaves like one that does not exist. One sync of an integration at a time (its lease); edits by users run beside it.
/// </remarks>
internal sealed class CalendarMirror
{
    /// <summary>The calendars of an integration, the write target first, then by name.</summary>
    public Task<IReadOnlyList<MirroredCalendar>> Calendars(TenantSession session, IntegrationId integration, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>Makes the calendars of an integration those of <paramref name="wanted"/>, matched by href; positions of known ones stay.</summary>
    /// <remarks>The events of calendars that are no longer wanted are deleted here, with delete changes; on the server they stay.</remarks>
    public Task SetCalendars(
        TenantTransaction transaction, IntegrationId integration, IReadOnlyList<WantedCalendar> wanted, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>The whole mirror of a calendar, without texts, by href.</summary>
    public Task<IReadOnlyList<MirroredObject>> Objects(TenantSession session, CalendarId calendar, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>Takes over what the server has: rows, events, changes and position in one transaction.</summary>
    /// <remarks>Idempotent. Local edits that were not written yet meet it by last write wins; the loser is kept in the conflicts.</remarks>
    /// <returns>Null when there is no such calendar (any more).</returns>
    public Task<PageApplied?> ApplyPage(TenantSession session, CalendarId calendar, RemotePage page, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>Says that the server had nothing new: the mirror is what the server has, as of now.</summary>
    public Task MarkRead(TenantSession session, IReadOnlyList<CalendarId> calendars, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>Says that a calendar could not be read now; from the first time on its free time is not believed.</summary>
    public Task MarkUnreadable(TenantSession session, IReadOnlyList<CalendarId> calendars, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>What waits to be written, oldest edit first; nothing for a read-only calendar.</summary>
    public Task<IReadOnlyList<PendingWrite>> PendingWrites(TenantSession session, CalendarId calendar, int limit, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>A write succeeded. An edit made while it was under way stays pending, now based on the new ETag.</summary>
    /// <param name="etag">From the answer; null when it had none: the next read brings it, and recognises the text as ours.</param>
    public Task WriteDone(TenantSession session, PendingWrite write, string? etag, CancellationToken ct) =>
        throw new NotSupportedException();

    /// <summary>A write was refused for a reason that is not a conflict; it stays pending, with the reason and one more attempt.</summary>
    /// <param name="reason">What the server said, for people.</param>
    public Task WriteRefused(TenantSession session, PendingWrite write, string reason, CancellationToken ct) =>
        throw new NotSupportedException();
}
