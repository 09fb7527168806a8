using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Tests.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.Scenarios;

/// <summary>Two nodes whose database is reached through PgBouncer in transaction mode.</summary>
public sealed class PgBouncerTests
{
    private const int Writers = 8;
    private const int Pushes = 60;

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(Pooling.Pooled, 1000)]
    [InlineData(Pooling.PooledAlone, 3000)]
    public async Task Through_PgBouncer_in_transaction_mode_nothing_is_lost_and_a_stream_hears_the_other_node(Pooling pooling, int bound)
    {
        await using var nodes = await TwoNodes.StartAsync([], pooling);
        var space = await SpaceAsync(nodes);
        using var listener = nodes.Two.Client(nodes.Token("w1"));
        var heard = new ConcurrentDictionary<string, long>();
        await using var stream = await StreamTests.Listen(listener, "/v1/sync/load/stream");
        var hearing = Task.Run(async () =>
        {
            while (heard.Count < Writers * Pushes)
                foreach (var record in (await stream.Next("changes")).Changed)
                    heard[record] = Stopwatch.GetTimestamp();
        });
        var sent = new ConcurrentDictionary<string, long>();
        await Task.WhenAll(Enumerable.Range(0, Writers).Select(async w =>
        {
            using var client = nodes.One.Client(nodes.Token($"w{w}"));
            for (var i = 1; i <= Pushes; i++)
            {
                sent[$"{w}-{i}"] = Stopwatch.GetTimestamp();
                (await client.Push("load", $"c{w}", Mutation(i, $"{w}-{i}", new { v = new { value = i } }, "insert", space))).ShouldBe(["applied"]);
            }
        }));
        await hearing.WaitAsync(TimeSpan.FromSeconds(30));
        var (changes, _) = await listener.PullAll("load");
        changes.Select(change => change.Text("recordId")).Order(StringComparer.Ordinal).ShouldBe(sent.Keys.Order(StringComparer.Ordinal));
        using (var mana = nodes.One.Client(nodes.Token("w0")))
            (await mana.Mana("load", new { clientId = "m" }))["serverChanges"]!.AsArray().Count.ShouldBe(sent.Count);
        var delays = sent.Keys.Select(record => Stopwatch.GetElapsedTime(sent[record], heard[record]).TotalMilliseconds).Order().ToList();
        TestContext.Current.TestOutputHelper?.WriteLine($"{pooling}: {sent.Count} pushes of {Writers} writers on one node, heard on the other after p50 {delays[delays.Count / 2]:F0} ms, p99 {delays[delays.Count * 99 / 100]:F0} ms");
        // Without a direct connection nobody hears NOTIFY: the look at the heads once a second is what remains.
        delays[delays.Count / 2].ShouldBeLessThan(bound);
    }

    private static async Task<string> SpaceAsync(TwoNodes nodes)
    {
        using var owner = nodes.One.Client(nodes.Token("w0"));
        var space = (await owner.PostAsync("/v1/workspaces", new { name = "load" }).ShouldBeAsync(System.Net.HttpStatusCode.Created)).Text("id");
        for (var w = 1; w < Writers; w++)
        {
            using var member = nodes.One.Client(nodes.Token($"w{w}"));
            await member.GetAsync("/v1/sync/load/pull").ShouldBeAsync(System.Net.HttpStatusCode.OK);
            var id = await nodes.ScalarAsync<Guid>($"SELECT id FROM auth.users WHERE email = 'w{w}@example.com'");
            await owner.PostAsync($"/v1/workspaces/{space}/members", new { userId = id, role = "member" }).ShouldBeAsync(System.Net.HttpStatusCode.OK);
        }
        return space;
    }
}
