using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;
using Lockstep.Server.ChangeSync.Native;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Bench.Scenarios;

/// <summary>A pull that finds nothing new, the most frequent request of all.</summary>
internal sealed class PullUpToDate : Scenario
{
    private const string App = "bench";
    private static readonly UserBlock Users = new(First: 30_000, PerWorker: 16);
    private readonly ConcurrentDictionary<int, string> cursors = new();

    public override string Name => "pull";

    public override string Title => "pull, up to date";

    public override string Target => ">= 5,000/s";

    public override RawLimit Raw => RawLimit.Select;

    public override async Task Prepare(House house, Workers workers, CancellationToken ct)
    {
        var push = new PushLoad(Users, changes: 1);
        await push.Prepare(house, workers, ct);
        await workers.ForEachUser(Users, async (worker, user) =>
        {
            var answer = await worker.Send($"GET /v1/sync/{App}/pull", user, "", 200, ct);
            cursors[user] = Uri.EscapeDataString(JsonNode.Parse(answer.Span)!["cursor"]!.GetValue<string>());
        });
    }

    public override async Task Once(Worker worker, CancellationToken ct)
    {
        var user = worker.AnyUser(Users);
        var answer = await worker.Send($"GET /v1/sync/{App}/pull?cursor={cursors[user]}", user, "", 200, ct);
        if (answer.Span.IndexOf("\"changes\":[]"u8) < 0)
            throw new BenchException("A pull that should be up to date brought changes.");
    }

    public override async Task<PgbenchScript> SameStatements(House house, CancellationToken ct)
    {
        var user = Users.First;
        var cursor = Uri.UnescapeDataString(cursors[user]);
        var reader = house.Services.GetRequiredService<NativeReader>();
        return new PgbenchScript(await Recorder.Record(house, user, session => reader.Read(session, App, cursor, null, 500, ct)), Users, user);
    }
}
