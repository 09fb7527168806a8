using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Scenarios;

/// <summary>The database dies, and a replica that had not got the last commits takes over, by the steps of docs/operations.md.</summary>
public sealed class FailoverTests(TypeScriptClient client)
{
    private const string App = "load";
    private const int Writers = 8;
    private static readonly string[] Scripts = ["confirmed", "acknowledged", "unheard", "offline"];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Category", "Long")]
    public async Task After_a_failover_that_lost_commits_every_cursor_is_void_clients_send_again_what_was_lost_and_all_end_equal()
    {
        await client.Built;
        await using var nodes = await TwoNodes.StartAsync([]);
        await using var replica = await nodes.FollowAsync();
        await using var proxy = new FaultProxy(() => nodes.Two.Url);
        await proxy.InitializeAsync();
        await using var scripts = new ScriptPeers();
        var space = await SpaceAsync(nodes);
        var peers = new Dictionary<string, ScriptPeer>();
        foreach (var name in Scripts)
            peers[name] = await scripts.OpenAsync(proxy.Url, App, nodes.Token(name), 0);

        // What the replica has got.
        foreach (var peer in Scripts)
        {
            await peers[peer].EditAsync([Edit(peer, "kept")]);
            await peers[peer].SyncAsync(cut: false);
        }
        var writers = Enumerable.Range(0, Writers).Select(n => new Writer(nodes, space, n)).ToList();
        await Task.WhenAll(writers.Select(writer => writer.WriteAsync(20)));
        await nodes.CaughtUpAsync(replica);
        await replica.LoseTouchAsync();

        // What it has not got, in each state in which a client may hold it.
        foreach (var peer in Scripts)
            await peers[peer].EditAsync([Edit(peer, "lost")]);
        await peers["confirmed"].SyncAsync(cut: false);
        await peers["unheard"].SyncAsync(cut: true);
        proxy.Do(passing => passing.Path.Contains("/pull", StringComparison.Ordinal) ? new Fault.CutBefore() : Fault.None);
        (await IsCutAsync(peers["acknowledged"])).ShouldBeTrue();
        proxy.Reset();
        await Task.WhenAll(writers.Select(writer => writer.WriteAsync(20)));
        using var reader = nodes.Two.Client(nodes.Token("w0"));
        var (seen, cursor) = await reader.PullAll(App);
        var mana = (await reader.Mana(App, new { clientId = "m" })).Text("syncedUntil");
        await using var stream = await StreamTests.Listen(reader, $"/v1/sync/{App}/stream?cursor={cursor}");

        // Under load.
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var writing = writers.Select(writer => Task.Run(() => writer.GoOnAsync(enough.Token))).ToList();
        await Task.Delay(1000, Ct);
        var outage = Stopwatch.StartNew();
        HashSet<string> acknowledged = [], kept = [];
        var said = await nodes.FailOverAsync(replica, async () =>
        {
            acknowledged = writers.SelectMany(writer => writer.Acknowledged).ToHashSet(StringComparer.Ordinal);
            kept = (await nodes.ScalarAsync<string>("SELECT string_agg(DISTINCT record_id, ' ') FROM lockstep.sync_changes")).Split(' ').ToHashSet(StringComparer.Ordinal);
        });
        await LockstepProcess.EventuallyAsync(() => writers.All(writer => writer.IsAhead), "everybody is further than before");
        await enough.CancelAsync();
        await Task.WhenAll(writing);

        said.ShouldContain("are void");
        using var again = nodes.Two.Client(nodes.Token("w0"));
        await again.GetAsync($"/v1/sync/{App}/pull?cursor={cursor}").ShouldBeProblemAsync(409, "cursor_reset");
        await again.GetAsync($"/v1/sync/{App}/stream?cursor={cursor}").ShouldBeProblemAsync(409, "cursor_reset");
        for (var round = 0; round < 2; round++)
            foreach (var peer in peers.Values)
                await peer.SyncAsync(cut: false);
        var (all, _) = await again.PullAll(App);
        var ids = all.Select(change => change.Text("recordId")).ToHashSet(StringComparer.Ordinal);
        var lost = acknowledged.Except(kept).Count();
        var written = writers.SelectMany(writer => writer.Acknowledged).ToHashSet(StringComparer.Ordinal);
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{acknowledged.Count} acknowledged before the failover, of them {lost} not on the replica; {written.Count} at the end, missing {written.Except(ids).Count()}, of what the replica had {kept.Except(ids).Count()}; "
            + $"{writers.Sum(writer => writer.Rewound)} mutations sent again by number; nobody was acknowledged for {writers.Max(writer => writer.Silence).TotalSeconds:F1} s, {outage.Elapsed.TotalSeconds:F0} s to the end");

        lost.ShouldBeGreaterThanOrEqualTo(Writers * 20);
        written.Except(ids).ShouldBeEmpty("all that was acknowledged, whether the replica had it or not");
        kept.Except(ids).ShouldBeEmpty();
        Scripts.SelectMany(peer => new[] { $"{peer}-kept", $"{peer}-lost" }).Except(ids).ShouldBeEmpty();
        (await nodes.ScalarAsync<long>("SELECT count(*) FROM (SELECT 1 FROM lockstep.sync_changes GROUP BY scope_id, record_id HAVING count(*) > 1) twice")).ShouldBe(0);
        (await nodes.ScalarAsync<long>("SELECT sum(s.head - (SELECT count(*) FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id))::bigint FROM lockstep.sync_scopes s")).ShouldBe(0);
        (await again.Mana(App, new { clientId = "m", since = mana }))["serverChanges"]!.AsArray().Count.ShouldBe(Math.Min(all.Count, 1000), "the mana protocol has no word for it: all of it again");
        var fresh = new SharpPeer(again, App, "fresh", 0, TimeProvider.System);
        await fresh.SyncAsync(cut: false);
        var state = await fresh.StateAsync();
        state.Count.ShouldBe(ids.Count);
        foreach (var (name, peer) in peers)
            JsonNode.DeepEquals(await peer.StateAsync(), state).ShouldBeTrue(name);

        PeerEdit Edit(string peer, string what) => new("insert", space, $"{peer}-{what}", new Dictionary<string, string> { ["v"] = $"\"{what}\"" });
    }

    private static async Task<bool> IsCutAsync(ScriptPeer peer)
    {
        try
        {
            await peer.SyncAsync(cut: false);
            return false;
        }
        catch (ShouldAssertException e) when (e.Message.Contains("Could not reach", StringComparison.Ordinal))
        {
            return true;
        }
    }

    private static async Task<string> SpaceAsync(TwoNodes nodes)
    {
        using var owner = nodes.One.Client(nodes.Token("w0"));
        var space = (await owner.PostAsync("/v1/workspaces", new { name = "load" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        foreach (var member in Enumerable.Range(1, Writers - 1).Select(n => $"w{n}").Concat(Scripts))
        {
            using var one = nodes.One.Client(nodes.Token(member));
            await one.Pull(App);
        }
        await nodes.ScalarAsync<long>(
            $"WITH m AS (INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) SELECT '{Guid.Parse(space)}', u.id, 'member' FROM auth.users u ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM m");
        return space;
    }

    /// <summary>A client that keeps what it has written, sends one mutation after the other, and goes back to the number that the server asks for.</summary>
    private sealed class Writer(TwoNodes nodes, string space, int number)
    {
        private readonly ConcurrentDictionary<string, byte> acknowledged = new();
        private long next = 1;
        private long last = Stopwatch.GetTimestamp();
        private long wanted = long.MaxValue;

        public IEnumerable<string> Acknowledged => acknowledged.Keys;

        /// <summary>It was sent back, and has come five mutations further than it was.</summary>
        public bool IsAhead => Volatile.Read(ref next) > Volatile.Read(ref wanted);

        public long Rewound { get; private set; }

        public TimeSpan Silence { get; private set; }

        public async Task WriteAsync(int count)
        {
            for (var end = next + count; next < end;)
                (await SendAsync()).ShouldBeTrue();
        }

        public async Task GoOnAsync(CancellationToken enough)
        {
            while (!enough.IsCancellationRequested)
                if (!await SendAsync())
                    await Task.Delay(50, Ct);
        }

        private async Task<bool> SendAsync()
        {
            try
            {
                using var http = (number % 2 == 0 ? nodes.One : nodes.Two).Client(nodes.Token($"w{number}"));
                using var answer = await http.TryPush(App, $"c{number}", Mutation(next, $"{number}-{next}", new { v = new { value = next } }, "insert", space));
                if (answer.StatusCode == HttpStatusCode.Conflict)
                {
                    var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Ct))!;
                    problem.Text("code").ShouldBe("mutation_gap");
                    Volatile.Write(ref wanted, next + 5);
                    Rewound += next - problem["expected"]!.GetValue<long>();
                    Volatile.Write(ref next, problem["expected"]!.GetValue<long>());
                    return true;
                }
                if (answer.StatusCode != HttpStatusCode.OK)
                    return false;
                acknowledged[$"{number}-{next++}"] = 0;
                Silence = TimeSpan.FromTicks(Math.Max(Silence.Ticks, Stopwatch.GetElapsedTime(last).Ticks));
                last = Stopwatch.GetTimestamp();
                return true;
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                return false; // Nobody is there: the same again.
            }
        }
    }
}
