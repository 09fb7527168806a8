using System.Net;
using Lockstep.Server.Vault.Reveals;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Lockstep.Tests.Tenancy.ApiTokens;
using Lockstep.Tests.Vault.OAuth;
using Lockstep.Tests.Vault.Webhooks;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Reveals;

/// <summary>At most five different credentials in ten minutes.</summary>
public sealed class BulkReadTests(PostgresServer postgres) : IAsyncLifetime
{
    private const int Most = 5;

    private readonly LockstepApp app = new(postgres) { BulkReads = new BulkReadOptions(Most) };

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => app.InitializeAsync();

    public ValueTask DisposeAsync() => app.DisposeAsync();

    [Fact]
    public async Task Emptying_a_workspace_stops_at_the_limit_on_every_node_tells_its_admins_and_another_admin_releases()
    {
        var (owner, thief) = (app.As("owner"), app.As("thief"));
        await using var other = new LockstepApp(postgres) { ExistingDatabase = app.Database, Keys = app.Keys, BulkReads = app.BulkReads };
        await other.InitializeAsync();
        var workspace = await owner.WorkspaceAsync();
        await thief.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await owner.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("thief"), role = "admin" }).ShouldBeAsync(HttpStatusCode.OK);
        await using var receiver = await FakeWebhookReceiver.StartAsync();
        app.Allow(receiver.Url);
        other.Allow(receiver.Url);
        await owner.PostAsync("/v1/webhooks", new { url = receiver.Url, events = new[] { "credential.bulk_read_blocked" }, workspaceId = workspace }).ShouldBeAsync(HttpStatusCode.Created);
        var ids = new List<Guid>();
        for (var i = 0; i < Most + 2; i++)
            ids.Add((await owner.StoreForAsync(workspace, $"c{i}", $"value-{i}")).Id());

        for (var i = 0; i < Most; i++)
            await (i % 2 == 0 ? thief : other.As("thief")).RevealAsync(ids[i]).ShouldBeAsync(HttpStatusCode.OK);
        // The same ones again are no bulk read.
        await thief.RevealAsync(ids[0]).ShouldBeAsync(HttpStatusCode.OK);
        var blocked = await other.As("thief").RevealAsync(ids[Most]).ShouldBeProblemAsync(429, "bulk_read_blocked");
        DateTimeOffset.Parse(blocked.Text("retryAt"), null).ShouldBeGreaterThan(TimeProvider.System.GetUtcNow() + TimeSpan.FromMinutes(59));
        await thief.RevealAsync(ids[Most + 1]).ShouldBeProblemAsync(429, "bulk_read_blocked");
        // Those that were open before too: whoever it is, it stops.
        await thief.RevealAsync(ids[0]).ShouldBeProblemAsync(429, "bulk_read_blocked");
        (await owner.ValueAsync(ids[0])).ShouldBe("value-0");

        (await owner.ActionsAsync(ids[Most])).ShouldBe(["CREDENTIAL_CREATED", "BULK_READ_BLOCKED"]);
        (await owner.GetAsync("/v1/activity?action=BULK_READ_BLOCKED").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(1);
        var told = (await receiver.TakenAsync(app, 1)).Single().Data;
        told.Text("blockedActor").ShouldBe($"user:{app.UserId("thief")}");
        told["distinctCredentials"]!.GetValue<int>().ShouldBe(Most + 1);

        var block = (await thief.GetAsync("/v1/reveal-blocks").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!.Id();
        await thief.DeleteAsync($"/v1/reveal-blocks/{block}").ShouldBeProblemAsync(403, "own_block");
        await app.As("stranger").DeleteAsync($"/v1/reveal-blocks/{block}").ShouldBeProblemAsync(404, "not_found");
        (await app.As("stranger").GetAsync("/v1/reveal-blocks").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
        await owner.DeleteAsync($"/v1/reveal-blocks/{block}").ShouldBeAsync(HttpStatusCode.NoContent);
        await thief.RevealAsync(ids[Most]).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_hundred_at_once_release_no_more_than_the_limit_and_the_block_ends_with_its_time()
    {
        var user = app.As("greedy");
        var ids = new List<Guid>();
        for (var i = 0; i < 20; i++)
            ids.Add((await user.StoreAsync($"c{i}", $"value-{i}")).Id());
        var statuses = await Task.WhenAll(ids.Select(async id =>
        {
            using var answer = await user.RevealAsync(id);
            return (int)answer.StatusCode;
        }));
        statuses.Count(status => status == 200).ShouldBe(Most);
        statuses.Count(status => status == 429).ShouldBe(20 - Most);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE action = 'CREDENTIAL_ACCESSED' AND user_id = $1", app.UserId("greedy"))).ShouldBe(Most);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.reveal_blocks WHERE user_id = $1", app.UserId("greedy"))).ShouldBe(1);
        await app.ScalarAsync<Guid>("UPDATE lockstep.reveal_blocks SET blocked_until = now() WHERE user_id = $1 RETURNING id", app.UserId("greedy"));
        await app.ScalarAsync<long>("WITH old AS (UPDATE lockstep.reveal_marks SET at = at - interval '10 minutes' WHERE user_id = $1 RETURNING 1) SELECT count(*) FROM old", app.UserId("greedy"));
        await user.RevealAsync(ids[19]).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_token_of_more_than_a_day_is_an_actor_of_its_own_and_its_user_releases_it()
    {
        var user = app.As("holder");
        var ids = new List<Guid>();
        for (var i = 0; i < Most + 1; i++)
            ids.Add((await user.StoreAsync($"c{i}", $"value-{i}")).Id());
        var (token, id) = await app.WithTokenAsync(user, "credentials:reveal");
        await app.ScalarAsync<Guid>("UPDATE lockstep.api_tokens SET created_at = created_at - interval '25 hours' WHERE id = $1 RETURNING id", id);
        for (var i = 0; i < Most; i++)
            await token.RevealAsync(ids[i]).ShouldBeAsync(HttpStatusCode.OK);
        using (var refused = await token.RevealAsync(ids[Most]))
        {
            ((int)refused.StatusCode).ShouldBe(429);
            refused.Headers.RetryAfter!.Delta!.Value.ShouldBeGreaterThan(TimeSpan.FromMinutes(59));
            refused.Headers.CacheControl!.NoStore.ShouldBeTrue();
        }
        await user.RevealAsync(ids[0]).ShouldBeAsync(HttpStatusCode.OK);
        var block = (await user.GetAsync("/v1/reveal-blocks", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!.Id();
        await token.DeleteAsync($"/v1/reveal-blocks/{block}", Ct).ShouldBeProblemAsync(403, "token_not_allowed");
        await user.DeleteAsync($"/v1/reveal-blocks/{block}", Ct).ShouldBeAsync(HttpStatusCode.NoContent);
        await token.RevealAsync(ids[Most]).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task New_tokens_count_with_who_made_them_and_give_a_stolen_session_nothing_more()
    {
        var thief = app.As("minter");
        var ids = new List<Guid>();
        for (var i = 0; i < Most + 2; i++)
            ids.Add((await thief.StoreAsync($"c{i}", $"value-{i}")).Id());
        var (before, _) = await app.WithTokenAsync(thief, "credentials:reveal");
        await before.RevealAsync(ids[0]).ShouldBeAsync(HttpStatusCode.OK);
        for (var i = 0; i < Most; i++)
            await thief.RevealAsync(ids[i]).ShouldBeAsync(HttpStatusCode.OK);
        await before.RevealAsync(ids[Most]).ShouldBeProblemAsync(429, "bulk_read_blocked");
        await thief.RevealAsync(ids[Most]).ShouldBeProblemAsync(429, "bulk_read_blocked");
        var (after, _) = await app.WithTokenAsync(thief, "credentials:reveal");
        await after.RevealAsync(ids[Most + 1]).ShouldBeProblemAsync(429, "bulk_read_blocked");

        var block = (await thief.GetAsync("/v1/reveal-blocks", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!.Id();
        await thief.DeleteAsync($"/v1/reveal-blocks/{block}", Ct).ShouldBeProblemAsync(403, "own_block");
        await app.AsService().DeleteAsync($"/v1/reveal-blocks/{block}", Ct).ShouldBeAsync(HttpStatusCode.NoContent);
        await after.RevealAsync(ids[Most + 1]).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_due_OAuth_token_beyond_the_limit_is_refreshed_once_kept_and_not_released()
    {
        await using var endpoint = await FakeTokenEndpoint.StartAsync(app);
        var user = app.As("granted");
        for (var i = 0; i < Most; i++)
            await user.ValueAsync((await user.StoreAsync($"c{i}", $"value-{i}")).Id());
        var grant = await user.StoreGrantAsync(endpoint.Expired(endpoint.Grant()));

        foreach (var _ in Enumerable.Range(0, 3))
        {
            var problem = await user.RevealAsync(grant).ShouldBeProblemAsync(429, "bulk_read_blocked");
            problem.ToJsonString().ShouldNotContain("marker-");
        }

        // What the endpoint gave for a refresh token that it takes once only is not lost with the refusal.
        endpoint.Calls.ShouldBe(1);
        (await user.GrantAsync(grant)).Text("state").ShouldBe("active");
        (await user.ActionsAsync(grant)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_REFRESHED", "BULK_READ_BLOCKED"]);
        await app.ScalarAsync<Guid>("UPDATE lockstep.reveal_blocks SET blocked_until = now() WHERE user_id = $1 RETURNING id", app.UserId("granted"));
        await app.ScalarAsync<long>("WITH old AS (UPDATE lockstep.reveal_marks SET at = at - interval '10 minutes' WHERE user_id = $1 RETURNING 1) SELECT count(*) FROM old", app.UserId("granted"));
        (await user.ValueAsync(grant)).ShouldStartWith("marker-access-");
        endpoint.Calls.ShouldBe(1);
    }
}
