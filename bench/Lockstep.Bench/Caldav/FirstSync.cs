using System.Diagnostics;
using System.Text.Json.Nodes;
using Lockstep.Bench.Load;
using Lockstep.Bench.Reporting;

namespace Lockstep.Bench.Caldav;

/// <summary>From connecting an account until a thousand events are here and in the change log.</summary>
internal sealed class FirstSync(House house, RadicaleHost calendars)
{
    public const string Name = "caldav";

    private const int FirstUser = 70_000;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public async Task<Row> Measure(BenchOptions options, Action<string> note, CancellationToken ct)
    {
        var rival = Vdirsyncer.Find(calendars);
        note($"{Name}: warming up{(rival is null ? "; vdirsyncer is not installed, so it is not compared (apt-get install -y --no-install-recommends vdirsyncer)" : "")}");
        // Radicale parses every file on the first look and keeps the result.
        await calendars.ReadAll(ct);
        using var trips = new RoundTrips();
        await Once(FirstUser, trips, ct);

        List<double> ours = [], roundTrips = [], plain = [], others = [];
        for (var round = 1; round <= options.Rounds; round++)
        {
            note($"{Name}: round {round} of {options.Rounds}");
            var (seconds, asked) = await Once(FirstUser + round, trips, ct);
            ours.Add(seconds);
            roundTrips.Add(asked);
            var clock = Stopwatch.StartNew();
            await calendars.ReadAll(ct);
            plain.Add(clock.Elapsed.TotalSeconds);
            if (rival is not null)
                others.Add(await rival.FirstSync(ct));
        }
        return new Row(Name, $"first CalDAV sync, {RadicaleHost.Events:N0} events", "s", "<= 1 s, 3x vdirsyncer", ours.Median(), ours.Min(), ours.Max(),
            [
                new Limit("one REPORT of everything", plain.Median(), Ratio(ours, plain)),
                rival is null ? new Limit("vdirsyncer sync", null, null) : new Limit("vdirsyncer sync", others.Median(), Ratio(ours, others)),
            ],
            null, null, roundTrips.Median());
    }

    /// <summary>Connects the account for a new user and waits for the run in its log.</summary>
    private async Task<(double Seconds, double RoundTrips)> Once(int user, RoundTrips trips, CancellationToken ct)
    {
        using var worker = new Worker(house, 0, await RawHttp.Connect(house.Address, ct));
        await worker.Send("GET /v1/integrations", user, "", 200, ct);
        var looks = 0;
        var before = trips.Count;
        var clock = Stopwatch.StartNew();
        var made = await worker.Send("POST /v1/integrations", user,
            $$$"""{"integrationType":"caldav","config":{"url":"{{{calendars.Url}}}","username":"{{{RadicaleHost.User}}}","calendarPath":"{{{calendars.Calendar.AbsolutePath}}}"},"secret":"{{{RadicaleHost.Password}}}"}""",
            201, ct);
        var id = JsonNode.Parse(made.Span)!["id"]!.GetValue<Guid>();
        while (true)
        {
            await Task.Delay(Look, ct);
            looks++;
            var asked = trips.Count - before;
            var log = await worker.Send($"GET /v1/integrations/{id}/sync-log", user, "", 200, ct);
            var took = clock.Elapsed;
            if (JsonNode.Parse(log.Span)!["items"]!.AsArray() is { Count: > 0 } entries)
            {
                var entry = entries[0]!;
                if (entry["error"]?.GetValue<string>() is { } error)
                    throw new BenchException($"The first sync failed: {error}");
                if (entry["itemsPulled"]!.GetValue<int>() != RadicaleHost.Events)
                    throw new BenchException($"The first sync pulled {entry["itemsPulled"]} of {RadicaleHost.Events} events.");
                // Our own looks are not the sync's: one more says what each of them cost.
                var last = trips.Count;
                await worker.Send($"GET /v1/integrations/{id}/sync-log", user, "", 200, ct);
                var perLook = trips.Count - last;
                await worker.Send($"DELETE /v1/integrations/{id}", user, "", 204, ct);
                return (took.TotalSeconds, asked - (looks - 1) * perLook);
            }
            if (took > Patience)
                throw new BenchException($"The first sync has not ended after {Patience.TotalMinutes:0} minutes.");
        }
    }

    private static double Ratio(List<double> ours, List<double> others) => ours.Zip(others, (mine, theirs) => theirs / mine).Median();
}
