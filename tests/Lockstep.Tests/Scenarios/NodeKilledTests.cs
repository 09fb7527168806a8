using System.Globalization;
using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>Two nodes share the work; one is killed.</summary>
public sealed class NodeKilledTests
{
    private const string Synced = "SELECT count(*) FROM lockstep.integrations WHERE last_sync_at IS NOT NULL AND last_sync_error IS NULL";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_a_killed_node_held_is_taken_over_and_nothing_is_done_twice()
    {
        const int Count = 40;
        await using var crowds = await Crowds.StartAsync(10);
        await using var nodes = await TwoNodes.StartAsync(crowds.HostPorts);
        await ConnectAsync(nodes, crowds, Count, users: 10, interval: 3600);
        await nodes.UntilAsync(Synced, Count, TimeSpan.FromMinutes(2));

        var gate = new TaskCompletionSource();
        crowds.Wait(ct => gate.Task.WaitAsync(ct));
        await nodes.ScalarAsync<long>("WITH due AS (UPDATE lockstep.integrations SET next_sync_at = now() RETURNING 1) SELECT count(*) FROM due");
        await nodes.UntilAsync("SELECT count(*) FROM lockstep.integrations WHERE lease_owner IS NOT NULL", Count / 2, TimeSpan.FromMinutes(1));
        // So few fit into the hands of one node.
        var killed = await nodes.ScalarAsync<long>(HeldBy(nodes.One)) > await nodes.ScalarAsync<long>(HeldBy(nodes.Two)) ? nodes.One : nodes.Two;
        await killed.KillAsync();
        // Its leases would run out after 30 s; that time passes here.
        (await nodes.ScalarAsync<long>(
            $"WITH past AS (UPDATE lockstep.integrations SET lease_until = now() WHERE lease_owner LIKE '%:{killed.Id}:%' RETURNING 1) SELECT count(*) FROM past"))
            .ShouldBeGreaterThanOrEqualTo(5);
        gate.SetResult();

        await nodes.UntilAsync("SELECT count(*) FROM (SELECT integration_id FROM lockstep.sync_log GROUP BY 1 HAVING count(*) = 2) done", Count, TimeSpan.FromMinutes(2));
        crowds.Overlaps.ShouldBe(0);
        (await nodes.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_log")).ShouldBe(2 * Count);
        (await nodes.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_log WHERE error IS NOT NULL")).ShouldBe(0);
        (await nodes.ScalarAsync<long>("SELECT count(*) FROM lockstep.integrations WHERE lease_owner IS NOT NULL")).ShouldBe(0);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task Five_hundred_integrations_keep_their_minute_and_a_killed_nodes_work_is_taken_over_within_two_leases()
    {
        const int OnFakes = 480;
        const int OnRadicale = 20;
        const int Minutes = 4;
        await using var radicale = await RadicaleServer.StartAsync(Ct);
        await using var crowds = await Crowds.StartAsync(24);
        await using var nodes = await TwoNodes.StartAsync([.. crowds.HostPorts, radicale.HostPort]);
        await ConnectAsync(nodes, crowds, OnFakes, users: 48, interval: 60);
        for (var i = 0; i < OnRadicale; i++)
        {
            await radicale.As("alice").MakeCalendarAsync($"c{i}", Ct);
            await radicale.As("alice").PutAsync($"c{i}/e.ics", DavProbe.Event($"e@{i}", $"On Radicale {i}"), Ct);
            await ConnectAsync(nodes.Two, nodes.Token($"radicale{i}"), radicale.Url, $"/alice/c{i}/", $"alice-{i}", 60, "alicepw", "alice");
        }
        await nodes.UntilAsync("SELECT count(DISTINCT integration_id) FROM lockstep.sync_log", OnFakes + OnRadicale, TimeSpan.FromMinutes(5));
        // A second for each answer: at any moment some are being worked on.
        crowds.Wait(ct => Task.Delay(1000, ct));

        await Task.Delay(TimeSpan.FromMinutes(Minutes), Ct);
        await nodes.UntilAsync(HeldBy(nodes.One), 3, TimeSpan.FromMinutes(2));
        await nodes.One.KillAsync();
        var killedAt = await nodes.ScalarAsync<DateTime>("SELECT clock_timestamp()");
        var held = await nodes.ScalarAsync<long>($"WITH mark AS (UPDATE lockstep.integrations SET external_email = 'held' WHERE lease_owner LIKE '%:{nodes.One.Id}:%' RETURNING 1) SELECT count(*) FROM mark");
        await Task.Delay(TimeSpan.FromMinutes(3), Ct);

        var at = killedAt.ToString("yyyy-MM-dd HH:mm:ss.ffffff+00", CultureInfo.InvariantCulture);
        const string Gaps = "SELECT l.integration_id, l.occurred_at, extract(epoch FROM l.occurred_at - lag(l.occurred_at) OVER (PARTITION BY l.integration_id ORDER BY l.occurred_at))::float8 AS gap FROM lockstep.sync_log l";
        var steady = await nodes.NumbersAsync($"SELECT g.gap FROM ({Gaps}) g WHERE g.gap IS NOT NULL AND g.occurred_at BETWEEN '{at}'::timestamptz - interval '{Minutes - 1} minutes' AND '{at}'");
        var over = await nodes.NumbersAsync($"SELECT max(g.gap) FROM ({Gaps}) g WHERE g.occurred_at > '{at}' GROUP BY g.integration_id");
        var taken = await nodes.NumbersAsync(
            $"SELECT extract(epoch FROM min(l.occurred_at) - '{at}'::timestamptz)::float8 FROM lockstep.integrations i JOIN lockstep.sync_log l ON l.integration_id = i.id AND l.occurred_at > '{at}' WHERE i.external_email = 'held' GROUP BY i.id");
        var errors = await nodes.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_log WHERE error IS NOT NULL");
        Say($"{OnFakes + OnRadicale} integrations ({OnRadicale} on Radicale, the others on fakes), two nodes, {crowds.Requests} requests, {errors} errors, {crowds.Overlaps} overlaps");
        Say($"between two syncs before the kill: {Distribution(steady)}");
        Say($"held by the killed node: {held}; until they were synced by the other: {Distribution(taken)}");
        Say($"longest time without a sync over the kill, of each integration: {Distribution(over)}");

        over.Count.ShouldBe(OnFakes + OnRadicale, "all go on");
        taken.Count.ShouldBe((int)held);
        held.ShouldBeGreaterThan(0);
        taken.Max().ShouldBeLessThan(60);
        steady[(int)(steady.Count * 0.99)].ShouldBeLessThan(70);
        crowds.Overlaps.ShouldBe(0);
    }

    private static string HeldBy(LockstepProcess node) =>
        $"SELECT count(*) FROM lockstep.integrations WHERE lease_owner LIKE '%:{node.Id}:%' AND lease_until > clock_timestamp()";

    private static async Task ConnectAsync(TwoNodes nodes, Crowds crowds, int count, int users, int interval)
    {
        for (var i = 0; i < count; i++)
            await ConnectAsync(i % 2 == 0 ? nodes.One : nodes.Two, nodes.Token($"user{i % users}"), crowds.Of(i), $"/c{i}/", $"account{i}", interval);
    }

    private static async Task ConnectAsync(
        LockstepProcess node, string token, Uri url, string path, string label, int interval, string password = "secret", string? username = null)
    {
        using var client = node.Client(token);
        await client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            label,
            config = new { url = new Uri(url, path), username = username ?? label, calendarPath = path },
            secret = password,
            syncSchedule = new { intervalSeconds = interval },
        }).ShouldBeAsync(HttpStatusCode.Created);
    }

    private static string Distribution(List<double> seconds) => string.Create(CultureInfo.InvariantCulture,
        $"{seconds.Count} values, least {At(seconds, 0):0.0} s, median {At(seconds, 0.5):0.0} s, p99 {At(seconds, 0.99):0.0} s, most {At(seconds, 1):0.0} s");

    private static double At(List<double> sorted, double share) => sorted.Count == 0 ? double.NaN : sorted[Math.Min(sorted.Count - 1, (int)(sorted.Count * share))];

    private static void Say(string text) => Console.WriteLine(text);

    /// <summary>Several fakes: one alone would be spared by the limit of runs for one server.</summary>
    private sealed class Crowds : IAsyncDisposable
    {
        private readonly List<FakeCrowd> all = [];

        public IEnumerable<string> HostPorts => all.Select(crowd => crowd.HostPort);

        public int Overlaps => all.Sum(crowd => crowd.Overlaps);

        public int Requests => all.Sum(crowd => crowd.Requests);

        public static async Task<Crowds> StartAsync(int count)
        {
            var crowds = new Crowds();
            for (var i = 0; i < count; i++)
            {
                crowds.all.Add(new FakeCrowd());
                await crowds.all[^1].InitializeAsync();
            }
            return crowds;
        }

        public Uri Of(int integration) => all[integration % all.Count].Url;

        public void Wait(Func<CancellationToken, Task> wait) => all.ForEach(crowd => crowd.Wait = wait);

        public async ValueTask DisposeAsync()
        {
            foreach (var crowd in all)
                await crowd.DisposeAsync();
        }
    }
}
