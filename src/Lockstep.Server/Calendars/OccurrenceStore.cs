using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Changes single occurrences of a series, or one and all that follow.</summary>
/// <remarks>
/// One occurrence is an override in the same resource (RFC 5545 section 3.8.4.4). "This and all following" cuts the series: the event
/// ends before the occurrence, and a new event with a UID of its own begins with it. RANGE=THISANDFUTURE would say the same in one resource,
/// but servers and clients drop it; all of them understand two events.
/// </remarks>
internal sealed class OccurrenceStore(EventEdits edits)
{
    /// <summary>Changes what is given of the occurrence.</summary>
    public Task<EventOutcome> Patch(
        TenantSession session, EventId id, CalendarTime named, bool andFuture, EventChange change, long? ifMatch, CancellationToken ct) =>
        edits.Edit(session, id, ifMatch, async (transaction, row, now) =>
        {
            if (Find(row, named, ct) is not { RecurrenceId: { } occurrence } found)
                return new EventOutcome.NotFound();
            if (change.TimesProblem(Start(found), End(found)) is { } problem)
                return new EventOutcome.Invalid("end", problem);
            if (!andFuture)
                return new EventOutcome.Stored(
                    await edits.Store(transaction, row, row with { Ics = OccurrenceEditing.Patch(row.Ics, occurrence, change, now) }, now, ct));
            return Misfit(row, occurrence, change) is { } misfit ? misfit : await Split(transaction, row, occurrence, change, now, ct);
        }, ct);

    /// <summary>Takes the occurrence out; the event itself when none is left.</summary>
    public Task<EventOutcome> Delete(TenantSession session, EventId id, CalendarTime named, bool andFuture, long? ifMatch, CancellationToken ct) =>
        edits.Edit(session, id, ifMatch, async (transaction, row, now) =>
        {
            if (Find(row, named, ct) is not { RecurrenceId: { } occurrence })
                return new EventOutcome.NotFound();
            if (andFuture && OccurrenceEditing.SplitProblem(row.Ics, occurrence) is { } problem)
                return new EventOutcome.Invalid("recurrenceId", problem);
            var rest = andFuture ? OccurrenceEditing.Before(row.Ics, occurrence, now) : OccurrenceEditing.Remove(row.Ics, occurrence, now);
            return new EventOutcome.Stored(
                await edits.Store(transaction, row, rest is null ? row with { Deleted = true } : row with { Ics = rest }, now, ct));
        }, ct);

    /// <summary>The occurrence, as far as it can be found with the work that one question may cost.</summary>
    public static Occurrence? Find(EventRow row, CalendarTime named, CancellationToken ct)
    {
        var budget = ExpansionCost.Budget(ct);
        return ExpansionCost.Read(row.Ics, budget) is { } document ? Occurrences.Find(document, named, DateTimeZone.Utc, budget) : null;
    }

    private async Task<EventOutcome> Split(
        TenantTransaction transaction, EventRow row, CalendarTime occurrence, EventChange change, Instant now, CancellationToken ct)
    {
        var before = OccurrenceEditing.Before(row.Ics, occurrence, now);
        // With nothing before it the whole series is meant.
        if (before is null)
            return new EventOutcome.Stored(await edits.Store(
                transaction, row, row with { Ics = EventEditing.Patch(row.Ics, change, now), Matter = change.Matter.Or(row.Matter) }, now, ct));
        var target = row.Calendar is { } calendar ? await CalendarTargets.Find(transaction, calendar.ToString(), row.Owner.Workspace, ct) : null;
        var id = EventId.New();
        var following = new EventRow(
            id, row.Owner, row.Calendar, change.Matter.Or(row.Matter), id.ToString(),
            OccurrenceEditing.From(row.Ics, occurrence, id.ToString(), change, now), 1, now, false, now, false);
        await edits.Store(transaction, row, row with { Ics = before }, now, ct);
        await edits.Insert(transaction, following, target, ct);
        return new EventOutcome.Split(following);
    }

    private static EventOutcome.Invalid? Misfit(EventRow row, CalendarTime occurrence, EventChange change) =>
        OccurrenceEditing.SplitProblem(row.Ics, occurrence) is { } uncut ? new EventOutcome.Invalid("recurrenceId", uncut)
        : EventEditing.StartProblem(row.Ics, change) is { } misfit ? new EventOutcome.Invalid("recurrence", misfit)
        : null;

    private static CalendarTime Start(Occurrence found) => CalendarTime.Of(found.Component.Property("DTSTART")!)!.Value with { Local = found.LocalStart };

    private static CalendarTime End(Occurrence found) => Start(found) with { Local = found.LocalEnd };
}
