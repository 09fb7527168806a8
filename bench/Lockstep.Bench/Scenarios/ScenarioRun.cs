using Lockstep.Bench.Load;
using Lockstep.Bench.Peers;
using Lockstep.Bench.Postgres;
using Lockstep.Bench.Reporting;

namespace Lockstep.Bench.Scenarios;

/// <summary>Lockstep, its own statements by pgbench, the raw limit: in turns, so that what else the machine does hits all three.</summary>
internal static class ScenarioRun
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);

    public static async Task<Row> Measure(
        Scenario scenario, House house, Workers workers, Pgbench pgbench, SyncPeers peers, BenchOptions options, Action<string> note, CancellationToken ct)
    {
        note($"{scenario.Name}: preparing");
        await scenario.Prepare(house, workers, ct);
        var same = (await scenario.SameStatements(house, ct)).ToString();
        await house.Administer("ANALYZE", ct);
        using var trips = new RoundTrips();
        await LoadSample.Take(workers, trips, WarmUp, scenario.Once, ct);

        var theirs = SyncPeers.Names.Select(_ => new List<double>()).ToList();
        List<double> ours = [], sameSql = [], raw = [], latencies = [], roundTrips = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            note($"{scenario.Name}: round {round} of {options.Rounds}");
            var sample = await LoadSample.Take(workers, trips, TimeSpan.FromSeconds(options.Seconds), scenario.Once, ct);
            ours.Add(sample.PerSecond * scenario.PerRequest);
            latencies.AddRange(sample.Latencies);
            roundTrips.Add(sample.RoundTrips);
            sameSql.Add(await pgbench.Run(scenario.Name, same, options.Seconds, ct) * scenario.PerRequest);
            raw.Add(await pgbench.Run("raw", scenario.Raw.Script, options.Seconds, ct) * scenario.PerRequest);
            if (scenario.HasPeers)
                foreach (var (all, rate) in theirs.Zip(await peers.Push(scenario.PerRequest, trips, options.Seconds, ct)))
                    if (rate is { } pushes)
                        all.Add(pushes * scenario.PerRequest);
        }
        return new Row(scenario.Name, scenario.Title, scenario.Unit, scenario.Target, ours.Median(), ours.Min(), ours.Max(),
            [
                new Limit("pgbench, same statements", sameSql.Median(), Ratio(ours, sameSql)),
                new Limit($"pgbench, {scenario.Raw.Name}", raw.Median(), Ratio(ours, raw)),
            ],
            latencies.Percentile(0.5), latencies.Percentile(0.99), roundTrips.Median())
        {
            Peers = scenario.HasPeers
                ? [.. SyncPeers.Names.Zip(theirs, (name, all) => all.Count == 0 ? new Limit(name, null, null) : new Limit(name, all.Median(), Ratio(ours, all)))]
                : [],
        };
    }

    private static double Ratio(List<double> ours, List<double> limit) => ours.Zip(limit, (mine, theirs) => mine / theirs).Median();
}
