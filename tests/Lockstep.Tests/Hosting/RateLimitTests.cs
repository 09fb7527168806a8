using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Hosting;

/// <summary>LOCKSTEP_RATE_LIMIT: so many a second and caller, and ten times as many at once.</summary>
public sealed class RateLimitTests(PostgresServer postgres)
{
    [Fact]
    public async Task Who_asks_too_much_is_told_when_to_come_again_and_nobody_else_notices()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var app = new LockstepApp(postgres) { RateLimit = 1 };
        await app.InitializeAsync();
        var (eager, calm) = (app.As("eager"), app.As("calm"));

        var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => eager.GetAsync("/v1/workspaces", ct)));

        answers.Count(answer => answer.StatusCode == HttpStatusCode.OK).ShouldBeInRange(10, 40);
        var refused = answers.Where(answer => answer.StatusCode != HttpStatusCode.OK).ToList();
        refused.Count.ShouldBeGreaterThanOrEqualTo(20);
        foreach (var answer in refused)
        {
            answer.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            int.Parse(answer.Headers.GetValues("Retry-After").Single(), CultureInfo.InvariantCulture).ShouldBeInRange(1, 60);
            answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
            var problem = JsonNode.Parse(await answer.Content.ReadAsStringAsync(ct))!;
            problem.Text("code").ShouldBe("too_many_requests");
            problem["status"]!.GetValue<int>().ShouldBe(429);
            problem.Text("detail").ShouldContain("Retry-After");
        }

        await calm.GetAsync("/v1/workspaces", ct).ShouldBeAsync(HttpStatusCode.OK);
        // Whoever watches the server is never refused.
        foreach (var watched in await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => app.Anonymous().GetAsync("/health/live", ct))))
            watched.StatusCode.ShouldBe(HttpStatusCode.OK);
        foreach (var answer in answers)
            answer.Dispose();
    }

    [Fact]
    public async Task A_refused_request_has_done_nothing_and_goes_through_later()
    {
        var ct = TestContext.Current.CancellationToken;
        await using var app = new LockstepApp(postgres) { RateLimit = 1 };
        await app.InitializeAsync();
        var client = app.As("maker");
        var answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(n =>
            client.PostAsync("/v1/credentials", new { name = $"k{n}", provider = "p", type = "SECRET", value = "v" })));
        var made = answers.Count(answer => answer.StatusCode == HttpStatusCode.Created);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials")).ShouldBe(made);
        made.ShouldBeLessThan(40);

        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var again = HttpStatusCode.TooManyRequests;
        for (var tries = 0; tries < 100 && again == HttpStatusCode.TooManyRequests; tries++, await tick.WaitForNextTickAsync(ct))
        {
            using var answer = await client.PostAsync("/v1/credentials", new { name = "later", provider = "p", type = "SECRET", value = "v" });
            again = answer.StatusCode;
        }
        again.ShouldBe(HttpStatusCode.Created);
        foreach (var answer in answers)
            answer.Dispose();
    }
}
