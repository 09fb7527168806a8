using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>Delivers what is due, beside every other node. While the vault is locked nothing can be signed, and messages wait.</summary>
internal sealed class DeliveryWorker(
    DueDeliveries due, DeliverySender sender, WebhookOptions options, TimeProvider time, ILogger<DeliveryWorker> log) : BackgroundService
{
    private static readonly Counter<long> Attempts = Meters.Lockstep.CreateCounter<long>(
        "lockstep.webhooks.attempts", description: "Attempts to deliver a message to a webhook, by what came of them");

    private static readonly TimeSpan DrainPatience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan TidyEvery = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<Guid, Task> running = new();
    private readonly CancellationTokenSource cut = new();
    private long? tidiedAt;
    private bool away;

    public override void Dispose()
    {
        cut.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var look = new PeriodicTimer(options.Look, time);
        do
        {
            try
            {
                await Round(stoppingToken);
                away = false;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (NpgsqlException e)
            {
                if (!away)
                    log.OutboxAway(e.SqlState ?? e.GetType().Name);
                away = true;
            }
        }
        while (await Next(look, stoppingToken));
        var all = Task.WhenAll(running.Values);
        if (await Task.WhenAny(all, Task.Delay(DrainPatience, time, CancellationToken.None)) != all)
        {
            // Their leases run out, and they are sent again: at least once.
            await cut.CancelAsync();
            await all;
        }
    }

    private static async Task<bool> Next(PeriodicTimer look, CancellationToken ct)
    {
        try
        {
            return await look.WaitForNextTickAsync(ct);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private async Task Round(CancellationToken ct)
    {
        if (sender.CanSign && options.Parallel - running.Count is > 0 and var free)
        {
            foreach (var delivery in await due.Claim(free, ct))
                Begin(delivery);
        }
        if (tidiedAt is null || time.GetElapsedTime(tidiedAt.Value) >= TidyEvery)
        {
            await due.Forget(options.KeepDays, ct);
            tidiedAt = time.GetTimestamp();
        }
    }

    private void Begin(Delivery delivery)
    {
        var task = Task.Run(() => Carry(delivery), CancellationToken.None);
        running[delivery.Id] = task;
        _ = task.ContinueWith(_ => running.TryRemove(delivery.Id, out var _), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    /// <summary>Nothing of it escapes.</summary>
    private async Task Carry(Delivery delivery)
    {
        try
        {
            var result = await sender.Send(delivery, cut.Token);
            var next = DeliveryBackoff.After(delivery.Attempt, Random.Shared.NextDouble());
            var came = await due.Finish(delivery, result, next, options.Patience, CancellationToken.None);
            Attempts.Add(1, new KeyValuePair<string, object?>("outcome", came));
            if (came is "again" or "given_up" or "disabled")
                log.NotDelivered(delivery.Id, delivery.Webhook, result.Error ?? "", came, (int)next.TotalSeconds);
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
        catch (NpgsqlException e)
        {
            log.OutboxAway(e.SqlState ?? e.GetType().Name);
        }
    }
}

/// <summary>Events 1800 to 1849. Ids alone: an address may be a secret.</summary>
internal static partial class WebhookLog
{
    [LoggerMessage(1800, LogLevel.Warning, "Webhooks: message {Delivery} of webhook {Webhook} was not taken ({Why}): {Outcome}, waiting {Seconds} s")]
    public static partial void NotDelivered(this ILogger log, Guid delivery, Guid webhook, string why, string outcome, int seconds);

    [LoggerMessage(1801, LogLevel.Warning, "Webhooks: the outbox cannot be read or written ({What}); trying again")]
    public static partial void OutboxAway(this ILogger log, string what);
}
