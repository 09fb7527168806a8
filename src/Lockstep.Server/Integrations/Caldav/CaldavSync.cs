using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>One run: the calendars of one account, read first, then written; the picture is at <see cref="SyncPlan"/>.</summary>
/// <remarks>No network call happens inside a transaction, and what cannot be read is never taken for empty.</remarks>
internal sealed class CaldavSync(CaldavClients clients, CalendarMirror mirror, TimeProvider time)
{
    /// <param name="requireLease">Throws when the run may not write any more.</param>
    public async Task<SyncReport> Run(
        TenantSession session, Integration integration, Secret secret, Action requireLease, CancellationToken ct)
    {
        using var trace = Meters.Traces.StartActivity("caldav.sync", ActivityKind.Client);
        var began = time.GetTimestamp();
        var (client, traffic) = clients.ForSync(integration.Config, secret.RevealText);
        using var counted = traffic;
        var tools = new SyncTools(client, mirror, session, requireLease, new DeletionAllowance(integration.ConfirmedDeletions));
        var results = await Calendars(tools, integration, ct) switch
        {
            (var failure, { Count: 0 }) => [new CalendarResult(0, failure)],
            var (failure, calendars) => await ReadAndWrite(tools, calendars, failure, ct),
        };
        return new SyncReport(
            results.Where(result => result is not Written).Sum(result => result.Items),
            results.OfType<Written>().Sum(result => result.Items),
            results.Select(result => result.Failure).Where(failure => failure is not null).MaxBy(failure => Gravity(failure!)),
            time.GetElapsedTime(began),
            traffic.Requests);
    }

    /// <summary>The calendars to work on: as the mirror has them, or chosen anew when the configuration says otherwise.</summary>
    private async Task<(SyncFailure? Failure, IReadOnlyList<MirroredCalendar> Calendars)> Calendars(
        SyncTools tools, Integration integration, CancellationToken ct)
    {
        var known = await CalendarMirror.Calendars(tools.Session, integration.Id, ct);
        if (CalendarChoice.IsMade(integration.Config, known))
            return (null, known);
        var answer = await tools.Client.DiscoverAsync(ct);
        if (!answer.TryGet(out var account, out var failure))
        {
            await CalendarMirror.MarkUnreadable(tools.Session, [.. known.Select(calendar => calendar.Id)], ct);
            return (failure.ToSyncFailure(), []);
        }
        var choice = CalendarChoice.Make(integration.Config, account.Calendars, known);
        if (choice.Wanted.Count == 0)
            return (choice.Missing, []);
        tools.RequireLease();
        await tools.Session.Transact<int>(async transaction =>
        {
            // The owner may have changed the configuration meanwhile; then the next run chooses.
            if (await transaction.Execute(ct, IntegrationRows.SetCalendars(integration.Id, integration.ConfigVersion, choice.Config)) > 0)
                await mirror.SetCalendars(transaction, integration.Id, choice.Wanted, ct);
            return 0;
        }, ct);
        return (choice.Missing, await CalendarMirror.Calendars(tools.Session, integration.Id, ct));
    }

    private static async Task<IReadOnlyList<CalendarResult>> ReadAndWrite(
        SyncTools tools, IReadOnlyList<MirroredCalendar> calendars, SyncFailure? missing, CancellationToken ct)
    {
        var results = new List<CalendarResult> { new(0, missing) };
        var polled = await CalendarPoll.Run(tools.Client, calendars, ct);
        var unchanged = polled.Where(one => one.State is { } state && SyncPlan.IsUnchanged(one.Calendar, state)).Select(one => one.Calendar).ToList();
        var unreadable = new List<MirroredCalendar>();
        CalendarResult? ended = null;
        foreach (var (calendar, state, failure) in polled.Where(one => !unchanged.Contains(one.Calendar)))
        {
            var result = failure is not null ? CalendarResult.Failed(0, failure)
                : ended is not null ? ended with { Items = 0 }
                : await new CalendarPull(tools, calendar, state!).Run(ct);
            results.Add(result);
            if (result.Failure is { Kind: not (FailureKind.Partial or FailureKind.MassDelete) })
                unreadable.Add(calendar);
            if (result.EndsTheRun)
                ended ??= result;
        }
        tools.RequireLease();
        if (unchanged.Count > 0)
            await CalendarMirror.MarkRead(tools.Session, [.. unchanged.Select(calendar => calendar.Id)], ct);
        if (unreadable.Count > 0)
            await CalendarMirror.MarkUnreadable(tools.Session, [.. unreadable.Select(calendar => calendar.Id)], ct);
        foreach (var calendar in calendars.Where(calendar => ended is null && !calendar.ReadOnly && !unreadable.Contains(calendar)))
        {
            var result = await new CalendarPush(tools, calendar).Run(ct);
            results.Add(new Written(result));
            if (result.EndsTheRun)
                ended = result;
        }
        return results;
    }

    /// <summary>The enum's order is the order of what has to be told first.</summary>
    private static int Gravity(SyncFailure failure) => (int)failure.Kind;

    private sealed record Written : CalendarResult
    {
        public Written(CalendarResult result)
            : base(result)
        {
        }
    }
}
