using System.Diagnostics.Metrics;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Server.Vault.Keys;

/// <summary>Watches the first key provider, and hands it what the local ring wrapped and sealed in its stead as soon as it is back.</summary>
internal sealed class RenewalJob(KeyProviders providers, Renewal renewal, TimeProvider time, ILogger<RenewalJob> log) : BackgroundService
{
    /// <summary>Between two looks at a backlog that this node did not make, or could not hand over.</summary>
    private static readonly TimeSpan BetweenCounts = TimeSpan.FromSeconds(30);

    private static readonly Gauge<long> BacklogGauge = Meters.Lockstep.CreateGauge<long>(
        "lockstep.keys.rewrap_backlog", description: "Data keys and values that wait for the key provider");

    private static readonly Gauge<int> UpGauge = Meters.Lockstep.CreateGauge<int>(
        "lockstep.keys.provider_up", description: "1 while the first key provider answers and passed its check");

    private KeyTrouble? last;
    private long counted = -1;
    private long countedAt;
    private long triedAt;
    private int left;

    /// <summary>As last counted; -1 before that.</summary>
    public long Backlog => Interlocked.Read(ref counted);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!providers.CanBeAway)
            return;
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Round(stoppingToken);
                // Spread, so that nodes do not all do it at once.
                await Task.Delay(providers.Options.Round * (0.8 + (Random.Shared.NextDouble() * 0.4)), time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                // The database is away, most likely: its text may hold a row.
                log.RoundFailed(e.GetType().Name);
                await Task.Delay(providers.Options.Round, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Round(CancellationToken ct)
    {
        var wrote = providers.StandInWritesNow > 0;
        var trouble = await providers.Check(ct);
        UpGauge.Record(trouble is null ? 1 : 0);
        var changed = trouble?.Kind != last?.Kind;
        if (changed && trouble is not null)
        {
            if (trouble.Kind == KeyTroubleKind.Away)
                log.ProviderAway(trouble.Reason);
            else
                log.ProviderRefuses(trouble.Reason);
        }
        if (changed || wrote || counted < 0 || time.GetElapsedTime(countedAt) >= BetweenCounts)
            await Count(ct);
        if (changed && trouble is null)
            log.ProviderBack(counted);
        last = trouble;
        if (trouble is null && counted > 0 && (changed || wrote || time.GetElapsedTime(triedAt) >= BetweenCounts || left == 0))
        {
            triedAt = time.GetTimestamp();
            left = await renewal.RenewPending(ct);
            await Count(ct);
        }
    }

    private async Task Count(CancellationToken ct)
    {
        Interlocked.Exchange(ref counted, await renewal.Backlog(ct));
        countedAt = time.GetTimestamp();
        BacklogGauge.Record(counted);
    }
}
