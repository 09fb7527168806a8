using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Keeping;

/// <param name="Kept">How long the history of a record stays whole, and a deletion is told.</param>
internal sealed record KeepingOptions(Duration Kept)
{
    public const string Setting = "LOCKSTEP_SYNC_KEEP_DAYS";
    public const int StandardDays = 180;

    /// <summary>Answers to mutations (settled: 30 days, or 10,000 a client).</summary>
    public Duration Receipts { get; } = Duration.FromDays(30);

    public TimeSpan Every { get; } = TimeSpan.FromHours(1);
}

/// <summary>Once a day and scope, takes out of the log what is old and without effect, beside every other node.</summary>
/// <remarks>
/// A change goes when nothing of it has won: all its fields were written again later. Whatever cursor a reader has, the winners are before it and known, or
/// after it and come. A deletion goes with its record; then the floor rises, since a cursor below it may hold a record of which nothing would ever say that it is gone.
/// </remarks>
internal sealed partial class LogKeeper(Database database, KeepingOptions options, TimeProvider time, ILogger<LogKeeper> log) : BackgroundService
{
    private const int RowsAtOnce = 2000;

    /// <returns>How many changes, deletions and answers to mutations are gone.</returns>
    public async Task<(long Changes, long Deletions, long Receipts)> Round(CancellationToken ct)
    {
        var service = database.For(Caller.Service);
        var (changes, deletions) = (0L, 0L);
        while ((await service.Query(
            new Statement("SELECT c.changes, c.deletions FROM lockstep.compact_scope($1, $2) c", options.Kept.ToTimeSpan(), RowsAtOnce),
            row => (Changes: row.GetInt64(0), Deletions: row.GetInt64(1)), ct)) is [var done])
            (changes, deletions) = (changes + done.Changes, deletions + done.Deletions);
        var receipts = 0L;
        while ((await service.Query(
            new Statement("SELECT lockstep.forget_receipts($1, $2)", options.Receipts.ToTimeSpan(), RowsAtOnce), row => row.GetInt64(0), ct))[0] is > 0 and var some)
            receipts += some;
        return (changes, deletions, receipts);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(options.Every, time);
        try
        {
            while (await tick.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    if (await Round(stoppingToken) is var (changes, deletions, receipts) && changes + deletions + receipts > 0)
                        Compacted(log, changes, deletions, receipts);
                }
                catch (Exception e) when (e is NpgsqlException or TimeoutException)
                {
                    NotCompacted(log, (e as PostgresException)?.SqlState ?? e.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(2005, LogLevel.Information, "Out of the log: {Changes} changes that were written over, {Deletions} old deletions; {Receipts} old answers to mutations")]
    private static partial void Compacted(ILogger logger, long changes, long deletions, long receipts);

    [LoggerMessage(2006, LogLevel.Warning, "The log was not compacted ({Reason}); trying again in an hour")]
    private static partial void NotCompacted(ILogger logger, string reason);
}
