using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>Transit is killed under load and comes back.</summary>
public sealed class TransitOutageTests(PostgresServer postgres)
{
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public Task Reads_go_on_writes_fall_back_or_wait_and_all_is_Transits_again_afterwards(bool standIn, bool direct) =>
        Drill(standIn, direct, clients: 3, seconds: 2);

    [Theory]
    [Trait("Category", "Long")]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public Task The_same_for_a_minute_with_more_callers(bool standIn, bool direct) => Drill(standIn, direct, clients: 16, seconds: 60);

    /// <param name="seconds">Away; a third of it before and after.</param>
    private async Task Drill(bool standIn, bool direct, int clients, int seconds)
    {
        await using var both = await TransitApp.StartAsync(
            postgres, options => options with { StandIn = standIn, Direct = direct, StandInWrites = 1_000_000, Round = TimeSpan.FromMilliseconds(500) });
        var known = new List<(HttpClient Client, Guid Id, string Value)>();
        for (var i = 0; i < clients; i++)
        {
            var client = both.App.As($"known{i}");
            known.Add((client, (await client.StoreAsync("k", $"a-known-secret-{i}")).Id(), $"a-known-secret-{i}"));
        }

        var writers = Enumerable.Range(0, clients).Select(_ => both.App.Anonymous()).ToList();
        var phase = "before";
        var counts = new ConcurrentDictionary<(string Phase, string What), int>();
        var stored = new ConcurrentBag<(string User, Guid Id, string Value)>();
        using var stop = new CancellationTokenSource();
        var load = known.Select((reader, i) => Task.Run(() => ReadAsync(reader))).Concat(Enumerable.Range(0, clients).Select(i => Task.Run(() => WriteAsync(i)))).ToArray();
        await Task.Delay(TimeSpan.FromSeconds(seconds / 3.0));
        phase = "away";
        await both.Transit.StopAsync();
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var waiting = await both.App.ScalarAsync<long>("SELECT lockstep.rewrap_backlog()");
        var since = Stopwatch.StartNew();
        await both.Transit.StartAsync();
        phase = "back";
        await TransitApp.UntilAsync(IsTransitsAsync);
        var firstWrite = since.Elapsed;
        await TransitApp.UntilAsync(async () => await both.App.ScalarAsync<long>("SELECT lockstep.rewrap_backlog()") == 0);
        var drained = since.Elapsed;
        await Task.Delay(TimeSpan.FromSeconds(seconds / 3.0));
        await stop.CancelAsync();
        await Task.WhenAll(load);
        await both.DrainedAsync();

        Console.WriteLine($"fallback {(standIn ? "local" : "none")}, sealing {(direct ? "direct" : "envelope")}, {clients} readers and {clients} writers, away {seconds} s");
        foreach (var ((when, what), count) in counts.OrderBy(entry => entry.Key))
            Console.WriteLine($"  {when}: {what}: {count}");
        Console.WriteLine($"  backlog when it came back: {waiting}; a new write was Transit's after {firstWrite.TotalSeconds:F1} s, the backlog empty after {drained.TotalSeconds:F1} s");

        firstWrite.ShouldBeLessThan(TimeSpan.FromSeconds(30));
        drained.ShouldBeLessThan(TimeSpan.FromSeconds(30));
        counts.Keys.ShouldAllBe(key => key.What == "read" || key.What == "written" || key.What == "read: 503" || key.What == "write: 503");
        counts.GetValueOrDefault(("before", "write: 503")).ShouldBe(0);
        if (!direct) // What a cached data key opens is read on; what Transit itself sealed is not.
            counts.Keys.ShouldNotContain(key => key.What == "read: 503");
        if (standIn)
            counts.Keys.ShouldNotContain(key => key.What == "write: 503");
        else
            counts[("away", "write: 503")].ShouldBePositive();
        (waiting > 0).ShouldBe(standIn);

        // No data key or value in clear in any rewrap; no value at all where data keys are wrapped.
        both.Transit.Requests.Where(request => request.Path.Contains("/rewrap/", StringComparison.Ordinal)).ShouldAllBe(request => !request.Carries("plaintext"));
        if (!direct)
        {
            var markers = new[] { "a-known-secret", "a-new-secret" }.Select(text => Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(text)).TrimEnd('=')[..12]).ToList();
            both.Transit.Requests.ShouldAllBe(request => !markers.Any(marker => request.Body.Contains(marker, StringComparison.Ordinal)));
        }

        // Everything that was acknowledged opens without the local key.
        both.App.Keys = null;
        await both.App.RestartAsync();
        foreach (var (user, id, value) in stored.Take(200))
            (await both.App.As(user).ValueAsync(id)).ShouldBe(value);

        async Task ReadAsync((HttpClient Client, Guid Id, string Value) one)
        {
            while (!stop.IsCancellationRequested)
            {
                var when = phase;
                using var answer = await one.Client.RevealAsync(one.Id);
                if (answer.StatusCode == HttpStatusCode.OK)
                    (await answer.Content.ReadAsStringAsync()).ShouldContain(one.Value);
                Count(when, answer.StatusCode == HttpStatusCode.OK ? "read" : $"read: {(int)answer.StatusCode}");
            }
        }

        async Task WriteAsync(int writer)
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                var (when, user) = (phase, $"new{writer}-{i}");
                using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/credentials")
                {
                    Content = JsonContent.Create(new { name = "k", provider = "p", type = "SECRET", value = $"a-new-secret-{user}" }),
                };
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", both.App.Token(user, "authenticated"));
                using var answer = await writers[writer].SendAsync(request);
                if (answer.StatusCode == HttpStatusCode.Created)
                    stored.Add((user, System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.Id(), $"a-new-secret-{user}"));
                else
                    answer.Headers.RetryAfter.ShouldNotBeNull();
                Count(when, answer.StatusCode == HttpStatusCode.Created ? "written" : $"write: {(int)answer.StatusCode}");
            }
        }

        void Count(string when, string what) => counts.AddOrUpdate((when == phase ? when : "between", what), 1, (_, count) => count + 1);

        async Task<bool> IsTransitsAsync()
        {
            using var client = both.App.As($"probe{Guid.CreateVersion7()}");
            using var answer = await client.PostAsync("/v1/credentials", new { name = "k", provider = "p", type = "SECRET", value = "a-new-secret-probe" });
            return answer.StatusCode == HttpStatusCode.Created && await both.App.ScalarAsync<bool>(
                direct
                    ? "SELECT key_provider = 'transit' FROM lockstep.credentials WHERE id = $1"
                    : "SELECT k.provider = 'transit' FROM lockstep.credentials c JOIN lockstep.data_keys k ON k.id = c.data_key_id WHERE c.id = $1",
                System.Text.Json.Nodes.JsonNode.Parse(await answer.Content.ReadAsStringAsync())!.Id());
        }
    }
}
