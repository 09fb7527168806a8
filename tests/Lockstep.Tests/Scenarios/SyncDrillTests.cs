using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Scenarios;

/// <summary>The change sync with two nodes, under load: what is lost, how soon it is heard, what it costs in memory.</summary>
public sealed class SyncDrillTests
{
    /// <summary>Seconds: twice what a reader is waited for.</summary>
    private const int Watched = 40;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Category", "Long")]
    public async Task For_a_minute_with_kills_of_a_node_and_of_PostgreSQL_nothing_acknowledged_is_missed_or_doubled_and_no_number_is_skipped()
    {
        const int Writers = 16;
        await using var nodes = await TwoNodes.StartAsync([]);
        var space = await SpaceAsync(nodes, "w", Writers);
        var acknowledged = new ConcurrentDictionary<string, byte>();
        var (seen, cut) = (new List<string>(), 0);
        var watch = Stopwatch.StartNew();
        using var done = new CancellationTokenSource();
        var reading = Task.Run(async () =>
        {
            string? cursor = null;
            while (true)
            {
                var last = done.IsCancellationRequested;
                try
                {
                    using var client = (seen.Count % 2 == 0 ? nodes.One : nodes.Two).Client(nodes.Token("w0"));
                    var (changes, next) = await client.PullAll("load", cursor);
                    seen.AddRange(changes.Select(change => change.Text("recordId")));
                    cursor = next;
                    if (last)
                        return;
                }
                catch (Exception e) when (e is HttpRequestException or ShouldAssertException or TaskCanceledException)
                {
                    await Task.Delay(100, Ct); // Cut; the cursor stands.
                }
            }
        });
        var writing = Enumerable.Range(0, Writers).Select(w => Task.Run(async () =>
        {
            for (var (id, attempt) = (1L, w); watch.Elapsed < TimeSpan.FromSeconds(60);)
            {
                var record = $"{w}-{id}";
                try
                {
                    using var client = (attempt % 2 == 0 ? nodes.One : nodes.Two).Client(nodes.Token($"w{w}"));
                    using var answer = await client.TryPush("load", $"c{w}", Mutation(id, record, new { v = new { value = id } }, space: space));
                    if (answer.StatusCode == HttpStatusCode.OK)
                    {
                        acknowledged[record] = 0;
                        id++;
                        continue;
                    }
                }
                catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
                {
                    // Cut: the same mutation again, elsewhere.
                }
                Interlocked.Increment(ref cut);
                attempt++;
                await Task.Delay(50, Ct);
            }
        })).ToList();
        await Task.Delay(TimeSpan.FromSeconds(12), Ct);
        await nodes.KillTwoAsync();
        await Task.Delay(TimeSpan.FromSeconds(12), Ct);
        await nodes.KillDatabaseAsync();
        await Task.Delay(TimeSpan.FromSeconds(12), Ct);
        await nodes.KillTwoAsync();
        await Task.WhenAll(writing);
        await done.CancelAsync();
        await reading;
        var missed = acknowledged.Keys.Except(seen).Count();
        var twice = seen.Count - seen.Distinct().Count();
        var holes = await nodes.ScalarAsync<long>("SELECT sum(s.head - (SELECT count(*) FROM lockstep.sync_changes c WHERE c.scope_id = s.scope_id))::bigint FROM lockstep.sync_scopes s");
        Say($"60 s, {Writers} writers on two nodes, two kills of a node, one of PostgreSQL: {acknowledged.Count} acknowledged, {cut} requests cut, missed {missed}, twice {twice}, holes {holes}");
        (missed, twice, holes).ShouldBe((0, 0, 0L));
        cut.ShouldBeGreaterThan(0);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_thousand_streams_on_one_node_hear_what_is_written_on_the_other()
    {
        const int Streams = 1000;
        const int Spaces = 100;
        const int Writes = 300;
        await using var nodes = await TwoNodes.StartAsync([]);
        using var client = nodes.Two.Client(null, new SocketsHttpHandler { UseProxy = false, MaxConnectionsPerServer = 2000 });
        var tokens = Enumerable.Range(0, Streams).Select(i => nodes.Token($"stream{i:0000}")).ToList();
        foreach (var some in tokens.Chunk(50))
            await Task.WhenAll(some.Select(async token => (await client.SendAsync(Request("/v1/sync/live/pull", token), Ct)).Dispose()));
        await nodes.ScalarAsync<long>(
            """
            WITH u AS (SELECT id, row_number() OVER (ORDER BY email) - 1 AS n FROM auth.users WHERE email LIKE 'stream%'),
            w AS (INSERT INTO lockstep.workspaces (id, name, slug, external_id)
                  SELECT gen_random_uuid(), 'S' || g, 'stream-' || g, 'space-' || g FROM generate_series(0, 99) g RETURNING id, external_id),
            m AS (INSERT INTO lockstep.workspace_members (workspace_id, user_id, role)
                  SELECT w.id, u.id, 'member' FROM u JOIN w ON w.external_id = 'space-' || (u.n % 100) RETURNING 1)
            SELECT count(*) FROM m
            """);
        var sent = new ConcurrentDictionary<string, long>();
        var latencies = new ConcurrentBag<double>();
        var open = 0;
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var listening = tokens.Select(token => Task.Run(async () =>
        {
            try
            {
                using var response = await client.SendAsync(Request("/v1/sync/live/stream", token), HttpCompletionOption.ResponseHeadersRead, enough.Token);
                response.StatusCode.ShouldBe(HttpStatusCode.OK);
                Interlocked.Increment(ref open);
                await foreach (var item in SseParser.Create(await response.Content.ReadAsStreamAsync(enough.Token)).EnumerateAsync(enough.Token))
                {
                    var now = Stopwatch.GetTimestamp();
                    if (item.EventType == "changes")
                        foreach (var change in JsonNode.Parse(item.Data)!["changes"]!.AsArray())
                            latencies.Add(Stopwatch.GetElapsedTime(sent[change!.Text("recordId")], now).TotalMilliseconds);
                }
            }
            catch (OperationCanceledException)
            {
                // Enough.
            }
        })).ToList();
        await LockstepProcess.EventuallyAsync(() => Volatile.Read(ref open) == Streams, "all are open");
        await Task.Delay(3000, Ct);
        using var writer = nodes.One.Client(null);
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        var ids = new int[Spaces];
        for (var i = 0; i < Writes; i++)
        {
            await pace.WaitForNextTickAsync(Ct);
            sent[$"r{i}"] = Stopwatch.GetTimestamp();
            var request = Request("/v1/sync/live/push", tokens[i % Spaces], HttpMethod.Post);
            request.Content = new StringContent(new JsonObject { ["clientId"] = "c", ["mutations"] = new JsonArray(Mutation(++ids[i % Spaces], $"r{i}", new { v = new { value = i } }, space: $"space-{i % Spaces}")) }.ToJsonString(), Encoding.UTF8, "application/json");
            using var answer = await writer.SendAsync(request, Ct);
            answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
        await LockstepProcess.EventuallyAsync(() => latencies.Count >= Writes * Streams / Spaces, "everybody has heard everything");
        await enough.CancelAsync();
        await Task.WhenAll(listening);
        var sorted = latencies.Order().ToList();
        Say(string.Create(CultureInfo.InvariantCulture,
            $"{Streams} streams of {Streams} users in {Spaces} spaces, 10 writes a second on the other node, {sorted.Count} deliveries: from before the push to the stream p50 {sorted[sorted.Count / 2]:0} ms, p99 {sorted[(int)(sorted.Count * 0.99)]:0} ms, most {sorted[^1]:0} ms; node {nodes.Two.Memory.Now >> 20} MiB"));
        sorted.Count.ShouldBe(Writes * Streams / Spaces);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Five_hundred_readers_that_do_not_read_cost_little_memory_and_are_cut_off()
    {
        const int Readers = 500;
        await using var nodes = await TwoNodes.StartAsync([]);
        var token = nodes.Token("full");
        using (var client = nodes.Two.Client(token))
        {
            for (var i = 0; i < 20; i++)
                await client.Push("full", "c", [.. Enumerable.Range(1, 500).Select(n => Mutation((i * 500) + n, $"r{i}-{n}", new { v = new { value = new string('x', 1000) } }))]);
            for (var i = 0; i < 20; i++)
                await client.PullAll("full");
        }
        var before = nodes.Two.Memory.Now;
        var sockets = new List<Socket>();
        for (var i = 0; i < Readers; i++)
            sockets.Add(await AskAsync(nodes.Two, $"GET /v1/sync/full/stream HTTP/1.1\r\nHost: {nodes.Two.Url.Authority}\r\nAuthorization: Bearer {token}\r\n\r\n"));
        var growth = await GrowthAsync(nodes.Two, before);
        using (var client = nodes.Two.Client(token))
            await client.Pull("full");
        var closed = CountClosed(sockets);
        Say($"{Readers} streams of 10 MB that nobody reads: memory grew by {growth >> 20} MiB at most (from {before >> 20} MiB), {closed} were cut off within {Watched} s");
        (closed, growth < 100L << 20).ShouldBe((Readers, true));
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Two_hundred_sockets_that_ask_and_do_not_read_cost_little_memory_and_are_cut_off()
    {
        const int Sockets = 200;
        await using var nodes = await TwoNodes.StartAsync([]);
        var token = nodes.Token("full");
        using (var client = nodes.Two.Client(token))
            await client.PullAll("full");
        // What a process takes once it works at all is not what readers cost.
        await PingAsync(nodes.Two, token, 20, () => GrowthAsync(nodes.Two, 0));
        var before = nodes.Two.Memory.Now;
        var (ended, growth) = await PingAsync(nodes.Two, token, Sockets, () => GrowthAsync(nodes.Two, before));
        Say($"{Sockets} sockets that ping and read nothing: memory grew by {growth >> 20} MiB at most (from {before >> 20} MiB), {ended} were cut off within {Watched} s");
        (ended, growth < 100L << 20).ShouldBe((Sockets, true));
    }

    private static async Task<(int Ended, long Growth)> PingAsync(LockstepProcess node, string token, int count, Func<Task<long>> watch)
    {
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var sockets = new List<Socket>();
        for (var i = 0; i < count; i++)
            sockets.Add(await AskAsync(node, $"GET /ws HTTP/1.1\r\nHost: {node.Url.Authority}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        var pinging = sockets.Select(socket => SlowReaderTests.Ping(socket, token, enough.Token)).ToList();
        var growth = await watch();
        var ended = pinging.Count(ping => ping.IsCompleted);
        await enough.CancelAsync();
        await Task.WhenAll(pinging);
        sockets.ForEach(socket => socket.Dispose());
        return (ended, growth);
    }

    private static async Task<Socket> AskAsync(LockstepProcess node, string request)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, node.Url.Port), Ct);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request), Ct);
        return socket;
    }

    /// <returns>The most by which the node has grown while it was watched.</returns>
    private static async Task<long> GrowthAsync(LockstepProcess node, long before)
    {
        var growth = 0L;
        for (var second = 0; second < Watched; second++)
        {
            await Task.Delay(1000, Ct);
            growth = Math.Max(growth, node.Memory.Now - before);
        }
        return growth;
    }

    /// <summary>Whoever was cut off finds a reset or an end after what the kernel still holds.</summary>
    private static int CountClosed(List<Socket> sockets)
    {
        var buffer = new byte[1 << 20];
        var closed = sockets.Count(socket => IsClosed(socket, buffer));
        sockets.ForEach(socket => socket.Dispose());
        return closed;
    }

    private static bool IsClosed(Socket socket, byte[] buffer)
    {
        socket.ReceiveTimeout = 2000;
        try
        {
            while (socket.Receive(buffer) > 0)
            {
            }
            return true;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode is SocketError.ConnectionReset or SocketError.ConnectionAborted;
        }
    }

    private static async Task<string> SpaceAsync(TwoNodes nodes, string name, int members)
    {
        using var owner = nodes.One.Client(nodes.Token($"{name}0"));
        var space = (await owner.PostAsync("/v1/workspaces", new { name }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        for (var i = 1; i < members; i++)
        {
            using var client = nodes.Two.Client(nodes.Token($"{name}{i}"));
            await client.Pull("load");
        }
        await nodes.ScalarAsync<long>(
            $"WITH m AS (INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) SELECT '{Guid.Parse(space)}', u.id, 'member' FROM auth.users u ON CONFLICT DO NOTHING RETURNING 1) SELECT count(*) FROM m");
        return space;
    }

    private static HttpRequestMessage Request(string path, string token, HttpMethod? method = null)
    {
        var request = new HttpRequestMessage(method ?? HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return request;
    }

    private static void Say(string text) => Console.WriteLine(text);
}
