using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.OAuth;

/// <summary>One refresh, however many ask, on however many nodes, and whatever happens meanwhile. RFC 6749 section 6.</summary>
public sealed class OAuthRefreshTests(LockstepApp app, PostgresServer postgres) : IClassFixture<LockstepApp>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_token_that_is_good_is_released_without_asking_anybody_and_the_refresh_token_never()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("good");
        var refresh = fake.Grant();
        var stored = await client.PostAsync("/v1/credentials", new
        {
            name = "g",
            provider = "calendar",
            type = "OAUTH_TOKEN",
            oauth = new { accessToken = "marker-good-access", refreshToken = refresh, expiresAt = "2100-01-01T00:00:00Z", tokenEndpoint = fake.Address, clientId = "c", scope = "a b" },
        }).ShouldBeAsync(HttpStatusCode.Created);
        var id = stored.Id();

        var answer = await client.RevealAsync(id).ShouldBeAsync(HttpStatusCode.OK);

        answer.AsObject().Select(member => member.Key).ShouldBe(["value", "version", "expiresAt"]);
        answer.Text("value").ShouldBe("marker-good-access");
        answer.Text("expiresAt").ShouldBe("2100-01-01T00:00:00Z");
        fake.Calls.ShouldBe(0);
        stored.Text("maskedValue").ShouldBe("********");
        var grant = await client.GrantAsync(id);
        grant.Text("state").ShouldBe("active");
        grant.Text("tokenEndpoint").ShouldBe(fake.Address.AbsoluteUri);
        grant.Text("scope").ShouldBe("a b");
        grant["hasRefreshToken"]!.GetValue<bool>().ShouldBeTrue();
        foreach (var path in new[] { "", "/oauth", "/versions" })
            (await client.GetAsync($"/v1/credentials/{id}{path}", Ct).ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldNotContain("marker-");
        (await app.ScalarAsync<string>("SELECT c::text || g::text FROM lockstep.credentials c JOIN lockstep.oauth_grants g ON g.credential_id = c.id WHERE c.id = $1", id))
            .ShouldNotContain("marker-");
        (await app.As("somebody-else").GetAsync($"/v1/credentials/{id}/oauth", Ct).ShouldBeProblemAsync(404, "not_found")).ToJsonString().ShouldNotContain("calendar");
    }

    [Fact]
    public async Task Two_hundred_reveals_of_an_expired_token_make_one_call_and_get_one_answer()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("crowd");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));

        var answers = await RevealManyAsync(200, _ => client, id);

        fake.Calls.ShouldBe(1);
        answers.Distinct().ShouldHaveSingleItem().ShouldStartWith("2 marker-access-");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_REFRESHED'", id)).ShouldBe(1);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_ACCESSED' AND details ->> 'version' = '2'", id)).ShouldBe(200);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credential_versions WHERE credential_id = $1", id)).ShouldBe(0);
    }

    [Fact]
    public async Task Two_hundred_reveals_over_two_nodes_make_one_call_and_get_one_answer()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        await using var second = await SecondNodeAsync(fake);
        var id = await app.As("nodes").StoreGrantAsync(fake.Expired(fake.Grant()));
        var (one, two) = (app.As("nodes"), second.As("nodes"));

        for (var round = 0; round < 3; round++)
        {
            var answers = await RevealManyAsync(200, i => i % 2 == 0 ? one : two, id);
            fake.Calls.ShouldBe(round + 1);
            answers.Distinct().ShouldHaveSingleItem().ShouldStartWith($"{round + 2} marker-access-");
            await app.DueAsync(id);
        }
    }

    [Fact]
    public async Task Each_refresh_shows_the_token_of_the_one_before_since_a_used_one_would_end_the_grant()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("chain");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant(), authStyle: "post"));
        var seen = new HashSet<string>();
        for (var i = 1; i <= 4; i++)
        {
            seen.Add(await client.ValueAsync(id)).ShouldBeTrue();
            fake.Calls.ShouldBe(i);
            await app.DueAsync(id);
        }
        fake.Requests.Select(form => form["refresh_token"].ToString()).Distinct().Count().ShouldBe(4);
        (await client.ActionsAsync(id)).Count(action => action == "CREDENTIAL_REFRESHED").ShouldBe(4);
        (await app.VersionAsync(id)).ShouldBe(5);
    }

    [Fact]
    public async Task An_answer_without_a_refresh_token_leaves_the_former_one_in_use()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.Instead = async context =>
        {
            await Microsoft.AspNetCore.Http.HttpResponseWritingExtensions.WriteAsync(
                context.Response, """{"access_token":"an-access-token","token_type":"Bearer","expires_in":"600"}""");
            return true;
        };
        var client = app.As("keeps");
        var id = await client.StoreGrantAsync(fake.Expired("the-one-refresh-token"));
        (await client.ValueAsync(id)).ShouldBe("an-access-token");
        await app.DueAsync(id);
        (await client.ValueAsync(id)).ShouldBe("an-access-token");
        fake.Requests.Select(form => form["refresh_token"].ToString()).ShouldBe(["the-one-refresh-token", "the-one-refresh-token"]);
    }

    [Fact]
    public async Task A_node_that_dies_while_it_refreshes_is_taken_over_when_its_lease_ends()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("dead");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        await app.ScalarAsync<object>(
            "UPDATE lockstep.oauth_grants SET lease = gen_random_uuid(), lease_until = clock_timestamp() + interval '2 seconds' WHERE credential_id = $1 RETURNING 1", id);

        var answers = RevealManyAsync(20, _ => client, id);
        fake.Calls.ShouldBe(0);
        (await answers).Distinct().ShouldHaveSingleItem();
        fake.Calls.ShouldBe(1);
    }

    [Fact]
    public async Task A_refresher_that_was_taken_over_changes_nothing_when_it_comes_back()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.HoldFirst = new TaskCompletionSource();
        await using var second = await SecondNodeAsync(fake);
        var (one, two) = (app.As("stale"), second.As("stale"));
        var id = await one.StoreGrantAsync(fake.Expired(fake.Grant()));
        var slow = RevealManyAsync(1, _ => one, id);
        await OAuthCalls.UntilAsync(() => Task.FromResult(fake.Calls == 1), "the first request");
        await app.ScalarAsync<object>("UPDATE lockstep.oauth_grants SET lease_until = clock_timestamp() WHERE credential_id = $1 RETURNING 1", id);

        var quick = await RevealManyAsync(1, _ => two, id);
        fake.Calls.ShouldBe(2);
        // The first one's token is used up by now: its answer is invalid_grant, and must not mark what the second one has stored.
        fake.HoldFirst.SetResult();

        (await slow).ShouldBe(quick);
        (await one.GrantAsync(id)).Text("state").ShouldBe("active");
        (await app.VersionAsync(id)).ShouldBe(2);
        (await one.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_REFRESHED", "CREDENTIAL_ACCESSED", "CREDENTIAL_ACCESSED"]);
    }

    [Theory]
    [InlineData("rotate")]
    [InlineData("rotate-grant")]
    [InlineData("revoke")]
    [InlineData("delete")]
    public async Task What_its_owner_does_during_a_refresh_holds(string deed)
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.HoldFirst = new TaskCompletionSource();
        var client = app.As($"during-{deed}");
        var id = await client.StoreGrantAsync(fake.Expired(fake.Grant()));
        var reveal = client.RevealAsync(id);
        await OAuthCalls.UntilAsync(() => Task.FromResult(fake.Calls == 1), "the request");
        var path = $"/v1/credentials/{id}";
        using var done = deed switch
        {
            "rotate" => await client.RotateAsync(id, "a-plain-value"),
            "rotate-grant" => await client.RotateGrantAsync(id, new { accessToken = "another-grant" }),
            "revoke" => await client.PostAsync(path + "/revoke", new { }),
            _ => await client.DeleteAsync(path, Ct),
        };
        done.IsSuccessStatusCode.ShouldBeTrue();

        fake.HoldFirst.SetResult();

        switch (deed)
        {
            case "rotate" or "rotate-grant":
                (await reveal.ShouldBeAsync(HttpStatusCode.OK)).Text("value").ShouldBe(deed == "rotate" ? "a-plain-value" : "another-grant");
                (await app.VersionAsync(id)).ShouldBe(2);
                break;
            case "revoke":
                await reveal.ShouldBeProblemAsync(409, "credential_revoked");
                break;
            default:
                await reveal.ShouldBeProblemAsync(404, "not_found");
                break;
        }
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'CREDENTIAL_REFRESHED'", id)).ShouldBe(0);
    }

    [Fact]
    public async Task Tokens_are_stored_although_whoever_asked_has_left_and_lost_his_rights()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        fake.HoldFirst = new TaskCompletionSource();
        var (owner, admin) = (app.As("w-owner"), app.As("w-admin"));
        await admin.GetAsync("/v1/credentials", Ct).ShouldBeAsync(HttpStatusCode.OK);
        var workspace = (await owner.PostAsync("/v1/workspaces", new { name = "W", slug = "w-oauth" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        using (await owner.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("w-admin"), role = "admin" }))
        {
        }
        var id = (await owner.PostAsync("/v1/credentials", new
        {
            name = "g",
            provider = "calendar",
            type = "OAUTH_TOKEN",
            scope = "WORKSPACE",
            workspaceId = workspace,
            oauth = fake.Expired(fake.Grant()),
        }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        using var leaves = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var reveal = admin.PostAsync($"/v1/credentials/{id}/reveal", System.Net.Http.Json.JsonContent.Create(new { purpose = "leave" }), leaves.Token);
        await OAuthCalls.UntilAsync(() => Task.FromResult(fake.Calls == 1), "the request");
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(reveal);
        using (var removed = await owner.DeleteAsync($"/v1/workspaces/{workspace}/members/{app.UserId("w-admin")}", Ct))
            removed.IsSuccessStatusCode.ShouldBeTrue();

        fake.HoldFirst.SetResult();

        await OAuthCalls.UntilAsync(async () => await app.VersionAsync(id) == 2, "the stored tokens");
        (await owner.ValueAsync(id)).ShouldStartWith("marker-access-");
        fake.Calls.ShouldBe(1);
        var line = (await owner.GetAsync($"/v1/activity?entityId={id}&action=CREDENTIAL_REFRESHED", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line.Text("actor").ShouldBe($"user:{app.UserId("w-admin")}");
    }

    [Fact]
    public async Task A_server_that_is_stopped_stores_the_tokens_that_it_has_asked_for()
    {
        await using var node = await SecondNodeAsync(null);
        await using var fake = await FakeTokenEndpoint.StartAsync(node);
        fake.HoldFirst = new TaskCompletionSource();
        app.Allow(fake.Url);
        var id = await app.As("stops").StoreGrantAsync(fake.Expired(fake.Grant()));
        using var leaves = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var reveal = node.As("stops").PostAsync($"/v1/credentials/{id}/reveal", System.Net.Http.Json.JsonContent.Create(new { purpose = "stop" }), leaves.Token);
        await OAuthCalls.UntilAsync(() => Task.FromResult(fake.Calls == 1), "the request");
        await leaves.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(reveal);

        var stopped = node.StopAsync();
        fake.HoldFirst.SetResult();
        await stopped;

        (await app.VersionAsync(id)).ShouldBe(2);
        (await app.As("stops").ValueAsync(id)).ShouldStartWith("marker-access-");
        fake.Calls.ShouldBe(1);
    }

    [Fact]
    public async Task The_service_role_refreshes_its_own_and_on_behalf_of_a_user()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var service = app.AsService();
        var system = (await service.PostAsync("/v1/credentials", new { name = "s", provider = "p", type = "OAUTH_TOKEN", scope = "SYSTEM", oauth = fake.Expired(fake.Grant()) })
            .ShouldBeAsync(HttpStatusCode.Created)).Id();
        (await service.ValueAsync(system)).ShouldStartWith("marker-access-");
        var users = await app.As("behalf").StoreGrantAsync(fake.Expired(fake.Grant()));
        (await app.AsService(app.UserId("behalf")).ValueAsync(users)).ShouldStartWith("marker-access-");
        await service.RevealAsync(users).ShouldBeProblemAsync(404, "not_found");
        fake.Calls.ShouldBe(2);
    }

    private static async Task<string[]> RevealManyAsync(int count, Func<int, HttpClient> client, Guid id) => await Task.WhenAll(
        Enumerable.Range(0, count).Select(async i =>
        {
            var answer = await client(i).RevealAsync(id).ShouldBeAsync(HttpStatusCode.OK);
            return $"{answer["version"]} {answer.Text("value")} {answer.Text("expiresAt")}";
        }));

    private async Task<LockstepApp> SecondNodeAsync(FakeTokenEndpoint? fake)
    {
        var second = new LockstepApp(postgres) { ExistingDatabase = app.Database, Keys = app.Keys };
        if (fake is not null)
            second.Allow(fake.Url);
        await second.InitializeAsync();
        return second;
    }
}
