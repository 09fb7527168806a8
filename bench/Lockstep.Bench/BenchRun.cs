using System.Diagnostics;
using System.Reflection;
using Lockstep.Bench.Caldav;
using Lockstep.Bench.Ical;
using Lockstep.Bench.Load;
using Lockstep.Bench.Pages;
using Lockstep.Bench.Peers;
using Lockstep.Bench.Postgres;
using Lockstep.Bench.Reporting;
using Lockstep.Bench.Scenarios;

namespace Lockstep.Bench;

/// <summary>The whole run: what is missing is said first, then one house is opened and everything measured in it.</summary>
internal static class BenchRun
{
    private static readonly Scenario[] Scenarios =
        [new PushOne(), new PushHot(), new PushFifty(), new PullUpToDate(), new StoreCredential(), new RevealCredential(), new ListCredentials()];

    public static string[] Names => [.. Scenarios.Select(scenario => scenario.Name), .. CalendarBenchmarks.Names, IcalFigures.Name, PageBenchmark.Name];

    public static async Task<int> Run(BenchOptions options, CancellationToken ct)
    {
        if (typeof(BenchRun).Assembly.GetCustomAttribute<DebuggableAttribute>()?.IsJITOptimizerDisabled == true)
            Note("This is a debug build: its figures mean nothing. Use eng/bench, or dotnet run -c Release --project bench/Lockstep.Bench.");

        IReadOnlyList<IcalFigure> library = options.Wants(IcalFigures.Name) ? IcalFigures.Measure(options.Rounds, Note, ct) : [];
        if (options.Only is [IcalFigures.Name])
        {
            // The library alone: no server, no database.
            Report(options, Console.Out, Machine.Describe(), [], [], library);
            return 0;
        }
        await using var calendars = await CalendarBenchmarks.Start(options, Note, ct);
        Note("Starting Lockstep with a database of its own...");
        await using var house = await House.Open(calendars.Urls, ct);
        var rows = new List<Row>();
        if (Scenarios.Where(scenario => options.Wants(scenario.Name)).ToList() is { Count: > 0 } wanted)
        {
            var pgbench = await Pgbench.Find(house, ct);
            await RawTables.Create(house, ct);
            await using var peers = await SyncPeers.Start(house, pgbench, Note, ct);
            await using var workers = await Worker.ConnectAll(house, ct);
            foreach (var scenario in wanted)
                rows.Add(await ScenarioRun.Measure(scenario, house, workers, pgbench, peers, options, Note, ct));
        }
        if (options.Wants(PageBenchmark.Name))
            rows.Add(await PageBenchmark.Measure(house, options, Note, ct));
        await calendars.Measure(house, options, Note, ct);
        rows.AddRange(calendars.Rows);

        Report(options, house.StandardOutput, await Machine.Describe(house, ct), rows, calendars.Traffic, library);
        return 0;
    }

    private static void Report(BenchOptions options, TextWriter output, Machine machine, IReadOnlyList<Row> rows, IReadOnlyList<TrafficRow> traffic, IReadOnlyList<IcalFigure> library)
    {
        if (options.Json)
            JsonReport.Write(output, machine, options, rows, traffic, library);
        else
            TableReport.Write(output, machine, options, rows, traffic, library);
    }

    private static void Note(string text) => Console.Error.WriteLine(text);
}
