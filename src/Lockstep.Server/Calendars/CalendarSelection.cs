using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Which calendars of an integration are mirrored.</summary>
internal sealed class CalendarSelection(EventChanges changes, TimeProvider time)
{
    public async Task Set(TenantTransaction transaction, IntegrationId integration, IReadOnlyList<WantedCalendar> wanted, CancellationToken ct)
    {
        var known = await transaction.Query(MirrorRows.Calendars(integration), MirrorRows.ReadCalendar, ct);
        foreach (var calendar in known.Where(calendar => wanted.All(other => other.Href != calendar.Href)))
            await Forget(transaction, calendar.Id, ct);
        // The write target is unique, also halfway.
        await transaction.Execute(ct, [
            new Statement("UPDATE lockstep.calendars SET is_write_target = false WHERE integration_id = $1 AND is_write_target", integration.Value),
            .. wanted.Select(calendar => Upsert(integration, calendar))]);
    }

    private static Statement Upsert(IntegrationId integration, WantedCalendar calendar) => new(
        """
        INSERT INTO lockstep.calendars (id, integration_id, href, name, color, is_write_target, read_only)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON     CONFLICT (integration_id, href) DO UPDATE
        SET    name = excluded.name, color = excluded.color, is_write_target = excluded.is_write_target, read_only = excluded.read_only
        """,
        CalendarId.New().Value, integration.Value, calendar.Href, calendar.Name, calendar.Color,
        calendar is { IsWriteTarget: true, ReadOnly: false }, calendar.ReadOnly);

    /// <summary>Tells the clients that its events are gone, then lets them go with it.</summary>
    private async Task Forget(TenantTransaction transaction, CalendarId calendar, CancellationToken ct)
    {
        if (await transaction.Query(MirrorRows.LockCalendar(calendar), MirrorRows.ReadOwner, ct) is [])
            return;
        // Page by page: one statement over all of a large calendar takes longer than a statement may.
        while (await ForgetPage(transaction, calendar, ct) > 0)
        {
        }
        await transaction.Execute(ct, new Statement("DELETE FROM lockstep.calendar_objects WHERE calendar_id = $1", calendar.Value));
        await transaction.Execute(ct, new Statement("DELETE FROM lockstep.events WHERE calendar_id = $1", calendar.Value));
        await transaction.Execute(ct, new Statement("DELETE FROM lockstep.calendars WHERE id = $1", calendar.Value));
    }

    /// <returns>How many events there were in the page.</returns>
    private async Task<int> ForgetPage(TenantTransaction transaction, CalendarId calendar, CancellationToken ct)
    {
        var now = EventClock.Now(time);
        var events = await transaction.Query(
            new Statement(
                """
                SELECT e.id, e.user_id, e.workspace_id, e.calendar_id, e.matter_id, e.uid, e.ics, e.version, e.changed_at, e.deleted, e.created_at, false
                FROM   lockstep.events e
                WHERE  e.calendar_id = $1
                AND    NOT e.deleted
                LIMIT  500
                """, calendar.Value),
            EventRow.Read, ct);
        if (events.Count == 0)
            return 0;
        List<EventRow> gone = [.. events.Select(row => row with
        {
            Deleted = true,
            Version = row.Version + 1,
            ChangedAt = Instant.Max(now, row.ChangedAt + Duration.FromMilliseconds(1)),
        })];
        // First as a tombstone, so that a matter's timeline says so too; and told while they are still events of this calendar, since the
        // sync of an integration may write the records of its own events alone.
        await transaction.Execute(ct, EventRows.Upsert(gone));
        await changes.Append(transaction, gone, ct);
        return gone.Count;
    }
}
