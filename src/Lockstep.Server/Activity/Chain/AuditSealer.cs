using Lockstep.Server.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Seals the audit from the start of the server to its end, on every node; who finds another at it comes again.</summary>
internal sealed class AuditSealer(AuditChain chain, SealWatch watch, DiskWatch disk, TimeProvider time, ILogger<AuditSealer> log) : BackgroundService
{
    public static readonly TimeSpan Pause = TimeSpan.FromSeconds(1);

    /// <summary>A busy chain is signed after so many lines, a quiet one after <see cref="SignEvery"/>.</summary>
    private const long SignAfter = 10_000;

    private static readonly TimeSpan SignEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan PruneEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan RemindEvery = TimeSpan.FromMinutes(1);

    private long signedAt = time.GetTimestamp();
    private long signedPosition;
    private long prunedAt = time.GetTimestamp();
    private long? remindedAt;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Round(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (NpgsqlException e)
            {
                // It comes again, and the lines wait; the alarm rises by itself.
                disk.Note(e);
                log.SealingFailed(e.SqlState ?? e.GetType().Name);
            }
            await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Round(CancellationToken ct)
    {
        Sealing sealing;
        do
        {
            sealing = await chain.Seal(ct);
            watch.Note(sealing);
            await SignIfDue(sealing, ct);
        }
        while (sealing.Sealed == AuditChain.Batch);
        if (watch.Waiting > SealWatch.Patience && (remindedAt is not { } reminded || time.GetElapsedTime(reminded) >= RemindEvery))
        {
            remindedAt = time.GetTimestamp();
            log.SealingLate((long)watch.Waiting.TotalSeconds);
        }
        if (time.GetElapsedTime(prunedAt) >= PruneEvery)
        {
            prunedAt = time.GetTimestamp();
            if (await chain.Prune(ct) is > 0 and var gone)
                log.Pruned(gone, (int)AuditChain.Kept.TotalDays);
        }
    }

    private async Task SignIfDue(Sealing sealing, CancellationToken ct)
    {
        if (sealing.Head is not { } head || !IsDue(head))
            return;
        // Another node may have signed meanwhile.
        signedPosition = (await chain.Newest(ct))?.Position ?? 0;
        if (!IsDue(head))
            return;
        signedAt = time.GetTimestamp();
        var checkpoint = await chain.Sign(sealing, ct);
        watch.NoteSigned(checkpoint is not null);
        if (checkpoint is null)
            return;
        signedPosition = checkpoint.Position;
        // The line in the log is a copy outside of the database's reach.
        log.Signed(checkpoint.Position, checkpoint.Hash, checkpoint.MadeAt, checkpoint.KeyId, checkpoint.Signature);
    }

    private bool IsDue(long head) =>
        head > signedPosition && (head - signedPosition >= SignAfter || time.GetElapsedTime(signedAt) >= SignEvery);
}

/// <summary>Events 7000 to 7099.</summary>
internal static partial class AuditSealerLog
{
    [LoggerMessage(7000, LogLevel.Warning, "Sealing the audit failed ({What}); it is tried again each second")]
    public static partial void SealingFailed(this ILogger log, string what);

    [LoggerMessage(7001, LogLevel.Error, "Audit lines have waited {Seconds} s for their seal; look for a transaction that has been open that long")]
    public static partial void SealingLate(this ILogger log, long seconds);

    [LoggerMessage(7002, LogLevel.Information, "Audit checkpoint: position {Position}, hash {Hash}, at {At}, key {Key}, signature {Signature}")]
    public static partial void Signed(this ILogger log, long position, string hash, Instant at, string key, string signature);

    [LoggerMessage(7003, LogLevel.Information, "Forgot {Lines} audit lines older than {Days} days; their checkpoints stay")]
    public static partial void Pruned(this ILogger log, long lines, int days);
}
