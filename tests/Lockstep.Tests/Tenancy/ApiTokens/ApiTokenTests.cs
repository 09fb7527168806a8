using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Tenancy.ApiTokens;

public sealed class ApiTokenTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly string[] CredentialScopes = ["credentials:read-metadata", "credentials:reveal", "credentials:write"];

    [Fact]
    public async Task A_token_acts_as_its_user_is_told_once_and_the_audit_names_both()
    {
        var owner = app.As("maker");
        var id = (await owner.StoreAsync("k", "a-secret-value")).Id();
        using var made = await owner.PostAsync("/v1/api-tokens", new { name = "ci", scopes = CredentialScopes });
        made.Headers.CacheControl!.NoStore.ShouldBeTrue();
        var answer = System.Text.Json.Nodes.JsonNode.Parse(await made.Content.ReadAsStringAsync())!;
        var token = answer.Text("token");
        var tokenId = answer["apiToken"]!.Id();
        answer["apiToken"]!.Text("hint").ShouldBe(token[^4..]);

        (await app.With(token).ValueAsync(id)).ShouldBe("a-secret-value");
        var line = (await owner.GetAsync($"/v1/activity?entityId={id}&action=CREDENTIAL_ACCESSED").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line.Text("actor").ShouldBe($"token:{tokenId} of user:{app.UserId("maker")}");
        line.Id("actorUser").ShouldBe(app.UserId("maker"));

        var listed = await owner.GetAsync("/v1/api-tokens").ShouldBeAsync(HttpStatusCode.OK);
        listed.ToJsonString().ShouldNotContain(token);
        listed["items"]![0]!["lastUsedAt"].ShouldNotBeNull();
        (await owner.ActionsAsync(tokenId)).ShouldBe(["API_TOKEN_CREATED"]);
        (await app.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM lockstep.api_tokens t WHERE t::text LIKE '%' || $1 || '%') + (SELECT count(*) FROM lockstep.activity_log l WHERE l::text LIKE '%' || $1 || '%')",
            token[4..30])).ShouldBe(0);
    }

    [Fact]
    public async Task A_call_beyond_the_scopes_is_403_and_names_the_scope()
    {
        var owner = app.As("narrow");
        var id = (await owner.StoreAsync("k", "a-secret-value")).Id();
        var (reader, _) = await app.WithTokenAsync(owner, "credentials:read-metadata");
        await reader.GetAsync($"/v1/credentials/{id}").ShouldBeAsync(HttpStatusCode.OK);
        (await reader.RevealAsync(id).ShouldBeProblemAsync(403, "scope_required")).Text("scope").ShouldBe("credentials:reveal");
        (await reader.RotateAsync(id, "x").ShouldBeProblemAsync(403, "scope_required")).Text("scope").ShouldBe("credentials:write");
        (await reader.GetAsync("/v1/activity").ShouldBeProblemAsync(403, "scope_required")).Text("scope").ShouldBe("activity:read");
        (await reader.GetAsync("/v1/events?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z").ShouldBeProblemAsync(403, "scope_required")).Text("scope").ShouldBe("events:read");
        (await reader.PostAsync("/v1/sync/notes/push", new { clientId = "c", mutations = Array.Empty<object>() }).ShouldBeProblemAsync(403, "scope_required")).Text("scope").ShouldBe("sync");
        (await owner.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED"]);
        var (revealer, _) = await app.WithTokenAsync(owner, "credentials:reveal");
        (await revealer.ValueAsync(id)).ShouldBe("a-secret-value");
        await revealer.GetAsync("/v1/credentials").ShouldBeProblemAsync(403, "scope_required");
    }

    [Fact]
    public async Task No_scope_lets_a_token_make_tokens_manage_members_or_delete_its_user()
    {
        var owner = app.As("ruler");
        var workspace = await owner.WorkspaceAsync();
        var (all, id) = await app.WithTokenAsync(owner, [.. Server.Http.TokenScopes.All]);
        await all.PostAsync("/v1/api-tokens", new { name = "more", scopes = CredentialScopes }).ShouldBeProblemAsync(403, "token_not_allowed");
        await all.GetAsync("/v1/api-tokens").ShouldBeProblemAsync(403, "token_not_allowed");
        await all.DeleteAsync($"/v1/api-tokens/{id}").ShouldBeProblemAsync(403, "token_not_allowed");
        await all.PostAsync($"/v1/workspaces/{workspace}/members", new { email = "x@example.com", role = "admin" }).ShouldBeProblemAsync(403, "token_not_allowed");
        await all.DeleteAsync("/v1/users/me").ShouldBeProblemAsync(403, "token_not_allowed");
        await all.GetAsync("/v1/provider").ShouldBeProblemAsync(403, "token_not_allowed");
        // What anybody may call, a token may too.
        await all.GetAsync("/health/live").ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_revoked_token_is_refused_at_once_and_only_the_first_revocation_is_audited()
    {
        var owner = app.As("revoker");
        var (client, id) = await app.WithTokenAsync(owner, CredentialScopes);
        await client.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK);
        await app.As("somebody-else").DeleteAsync($"/v1/api-tokens/{id}").ShouldBeProblemAsync(404, "not_found");
        await client.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK);
        await owner.DeleteAsync($"/v1/api-tokens/{id}").ShouldBeAsync(HttpStatusCode.NoContent);
        await owner.DeleteAsync($"/v1/api-tokens/{id}").ShouldBeAsync(HttpStatusCode.NoContent);
        await client.GetAsync("/v1/credentials").ShouldBeProblemAsync(401, "token_revoked");
        (await owner.ActionsAsync(id)).ShouldBe(["API_TOKEN_CREATED", "API_TOKEN_REVOKED"]);
        await owner.DeleteAsync($"/v1/api-tokens/{Guid.CreateVersion7()}").ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task An_expired_an_unknown_and_a_mistyped_token_are_refused()
    {
        var owner = app.As("expirer");
        var made = await owner.MakeTokenAsync(new { name = "short", scopes = CredentialScopes, expiresAt = "2090-01-01T00:00:00Z" });
        await app.ScalarAsync<Guid>("UPDATE lockstep.api_tokens SET expires_at = now() - interval '1 second' WHERE id = $1 RETURNING id", made["apiToken"]!.Id());
        await app.With(made.Text("token")).GetAsync("/v1/credentials").ShouldBeProblemAsync(401, "token_expired");
        await app.With(Server.Tenancy.ApiTokens.ApiTokenText.New()).GetAsync("/v1/credentials").ShouldBeProblemAsync(401, "token_invalid");
        await app.With(made.Text("token")[..^1]).GetAsync("/v1/credentials").ShouldBeProblemAsync(401, "token_invalid");
        await app.With("lks_").GetAsync("/v1/credentials").ShouldBeProblemAsync(401, "token_invalid");
    }

    [Fact]
    public async Task What_is_wrong_with_a_new_token_is_said_all_at_once_and_nothing_is_made()
    {
        var owner = app.As("wrong");
        var problem = await owner.PostAsync("/v1/api-tokens", new
        {
            name = " ",
            scopes = new[] { "credentials:reveal", "everything" },
            expiresAt = "2001-01-01T00:00:00Z",
            credentialIds = Array.Empty<Guid>(),
        }).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["name", "scopes[1]", "expiresAt", "credentialIds"], ignoreOrder: true);
        await owner.PostAsync("/v1/api-tokens", new { name = "n", scopes = Array.Empty<string>() }).ShouldBeProblemAsync(422, "invalid_request");
        await owner.PostAsync("/v1/api-tokens", new { name = "n", scopes = new[] { "sync" }, providers = new[] { "stripe" } }).ShouldBeProblemAsync(422, "invalid_request");
        await owner.PostAsync("/v1/api-tokens", new { name = "n", scopes = CredentialScopes, credentialIds = new[] { Guid.CreateVersion7() } }).ShouldBeProblemAsync(422, "invalid_request");
        await owner.PostAsync("/v1/api-tokens", new { name = "n", scopes = CredentialScopes, workspaceId = Guid.CreateVersion7() }).ShouldBeProblemAsync(404, "not_found");
        (await owner.GetAsync("/v1/api-tokens").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_workspaces_token_sees_that_workspace_alone_and_outlives_the_admin_who_made_it()
    {
        var (owner, admin) = (app.As("ws-owner"), app.As("ws-admin"));
        var (workspace, other) = (await owner.WorkspaceAsync(), await owner.WorkspaceAsync("Other"));
        await admin.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        foreach (var space in new[] { workspace, other })
            await owner.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("ws-admin"), role = "admin" }).ShouldBeAsync(HttpStatusCode.OK);
        var shared = (await owner.StoreForAsync(workspace, "shared", "a-shared-value")).Id();
        var elsewhere = (await owner.StoreForAsync(other, "elsewhere", "another-value")).Id();
        var personal = (await admin.StoreAsync("personal", "a-personal-value")).Id();
        await admin.PostAsync("/v1/api-tokens", new { name = "n", workspaceId = workspace, scopes = new[] { "events:read" } }).ShouldBeProblemAsync(422, "invalid_request");
        var made = await admin.MakeTokenAsync(new { name = "deploy", workspaceId = workspace, scopes = CredentialScopes });
        var token = app.With(made.Text("token"));

        (await token.ValueAsync(shared)).ShouldBe("a-shared-value");
        await token.RevealAsync(elsewhere).ShouldBeProblemAsync(404, "not_found");
        await token.RevealAsync(personal).ShouldBeProblemAsync(404, "not_found");
        (await token.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!.Id().ShouldBe(shared);
        var stored = await token.StoreForAsync(workspace, "by-token", "x");
        stored["createdBy"].ShouldBeNull();
        await token.PostAsync("/v1/credentials", new { name = "mine", provider = "p", type = "SECRET", value = "x" }).ShouldBeProblemAsync(422, "invalid_request");
        await token.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "x", scope = "WORKSPACE", workspaceId = other }).ShouldBeProblemAsync(404, "not_found");
        var line = (await owner.GetAsync($"/v1/activity?entityId={stored.Id()}").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line.Text("actor").ShouldBe($"token:{made["apiToken"]!.Id()} of workspace:{workspace}");

        await owner.DeleteAsync($"/v1/workspaces/{workspace}/members/{app.UserId("ws-admin")}").ShouldBeAsync(HttpStatusCode.NoContent);
        (await token.ValueAsync(shared)).ShouldBe("a-shared-value");
        (await admin.GetAsync("/v1/api-tokens").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(0);
        await admin.DeleteAsync($"/v1/api-tokens/{made["apiToken"]!.Id()}").ShouldBeProblemAsync(404, "not_found");
        await owner.DeleteAsync($"/v1/api-tokens/{made["apiToken"]!.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        await token.RevealAsync(shared).ShouldBeProblemAsync(401, "token_revoked");
    }

    [Fact]
    public async Task Revoked_behind_a_nodes_back_a_workspaces_token_sees_nothing_at_once()
    {
        var owner = app.As("behind");
        var workspace = await owner.WorkspaceAsync();
        var shared = (await owner.StoreForAsync(workspace, "shared", "a-shared-value")).Id();
        var made = await owner.MakeTokenAsync(new { name = "deploy", workspaceId = workspace, scopes = CredentialScopes });
        var token = app.With(made.Text("token"));
        (await token.ValueAsync(shared)).ShouldBe("a-shared-value");
        await app.ScalarAsync<Guid>("UPDATE lockstep.api_tokens SET revoked_at = now() WHERE id = $1 RETURNING id", made["apiToken"]!.Id());
        await token.RevealAsync(shared).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task A_token_limited_to_credentials_or_providers_reaches_no_other()
    {
        var owner = app.As("limiter");
        var (one, two) = ((await owner.StoreAsync("one", "value-1")).Id(), (await owner.StoreAsync("two", "value-2", provider: "paypal")).Id());
        var byId = app.With((await owner.MakeTokenAsync(new { name = "id", scopes = CredentialScopes, credentialIds = new[] { one } })).Text("token"));
        (await byId.ValueAsync(one)).ShouldBe("value-1");
        foreach (var call in CredentialCalls.EveryVerb(two))
            await call(byId).ShouldBeProblemAsync(404, "not_found");
        (await byId.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Single()!.Id().ShouldBe(one);
        await byId.PostAsync("/v1/credentials", new { name = "new", provider = "stripe", type = "SECRET", value = "x" }).ShouldBeProblemAsync(422, "invalid_request");

        var byProvider = app.With((await owner.MakeTokenAsync(new { name = "provider", scopes = CredentialScopes, providers = new[] { "paypal" } })).Text("token"));
        await byProvider.RevealAsync(one).ShouldBeProblemAsync(404, "not_found");
        (await byProvider.ValueAsync(two)).ShouldBe("value-2");
        await byProvider.StoreAsync("three", "value-3", provider: "paypal");
        await byProvider.PostAsync("/v1/credentials", new { name = "new", provider = "stripe", type = "SECRET", value = "x" }).ShouldBeProblemAsync(422, "invalid_request");
        (await owner.ValueAsync(one)).ShouldBe("value-1");
    }
}
