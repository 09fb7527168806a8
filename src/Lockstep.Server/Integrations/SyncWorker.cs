using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Integrations;

/// <summary>Takes up due integrations from the start of the server to its end, beside every other node.</summary>
/// <remarks>
/// <code>
///   claim (lease, SKIP LOCKED) -> load as its user, narrowed to it -> places of its owner, server, this node -> run -> finish (fenced)
///                                                                     busy: give back
/// </code>
/// </remarks>
internal sealed class SyncWorker(
    DueWork due, SyncRunner runner, SyncSignal signal, IntegrationOptions options, TimeProvider time, ILogger<SyncWorker> log) : BackgroundService
{
    private static readonly Histogram<double> Lag = Meters.Lockstep.CreateHistogram<double>(
        "lockstep.sync.lag", "s", "How long due integrations waited for a worker");

    private readonly RunPlaces places = new(options, time);
    private readonly DatabaseTrouble trouble = new(time, log);
    private readonly SyncGauges gauges = new(due, time);
    private readonly ConcurrentDictionary<Guid, Task> running = new();
    private readonly CancellationTokenSource cut = new();
    private bool released = !options.OnlyNode;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            options.Heartbeat();
            try
            {
                await Round(stoppingToken);
                trouble.Back();
                await signal.WaitForWork(time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (NpgsqlException e)
            {
                trouble.Away(e.SqlState ?? e.GetType().Name);
                await Task.Delay(SyncSignal.Look, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        await Drain();
    }

    public override void Dispose()
    {
        cut.Dispose();
        places.Dispose();
        base.Dispose();
    }

    private async Task Round(CancellationToken ct)
    {
        if (!released)
        {
            // Killed, this process left leases that nobody else would let run out.
            if (await due.ReleaseAll(ct) is > 0 and var count)
                log.LeasesReleased(count);
            released = true;
        }
        await due.Hasten(options.PushDelay, ct);
        if (places.Free(running.Count) is > 0 and var free)
        {
            foreach (var work in await due.Claim(free, ct))
                Begin(work);
        }
        await gauges.Refresh(ct);
    }

    private void Begin(Work work)
    {
        Lag.Record(Math.Max(0, (Instant.FromDateTimeOffset(time.GetUtcNow()) - work.DueAt).TotalSeconds));
        var task = Task.Run(() => Carry(work), CancellationToken.None);
        running[work.Run] = task;
        _ = task.ContinueWith(_ => running.TryRemove(work.Run, out var _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>From claim to finish; nothing of it escapes.</summary>
    private async Task Carry(Work work)
    {
        try
        {
            await using var lease = new HeldLease(due, work, time, cut.Token);
            try
            {
                await Carry(work, lease);
            }
            catch (OperationCanceledException)
            {
                if (cut.IsCancellationRequested)
                    await due.HandBack(work, TimeSpan.Zero, CancellationToken.None);
                else
                    log.LeaseLost(work.Run, work.Id.Value);
            }
        }
        catch (NpgsqlException e)
        {
            // The lease runs out by itself, and the work is taken up again.
            trouble.Away(e.SqlState ?? e.GetType().Name);
        }
    }

    private async Task Carry(Work work, HeldLease lease)
    {
        if (await runner.Load(work, lease.Held) is not { } integration)
        {
            var gone = SyncReport.Failed(new SyncFailure(
                FailureKind.Transient, "no_admin", "The workspace of this integration has nobody left who may use its credential. Make somebody its admin."));
            await Finish(work, gone, TimeSpan.FromSeconds(SyncSchedule.Default));
            return;
        }
        if (integration.Config is UnreadableConfig unread)
        {
            await Finish(work, SyncReport.Failed(new SyncFailure(FailureKind.Transient, UnreadableConfig.Code, unread.Sentence)), TimeSpan.FromSeconds(SyncSchedule.Default));
            return;
        }
        var busy = await places.Carry(integration.Config.Address?.Authority ?? "", work.Owner, () => Run(work, integration, lease), lease.Held);
        if (busy is { } pause)
            await due.HandBack(work, pause, lease.Held);
    }

    private async Task Run(Work work, Integration integration, HeldLease lease)
    {
        var report = await runner.Run(work, integration, lease);
        await Finish(work, report, TimeSpan.FromSeconds(integration.Schedule.IntervalSeconds));
    }

    private async Task Finish(Work work, SyncReport report, TimeSpan interval)
    {
        var next = NextRun.After(report, interval, work.Failures, Random.Shared.NextDouble());
        if (report.Failure is { } failure)
        {
            if (next is { PauseReason: { } reason, PauseFor: null })
                log.Paused(work.Run, work.Id.Value, failure.Code, reason);
            else
                log.Failed(work.Run, work.Id.Value, failure.Code, (int)next.In.TotalSeconds);
        }
        if (!await due.Finish(work, report, next, CancellationToken.None))
            log.LeaseLost(work.Run, work.Id.Value);
        signal.Finished();
        // Asked for again during the run: it is due now.
        signal.Wake();
    }

    /// <summary>Runs may finish for a moment; then they are cut between two steps, and given back.</summary>
    private async Task Drain()
    {
        var all = Task.WhenAll(running.Values);
        if (await Task.WhenAny(all, Task.Delay(options.DrainPatience, time)) == all)
            return;
        await cut.CancelAsync();
        await all;
    }
}
