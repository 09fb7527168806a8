using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using NodaTime;
using Href = Lockstep.Calendaring.Caldav.Href;
using CalendarState = Lockstep.Calendaring.Caldav.CalendarState;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>One run: the calendars of one account, read first, then written; the picture is at <see cref="SyncPlan"/>.</summary>
/// <remarks>No network call happens inside a transaction, and what cannot be read is never taken for empty.</remarks>
internal sealed class CaldavSync(CaldavClients clients, CalendarMirror mirror, TimeProvider time)
{
    /// <summary>So many calendars are named in one message.</summary>
    private const int NamesTold = 5;

    /// <param name="requireLease">Throws when the run may not write any more.</param>
    public async Task<SyncReport> Run(
        TenantSession session, Integration integration, Secret secret, Action requireLease, CancellationToken ct)
    {
        using var trace = Meters.Traces.StartActivity("caldav.sync", ActivityKind.Client);
        var began = time.GetTimestamp();
        var config = (CaldavConfig)integration.Config;
        var (client, traffic) = clients.ForSync(config, integration.Failures, secret.RevealText);
        using var counted = traffic;
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        var tools = new SyncTools(client, mirror, session, requireLease, new DeletionAllowance(integration.ConfirmedDeletions), now);
        var results = await Calendars(tools, integration, ct) switch
        {
            { Calendars.Count: 0 } none => [new CalendarResult(0, none.Failure)],
            var chosen => await ReadAndWrite(tools, chosen, ct),
        };
        return new SyncReport(
            results.Where(result => result is not Written).Sum(result => result.Items),
            results.OfType<Written>().Sum(result => result.Items),
            results.Select(result => result.Failure).Where(failure => failure is not null).MaxBy(failure => Gravity(failure!)),
            time.GetElapsedTime(began),
            traffic.Requests);
    }

    /// <summary>The calendars to work on: as the mirror has them, or chosen anew when the configuration says otherwise.</summary>
    private async Task<Chosen> Calendars(SyncTools tools, Integration integration, CancellationToken ct)
    {
        var config = (CaldavConfig)integration.Config;
        var known = await CalendarMirror.Calendars(tools.Session, integration.Id, ct);
        if (CalendarChoice.IsMade(config, known))
            return new Chosen(null, known, []);
        var answer = await CalendarSearch.Run(tools.Client, config, ct);
        if (!answer.TryGet(out var account, out var failure))
        {
            await CalendarMirror.MarkUnreadable(tools.Session, [.. known.Select(calendar => calendar.Id)], ct);
            return new Chosen(failure.ToSyncFailure(), [], []);
        }
        var choice = CalendarChoice.Make(config, account.Calendars, known);
        if (choice.Wanted.Count == 0)
            return new Chosen(choice.Missing, [], []);
        tools.RequireLease();
        await tools.Session.Transact<int>(async transaction =>
        {
            // The owner may have changed the configuration meanwhile; then the next run chooses.
            if (await transaction.Execute(ct, IntegrationRows.SetCalendars(integration.Id, integration.ConfigVersion, choice.Config)) > 0)
                await mirror.SetCalendars(transaction, integration.Id, choice.Wanted, ct);
            return 0;
        }, ct);
        // The search has told what a first read needs.
        var told = account.Calendars.Where(calendar => calendar.ReportsChanges)
            .Select(calendar => new CalendarState(calendar.Href, calendar.Ctag, null) { ReportsChanges = true });
        return new Chosen(choice.Missing, await CalendarMirror.Calendars(tools.Session, integration.Id, ct), [.. told]);
    }

    private static async Task<IReadOnlyList<CalendarResult>> ReadAndWrite(SyncTools tools, Chosen chosen, CancellationToken ct)
    {
        var calendars = chosen.Calendars;
        var results = new List<CalendarResult> { new(0, chosen.Failure) };
        var polled = await CalendarPoll.Run(tools.Client, calendars, chosen.Told, ct);
        var unchanged = polled.Where(one => one.State is { } state && SyncPlan.IsUnchanged(one.Calendar, state)).Select(one => one.Calendar).ToList();
        // One a run: the others have time.
        var audited = unchanged.Find(calendar => SyncPlan.IsAuditDue(calendar.AuditedAt, tools.Now, Chance(calendar)));
        if (audited is not null)
            unchanged.Remove(audited);
        var unreadable = new List<MirroredCalendar>();
        CalendarResult? ended = null;
        foreach (var (calendar, state, failure) in polled.Where(one => !unchanged.Contains(one.Calendar)))
        {
            var result = failure is not null ? CalendarResult.Failed(0, failure)
                : ended is not null ? ended with { Items = 0 }
                : calendar == audited ? await Audit(tools, calendar, state!, ct)
                : await new CalendarPull(tools, calendar, state!).Run(ct);
            results.Add(result);
            if (result.Failure is { Kind: not (FailureKind.Partial or FailureKind.MassDelete) })
                unreadable.Add(calendar);
            if (result.EndsTheRun)
                ended ??= result;
        }
        foreach (var aside in await CalendarMirror.SetAside(tools.Session, [.. calendars.Except(unreadable).Select(calendar => calendar.Id)], ct))
        {
            if (ended is not null)
                break;
            var (calendar, state, _) = polled.First(one => one.Calendar.Id == aside.Key);
            var result = await new CalendarPull(tools, calendar, state!).Retry([.. aside], ct);
            results.Add(result);
            if (result.EndsTheRun)
                ended = result;
        }
        tools.RequireLease();
        if (unchanged.Count > 0)
            await CalendarMirror.MarkRead(tools.Session, [.. unchanged.Select(calendar => calendar.Id)], ct);
        if (unreadable.Count > 0)
            await CalendarMirror.MarkUnreadable(tools.Session, [.. unreadable.Select(calendar => calendar.Id)], ct);
        if (ended is not null)
            return results;
        results.AddRange(await Write(tools, [.. calendars.Where(calendar => !calendar.ReadOnly && !unreadable.Contains(calendar))], ct));
        return unreadable.Count < calendars.Count && !results.Exists(result => result.EndsTheRun)
            ? [.. results.Select(result => InPart(result, unreadable, calendars.Count))]
            : results;
    }

    /// <summary>Compares everything, and asks once more what may be done there: its owner may have given or taken the right to write.</summary>
    private static async Task<CalendarResult> Audit(SyncTools tools, MirroredCalendar calendar, CalendarState state, CancellationToken ct)
    {
        var result = await new CalendarPull(tools, calendar, state).Audit(ct);
        if (result.Failure is null && (await tools.Client.DescribeCalendarAsync(Href.Parse(calendar.Href), ct)).TryGet(out var now, out _))
        {
            tools.RequireLease();
            await CalendarMirror.Describe(tools.Session, calendar.Id, now.Name, now.Color, now.ReadOnly, ct);
        }
        return result;
    }

    /// <summary>Texts to all calendars, then deletions; then once more what those made room for.</summary>
    private static async Task<IReadOnlyList<CalendarResult>> Write(SyncTools tools, IReadOnlyList<MirroredCalendar> calendars, CancellationToken ct)
    {
        List<CalendarPush> pushes = [.. calendars.Select(calendar => new CalendarPush(tools, calendar))];
        List<CalendarPush> stopped = [];
        var results = new List<CalendarResult>();
        await Each(_ => true, push => push.Put(ct));
        await Each(_ => true, push => push.Delete(ct));
        if (pushes.Exists(push => push.Deleted > 0))
            await Each(push => push.WantsAnotherTry, push => push.PutAgain(ct));
        results.AddRange(pushes.Except(stopped).Select(push => new Written(push.Result)));
        return results;

        async Task Each(Func<CalendarPush, bool> which, Func<CalendarPush, Task<CalendarResult?>> step)
        {
            foreach (var push in pushes.Except(stopped).Where(which).ToList())
            {
                if (results.Exists(result => result.EndsTheRun))
                    return;
                if (await step(push) is not { } failed)
                    continue;
                stopped.Add(push);
                results.Add(new Written(failed));
            }
        }
    }

    /// <summary>One calendar of several: the schedule of the others stays, and it is said which one.</summary>
    private static CalendarResult InPart(CalendarResult result, List<MirroredCalendar> unreadable, int all) =>
        result.Failure is not { Kind: FailureKind.Transient } failure ? result
        : result is Written || unreadable.Count == 0 ? result with { Failure = failure with { Kind = FailureKind.Partial } }
        : result with
        {
            Failure = failure with
            {
                Kind = FailureKind.Partial,
                Message = $"{unreadable.Count} of {all} calendars could not be read ({string.Join(", ", unreadable.Take(NamesTold).Select(one => one.Name))}); "
                    + $"the others were synced. {failure.Message}",
            },
        };

    private static double Chance(MirroredCalendar calendar) => (BitConverter.ToUInt16(calendar.Id.Value.ToByteArray(), 14) % 1000) / 1000.0;

    /// <summary>The enum's order is the order of what has to be told first.</summary>
    private static int Gravity(SyncFailure failure) => (int)failure.Kind;

    /// <param name="Failure">Why there are none, or not all.</param>
    /// <param name="Told">What is known of them already from looking for them.</param>
    private sealed record Chosen(SyncFailure? Failure, IReadOnlyList<MirroredCalendar> Calendars, IReadOnlyList<CalendarState> Told);

    private sealed record Written : CalendarResult
    {
        public Written(CalendarResult result)
            : base(result)
        {
        }
    }
}
