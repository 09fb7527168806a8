using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Support.OAuth;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.OAuth;

/// <summary>What may be stored as a grant, and how it goes with versions.</summary>
public sealed class OAuthStoreTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("""{"oauth":{"accessToken":"a"},"value":"b"}""", "value")]
    [InlineData("{}", "value")]
    [InlineData("""{"oauth":{"accessToken":""}}""", "oauth.accessToken")]
    [InlineData("""{"oauth":{"accessToken":"a\nb"}}""", "oauth.accessToken")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r"}}""", "oauth.tokenEndpoint oauth.clientId")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"http://example.com/token"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"https://127.0.0.1/token"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"https://u:p@example.com/token"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"https://example.com/token#x"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"token"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","refreshToken":"r","clientId":"c","tokenEndpoint":"file:///etc/passwd"}}""", "oauth.tokenEndpoint")]
    [InlineData("""{"oauth":{"accessToken":"a","expiresAt":"2001-01-01T00:00:00Z"}}""", "oauth.expiresAt")]
    [InlineData("""{"oauth":{"accessToken":"a","scope":"caf\u00e9"}}""", "oauth.scope")]
    [InlineData("""{"oauth":{"accessToken":"\u0000","refreshToken":""},"name":"","value":""}""", "name value oauth.accessToken oauth.refreshToken oauth.tokenEndpoint oauth.clientId")]
    public async Task What_is_wrong_is_named_field_by_field_and_nothing_is_stored(string given, string fields)
    {
        var body = System.Text.Json.Nodes.JsonNode.Parse(given)!.AsObject();
        body.TryAdd("name", "n");
        body["provider"] = "p";
        body["type"] = "OAUTH_TOKEN";
        var problem = await app.As("wrong").SendRawAsync(HttpMethod.Post, "/v1/credentials", body.ToJsonString()).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldBe(fields.Split(' '), ignoreOrder: true, problem.ToJsonString());
        (await app.As("wrong").GetAsync("/v1/credentials", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"oauth":{"accessToken":"a","authStyle":"header"}}""")]
    [InlineData("""{"oauth":{"accessToken":"a","authStyle":1}}""")]
    [InlineData("""{"oauth":{"refreshToken":"a"}}""")]
    [InlineData("""{"oauth":{"accessToken":"a","unknown":1}}""")]
    [InlineData("""{"oauth":"a"}""")]
    public async Task What_cannot_be_read_is_refused(string given)
    {
        var body = System.Text.Json.Nodes.JsonNode.Parse(given)!.AsObject();
        (body["name"], body["provider"], body["type"]) = ("n", "p", "OAUTH_TOKEN");
        using var answer = await app.As("garbled").SendRawAsync(HttpMethod.Post, "/v1/credentials", body.ToJsonString());
        answer.StatusCode.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task A_grant_goes_with_type_OAUTH_TOKEN_alone()
    {
        var client = app.As("types");
        var problem = await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "API_KEY", oauth = new { accessToken = "a" } })
            .ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().ContainsKey("oauth").ShouldBeTrue();
        var key = (await client.StoreAsync("key", "an-api-key")).Id();
        await client.RotateGrantAsync(key, new { accessToken = "a" }).ShouldBeProblemAsync(422, "invalid_request");
        await client.PostAsync($"/v1/credentials/{key}/rotate", new { }).ShouldBeProblemAsync(422, "invalid_request");
        (await client.ValueAsync(key)).ShouldBe("an-api-key");
    }

    [Fact]
    public async Task A_bare_access_token_is_stored_as_before()
    {
        var client = app.As("bare");
        var id = (await client.StoreAsync("bare", "a-bare-access-token", "OAUTH_TOKEN")).Id();
        var answer = await client.RevealAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        answer.AsObject().Select(member => member.Key).ShouldBe(["value", "version"]);
        answer.Text("value").ShouldBe("a-bare-access-token");
        await client.GetAsync($"/v1/credentials/{id}/oauth", Ct).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task The_beginning_that_marks_the_tokens_of_a_grant_cannot_be_stored_by_hand()
    {
        var problem = await app.As("marked").SendRawAsync(HttpMethod.Post, "/v1/credentials",
            """{"name":"n","provider":"p","type":"OAUTH_TOKEN","value":"\u0000lockstep/oauth/v1\u0000\u0000\u0000\u0000\u0001a"}""")
            .ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!["value"].ShouldNotBeNull();
    }

    [Fact]
    public async Task Rotating_to_a_plain_value_ends_the_grant_and_going_back_to_a_grant_is_refused()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("versions");
        var id = (await client.StoreAsync("v", "plain-one", "OAUTH_TOKEN")).Id();
        await client.RotateGrantAsync(id, fake.Expired(fake.Grant())).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldStartWith("marker-access-");
        (await client.RotateAsync(id, "plain-two").ShouldBeAsync(HttpStatusCode.OK))["version"]!.GetValue<int>().ShouldBe(4);
        (await client.ValueAsync(id)).ShouldBe("plain-two");
        await client.GetAsync($"/v1/credentials/{id}/oauth", Ct).ShouldBeProblemAsync(404, "not_found");

        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 3 }).ShouldBeProblemAsync(409, "oauth_rollback");
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("plain-one");
        fake.Calls.ShouldBe(1);
    }

    [Fact]
    public async Task A_former_grant_within_its_grace_gives_its_access_token_and_nothing_else()
    {
        await using var fake = await FakeTokenEndpoint.StartAsync(app);
        var client = app.As("graceful-grants");
        var refresh = fake.Grant();
        var first = new
        {
            accessToken = "marker-former-access",
            refreshToken = refresh,
            expiresAt = "2100-01-01T00:00:00Z",
            tokenEndpoint = fake.Address,
            clientId = FakeTokenEndpoint.ClientId,
            clientSecret = FakeTokenEndpoint.ClientSecret,
        };
        var id = await client.StoreGrantAsync(first);
        await client.PostAsync($"/v1/credentials/{id}/rotate", new { oauth = fake.Expired(fake.Grant()), expectedVersion = 1, graceSeconds = 3600 })
            .ShouldBeAsync(HttpStatusCode.OK);

        var former = await client.PostAsync($"/v1/credentials/{id}/reveal", new { purpose = "a test", version = 1 }).ShouldBeAsync(HttpStatusCode.OK);

        former.Text("value").ShouldBe("marker-former-access");
        former["version"]!.GetValue<int>().ShouldBe(1);
        former.AsObject().Select(member => member.Key).ShouldBe(["value", "version"]);
        fake.Calls.ShouldBe(0);
        // The current one is due: naming its version refreshes it, which makes another version.
        var current = await client.PostAsync($"/v1/credentials/{id}/reveal", new { purpose = "a test", version = 2 }).ShouldBeAsync(HttpStatusCode.OK);
        current["version"]!.GetValue<int>().ShouldBe(3);
        current.Text("value").ShouldStartWith("marker-access-");
        fake.Calls.ShouldBe(1);
        // Without grace it stays closed; what was held back until it was fresh is one access, and no refusal.
        await client.RotateAsync(id, "plain").ShouldBeAsync(HttpStatusCode.OK);
        await client.PostAsync($"/v1/credentials/{id}/reveal", new { purpose = "a test", version = 3 }).ShouldBeProblemAsync(409, "version_retired");
        (await client.ActionsAsync(id)).ShouldBe(
        [
            "CREDENTIAL_CREATED", "CREDENTIAL_ROTATED", "CREDENTIAL_ACCESSED", "CREDENTIAL_REFRESHED", "CREDENTIAL_ACCESSED", "CREDENTIAL_ROTATED",
            "CREDENTIAL_REFUSED",
        ]);
    }

    [Fact]
    public async Task Of_many_rotations_with_a_grant_at_once_exactly_one_wins_a_version()
    {
        var client = app.As("rotations");
        var id = await client.StoreGrantAsync(new { accessToken = "first" });
        var codes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            using var answer = await client.PostAsync($"/v1/credentials/{id}/rotate", new { oauth = new { accessToken = $"t{i}" }, expectedVersion = 1 });
            return answer.StatusCode;
        }));
        codes.Count(code => code == HttpStatusCode.OK).ShouldBe(1);
        codes.Count(code => code == HttpStatusCode.Conflict).ShouldBe(19);
        (await app.ScalarAsync<int>("SELECT g.version FROM lockstep.oauth_grants g WHERE g.credential_id = $1", id)).ShouldBe(2);
        (await client.ValueAsync(id)).ShouldStartWith("t");
    }

    [Theory]
    [InlineData("DELETE FROM lockstep.oauth_grants WHERE credential_id = $1 RETURNING 1")]
    [InlineData("UPDATE lockstep.oauth_grants SET version = 7 WHERE credential_id = $1 RETURNING 1")]
    public async Task A_row_that_was_tampered_with_never_has_its_refresh_token_released(string tampering)
    {
        var client = app.As("tampered");
        var id = await client.StoreGrantAsync(
            new { accessToken = "a", refreshToken = "marker-refresh", clientId = "c", tokenEndpoint = "https://example.com/token" }, $"t{tampering.Length}");
        (await client.ValueAsync(id)).ShouldBe("a");
        await app.ScalarAsync<object>(tampering, id);
        (await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure")).ToJsonString().ShouldNotContain("marker-");
    }

    [Fact]
    public async Task A_grant_beside_a_plain_value_is_an_integrity_failure_too()
    {
        var client = app.As("grafted");
        var id = (await client.StoreAsync("p", "plain", "OAUTH_TOKEN")).Id();
        await app.ScalarAsync<object>("INSERT INTO lockstep.oauth_grants (credential_id, version, has_refresh_token) VALUES ($1, 1, false) RETURNING 1", id);
        await client.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
    }

    [Fact]
    public async Task Deleting_a_credential_deletes_its_grant()
    {
        var client = app.As("deletes");
        var id = await client.StoreGrantAsync(new { accessToken = "a" });
        using (var gone = await client.DeleteAsync($"/v1/credentials/{id}", Ct))
            gone.StatusCode.ShouldBe(HttpStatusCode.NoContent);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.oauth_grants WHERE credential_id = $1", id)).ShouldBe(0);
    }
}
