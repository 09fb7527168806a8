using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Calendars;

/// <summary>The door for connectors: what is known of the server's calendars, and everything that a sync reads or writes of them.</summary>
/// <remarks>
/// Each method is one transaction and holds it over no network call. A session sees what its caller may see: an id that is not
/// the caller's behaves like one that does not exist. One sync of an integration at a time (its lease); edits by users run beside it.
/// </remarks>
internal sealed class CalendarMirror(EventChanges changes, TimeProvider time)
{
    /// <summary>The code of a refusal because the UID stands elsewhere on the server.</summary>
    public const string UidTaken = "uid_taken";

    /// <summary>The calendars of an integration, the write target first, then by name.</summary>
    public static async Task<IReadOnlyList<MirroredCalendar>> Calendars(TenantSession session, IntegrationId integration, CancellationToken ct) =>
        await session.Query(MirrorRows.Calendars(integration), MirrorRows.ReadCalendar, ct);

    /// <summary>Makes the calendars of an integration those of <paramref name="wanted"/>, matched by href; positions of known ones stay.</summary>
    /// <remarks>
    /// The events of calendars that are no longer wanted are deleted here, with delete changes; on the server they stay. Call it with
    /// none before deleting the integration.
    /// </remarks>
    public Task SetCalendars(
        TenantTransaction transaction, IntegrationId integration, IReadOnlyList<WantedCalendar> wanted, CancellationToken ct) =>
        new CalendarSelection(changes, time).Set(transaction, integration, wanted, ct);

    /// <summary>The whole mirror of a calendar, without texts, by href.</summary>
    public static async Task<IReadOnlyList<MirroredObject>> Objects(TenantSession session, CalendarId calendar, CancellationToken ct) =>
        await session.Query(
            new Statement(
                """
                SELECT o.id, o.href, o.etag, o.state, o.uid, o.event_id, o.local_changed_at
                FROM   lockstep.calendar_objects o
                WHERE  o.calendar_id = $1
                ORDER  BY o.href
                """, calendar.Value),
            row => new MirroredObject(
                new CalendarObjectId(row.GetGuid(0)), row.GetString(1), row.GetStringOrNull(2), MirrorEntry.StateOf(row.GetString(3)),
                row.GetStringOrNull(4), row.GetGuidOrNull(5) is { } id ? new EventId(id) : null, row.GetInstantOrNull(6)),
            ct);

    /// <summary>What was edited here and is not written yet: should the server have changed it too, the times decide.</summary>
    public static async Task<IReadOnlyList<string>> EditedHrefs(TenantSession session, CalendarId calendar, CancellationToken ct) =>
        await session.Query(
            new Statement("SELECT o.href FROM lockstep.calendar_objects o WHERE o.calendar_id = $1 AND o.state = 'changed'", calendar.Value),
            row => row.GetString(0), ct);

    /// <summary>What a server lists and did not hand out, and is to be asked for again by now; addresses by calendar.</summary>
    public static async Task<IEnumerable<IGrouping<CalendarId, string>>> SetAside(
        TenantSession session, IReadOnlyList<CalendarId> calendars, CancellationToken ct) =>
        (await session.Query(MirrorRows.SetAside(calendars), row => (Calendar: new CalendarId(row.GetGuid(0)), Href: row.GetString(1)), ct))
        .GroupBy(one => one.Calendar, one => one.Href);

    /// <summary>Takes over what the server has: rows, events, changes and position in one transaction.</summary>
    /// <remarks>Idempotent. Local edits that were not written yet meet it by last write wins; the loser is kept in the conflicts.</remarks>
    /// <returns>Null when there is no such calendar (any more).</returns>
    public Task<PageApplied?> ApplyPage(TenantSession session, CalendarId calendar, RemotePage page, CancellationToken ct) =>
        session.Transact(async transaction =>
        {
            var hrefs = page.Changed.Select(remote => remote.Href).Concat(page.Removed).Concat(page.Unreadable.Select(one => one.Href)).ToArray();
            var uids = page.Changed.Select(remote => remote.Facts?.Uid).OfType<string>().Distinct().ToArray();
            Tenant? owner = null;
            var (entries, events, adopted) = (new List<MirrorEntry>(), new List<EventRow>(), new Dictionary<EventId, bool>());
            await transaction.QueryAll(ct,
            [
                // (1) The scope first, as every writer does; from here on nobody else writes this owner's events.
                (MirrorRows.LockCalendar(calendar), row => owner = MirrorRows.ReadOwner(row)),
                // (2) What the page speaks of; also what was brought back by an import before the account was connected.
                (MirrorRows.Adopt(calendar, uids), row => adopted[new EventId(row.GetGuid(0))] = row.GetBoolean(1)),
                (MirrorRows.Entries(calendar, hrefs, uids), row => entries.Add(MirrorEntry.Read(row))),
                (MirrorRows.Events(calendar, hrefs, uids), row => events.Add(EventRow.Read(row))),
            ]);
            if (owner is not { } found)
                return null;
            // (3) Decide.
            var merge = new PageMerge(calendar, found, entries, events, EventClock.Now(time)) { Adopted = adopted };
            merge.Apply(page);
            // (4) Rows, changes and position, or nothing of them.
            await changes.Commit(transaction, found, [.. merge.Events], Writes(calendar, merge, page.Position), ct);
            return new PageApplied(merge.Pulled, merge.Conflicts.Count, merge.Quarantined);
        }, ct);

    /// <summary>Says that the server had nothing new: the mirror is what the server has, as of now.</summary>
    public static Task MarkRead(TenantSession session, IReadOnlyList<CalendarId> calendars, CancellationToken ct) => session.Execute(
        new Statement(
            "UPDATE lockstep.calendars SET last_read_at = clock_timestamp(), unreadable_since = NULL WHERE id = ANY ($1)",
            calendars.Select(id => id.Value).ToArray()),
        ct);

    /// <summary>Takes over what the server says of the calendar itself; one that may be written again is chosen as the target by the next run.</summary>
    public static Task Describe(TenantSession session, CalendarId calendar, string name, string? color, bool readOnly, CancellationToken ct) => session.Execute(
        new Statement(
            """
            UPDATE lockstep.calendars
            SET    name = $2, color = $3, read_only = $4, is_write_target = is_write_target AND NOT $4
            WHERE  id = $1
            AND    (name, color, read_only) IS DISTINCT FROM ($2, $3, $4)
            """, calendar.Value, name, color, readOnly),
        ct);

    /// <summary>Says that a calendar could not be read now; from the first time on its free time is not believed.</summary>
    public static Task MarkUnreadable(TenantSession session, IReadOnlyList<CalendarId> calendars, CancellationToken ct) => session.Execute(
        new Statement(
            "UPDATE lockstep.calendars SET unreadable_since = coalesce(unreadable_since, clock_timestamp()) WHERE id = ANY ($1)",
            calendars.Select(id => id.Value).ToArray()),
        ct);

    /// <summary>What waits to be written, oldest edit first; nothing for a read-only calendar.</summary>
    /// <remarks>
    /// An event that went to another calendar of the account is a deletion here and a creation there. The deletion waits until the
    /// creation is done, or is refused because the server wants each UID in one place only: at no moment is the event in neither.
    /// </remarks>
    public static async Task<IReadOnlyList<PendingWrite>> PendingWrites(TenantSession session, CalendarId calendar, int limit, CancellationToken ct) =>
        await session.Query(MirrorRows.Pending(calendar, limit), MirrorRows.ReadPending, ct);

    /// <summary>Says what is about to be written, so that it is recognised should the answer be lost.</summary>
    public static Task Sending(TenantSession session, CalendarId calendar, IReadOnlyList<PendingWrite> writes, CancellationToken ct) =>
        session.Transact(async transaction =>
        {
            await transaction.Query(MirrorRows.LockCalendar(calendar), MirrorRows.ReadOwner, ct);
            return await transaction.Execute(ct, MirrorRows.Sending(writes));
        }, ct);

    /// <summary>A write succeeded. An edit made while it was under way stays pending, now based on the new ETag.</summary>
    /// <param name="etag">From the answer; null when it had none: the next read brings it, and recognises the text as ours.</param>
    public Task WriteDone(TenantSession session, PendingWrite write, string? etag, CancellationToken ct) =>
        session.Transact(async transaction =>
        {
            // The scope first, as every other writer of events takes it: the event first deadlocked with a page.
            await transaction.Query(MirrorRows.LockScopeOf(write.Id), row => row.GetGuid(0), ct);
            return await transaction.Execute(ct, write switch
            {
                PendingWrite.Create create => [MirrorRows.Written(create.Id, etag, create.Ics, EventClock.Now(time))],
                PendingWrite.Change change => [MirrorRows.Written(change.Id, etag, change.Ics, EventClock.Now(time))],
                _ => [MirrorRows.CountErased(write.Id), .. MirrorRows.Erased(write.Id)],
            });
        }, ct);

    /// <summary>A write was refused for a reason that is not a conflict; it stays pending, is tried again ever later, and never given up.</summary>
    /// <param name="code">Stable.</param>
    /// <param name="reason">What the server said, for people.</param>
    public static Task WriteRefused(TenantSession session, PendingWrite write, string code, string reason, CancellationToken ct) =>
        session.Execute(MirrorRows.Refused(write.Id, code, reason), ct);

    /// <summary>How many deletions wait for the server, how many resources it has, and how many were deleted there in the last minutes.</summary>
    /// <remarks>What only moved to another calendar is not deleted.</remarks>
    public static async Task<(int Deletions, int OnServer, int Recent)> CountDeletions(TenantSession session, CalendarId calendar, CancellationToken ct) =>
        (await session.Query(MirrorRows.CountDeletions(calendar), row => (row.GetInt32(0), row.GetInt32(1), row.GetInt32(2)), ct))[0];

    /// <summary>Somebody asks for it: what was refused or not handed out is tried again with the next run, however long it was to rest.</summary>
    public static Task TryAgain(TenantSession session, IntegrationId integration, CancellationToken ct) => session.Transact(async transaction =>
    {
        var calendars = await transaction.Query(MirrorRows.WithResting(integration), row => new CalendarId(row.GetGuid(0)), ct);
        foreach (var calendar in calendars)
        {
            await transaction.Query(MirrorRows.LockCalendar(calendar), MirrorRows.ReadOwner, ct);
            await transaction.Execute(ct, MirrorRows.TryAgain(calendar));
        }
        return calendars.Count;
    }, ct);

    private static IEnumerable<Statement> Writes(CalendarId calendar, PageMerge merge, CalendarPosition? position)
    {
        if (merge.Events.Any())
            yield return EventRows.Upsert(merge.Events);
        if (merge.Gone.Count > 0)
            yield return MirrorRows.Delete([.. merge.Gone.Select(id => id.Value)]);
        if (merge.Entries.Any())
            yield return MirrorEntry.Upsert(calendar, merge.Owner, merge.Entries);
        foreach (var conflict in merge.Conflicts)
            yield return conflict.Record(calendar);
        if (position is not null)
            yield return MirrorRows.Advance(calendar, position);
    }
}
