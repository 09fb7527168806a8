using Lockstep.Bench.Reporting;

namespace Lockstep.Bench.Caldav;

/// <summary>The calendar servers of a run, each with a relay before it.</summary>
internal sealed class CalendarBenchmarks : IAsyncDisposable
{
    private const int FirstUser = 70_000;
    private const int UsersEach = 1_000;

    private static readonly (string Name, Func<CancellationToken, Task<CalendarHost>> Start)[] Servers =
        [("caldav", RadicaleHost.Start), ("caldav-xandikos", XandikosHost.Start)];

    private readonly List<(string Name, CalendarHost Host, Relay Relay)> started = [];

    public static string[] Names => [.. Servers.Select(server => server.Name)];

    /// <summary>What the outbound guard must let through.</summary>
    public IEnumerable<Uri> Urls => started.SelectMany(server => (Uri[])[server.Host.Url, server.Relay.Url]);

    public List<Row> Rows { get; } = [];

    public List<TrafficRow> Traffic { get; } = [];

    public static async Task<CalendarBenchmarks> Start(BenchOptions options, Action<string> note, CancellationToken ct)
    {
        var all = new CalendarBenchmarks();
        try
        {
            foreach (var (name, start) in Servers.Where(server => options.Wants(server.Name)))
            {
                note($"{name}: filling a calendar with {BenchCalendar.Events:N0} events");
                var host = await start(ct);
                all.started.Add((name, host, new Relay(host.Url)));
            }
            return all;
        }
        catch
        {
            await all.DisposeAsync();
            throw;
        }
    }

    public async Task Measure(House house, BenchOptions options, Action<string> note, CancellationToken ct)
    {
        foreach (var (index, (name, host, relay)) in started.Index())
        {
            var user = FirstUser + (index * UsersEach);
            Rows.Add(await new FirstSync(house, host, name, user).Measure(options, note, ct));
            Traffic.AddRange(await new SyncTraffic(house, host, relay, user + UsersEach - 1).Measure(note, ct));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, host, relay) in started)
        {
            await relay.DisposeAsync();
            await host.DisposeAsync();
        }
    }
}
