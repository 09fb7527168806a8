using System.Diagnostics.Metrics;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>Looks once a minute whether the numbers of what this node has lately stored are dense. A hole is a bug, or somebody's hand in the database; readers would pass
/// it without a word. The health check and the metrics ask.</summary>
internal sealed partial class HoleWatch(Database database, ScopeSignals signals, TimeProvider time, ILogger<HoleWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private static readonly Gauge<long> Holes = Meters.Lockstep.CreateGauge<long>(
        "lockstep.changes.holes", description: "Numbers of the change log that are missing among those of the last hour; 0 is the only good value");

    private readonly Dictionary<Guid, long> open = [];
    private volatile string? alarm;

    /// <returns>Null while all is well, else a sentence for the operator.</returns>
    public string? Alarm => alarm;

    /// <summary>Looks at the scopes that were stored to since the last look, and again at those that had holes.</summary>
    public async Task Look(CancellationToken ct)
    {
        var scopes = signals.TakeStored().Union(open.Keys).ToArray();
        if (scopes.Length == 0)
            return;
        var found = (await database.For(Caller.Service).Query(
            new Statement("SELECT h.scope_id, h.holes FROM lockstep.sync_holes($1) h", scopes), row => (Scope: row.GetGuid(0), Missing: row.GetInt64(1)), ct))
            .ToDictionary(hole => hole.Scope, hole => hole.Missing);
        foreach (var (scope, missing) in found)
            if (open.GetValueOrDefault(scope) != missing)
                Missing(log, scope, missing);
        open.Clear();
        foreach (var (scope, missing) in found)
            open[scope] = missing;
        Holes.Record(open.Values.Sum());
        alarm = open.Count == 0 ? null : $"{open.Values.Sum()} changes are missing from the log, of {open.Count} scopes (named in this node's log); their readers pass them without a word. Take a copy of the database and compare it with a backup";
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await Look(stoppingToken);
                }
                catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
                {
                    NotSeen(log, e.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(2011, LogLevel.Error, "Scope {Scope}: {Count} numbers of the last hour are missing from its log")]
    private static partial void Missing(ILogger logger, Guid scope, long count);

    [LoggerMessage(2012, LogLevel.Warning, "The log was not looked through for missing numbers ({Reason}); trying again in a minute")]
    private static partial void NotSeen(ILogger logger, string reason);
}
