using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class CredentialVersionTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task A_replaced_value_within_its_grace_is_revealed_to_who_asks_for_its_version()
    {
        var client = app.As("graceful");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        await RotateAsync(client, id, "value-number-two-0002", graceSeconds: 3600).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("value-number-two-0002");
        var former = await RevealAsync(client, id, version: 1).ShouldBeAsync(HttpStatusCode.OK);
        (former.Text("value"), former["version"]!.GetValue<int>()).ShouldBe(("value-number-one-0001", 1));
        (await RevealAsync(client, id, version: 2).ShouldBeAsync(HttpStatusCode.OK)).Text("value").ShouldBe("value-number-two-0002");
        var versions = (await client.GetAsync($"/v1/credentials/{id}/versions").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        versions[0]!["graceUntil"].ShouldBeNull();
        DateTimeOffset.Parse(versions[1]!.Text("graceUntil"), null).ShouldBe(TimeProvider.System.GetUtcNow().AddHours(1), TimeSpan.FromMinutes(2));
        var accessed = await LinesAsync(client, id, "CREDENTIAL_ACCESSED");
        accessed.Select(line => line["version"]!.GetValue<int>()).ShouldBe([2, 1, 2]);
        (await LinesAsync(client, id, "CREDENTIAL_ROTATED")).Single()["graceUntil"].ShouldNotBeNull();
        await RevealAsync(app.As("graceless-stranger"), id, version: 1).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task Without_grace_or_after_it_a_former_value_stays_closed_and_the_refusal_is_in_the_audit()
    {
        var client = app.As("strict");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        await client.RotateAsync(id, "value-number-two-0002").ShouldBeAsync(HttpStatusCode.OK);
        await RevealAsync(client, id, version: 1).ShouldBeProblemAsync(409, "version_retired");
        await RotateAsync(client, id, "value-number-three-0003", graceSeconds: 60).ShouldBeAsync(HttpStatusCode.OK);
        await RevealAsync(client, id, version: 2).ShouldBeAsync(HttpStatusCode.OK);
        await Run("UPDATE lockstep.credential_versions SET grace_until = now() - interval '1 second' WHERE credential_id = $1 AND version = 2", id);
        await RevealAsync(client, id, version: 2).ShouldBeProblemAsync(409, "version_retired");
        await RevealAsync(client, id, version: 9).ShouldBeProblemAsync(422, "invalid_request");
        (await LinesAsync(client, id, "CREDENTIAL_REFUSED")).Select(line => (line["version"]!.GetValue<int>(), line.Text("reason")))
            .ShouldBe([(1, "version_retired"), (2, "version_retired"), (9, "unknown_version")]);
        // Rollback needs no grace.
        await client.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        (await client.ValueAsync(id)).ShouldBe("value-number-one-0001");
    }

    [Fact]
    public async Task Revoking_ends_every_grace_and_refused_reveals_say_why_in_the_audit()
    {
        var client = app.As("revoker");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        await RotateAsync(client, id, "value-number-two-0002", graceSeconds: 3600).ShouldBeAsync(HttpStatusCode.OK);
        await client.PostAsync($"/v1/credentials/{id}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);
        await RevealAsync(client, id, version: 1).ShouldBeProblemAsync(409, "credential_revoked");
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_revoked");
        (await LinesAsync(client, id, "CREDENTIAL_REFUSED")).Select(line => (line.Text("reason"), line.Text("purpose")))
            .ShouldBe([("revoked", "a test"), ("revoked", "a test")]);

        var expired = (await client.StoreAsync("expired", "value-number-one-0001")).Id();
        await Run("UPDATE lockstep.credentials SET expires_at = now() - interval '1 minute' WHERE id = $1", expired);
        await client.RevealAsync(expired).ShouldBeProblemAsync(409, "credential_expired");
        (await LinesAsync(client, expired, "CREDENTIAL_REFUSED")).Single().Text("reason").ShouldBe("expired");
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(2_592_001)]
    public async Task A_grace_is_at_most_thirty_days(int seconds)
    {
        var client = app.As($"bounded{seconds}");
        var id = (await client.StoreAsync("k", "value-number-one-0001")).Id();
        var problem = await RotateAsync(client, id, "next", seconds).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Single().Key.ShouldBe("graceSeconds");
        (await client.ValueAsync(id)).ShouldBe("value-number-one-0001");
    }

    [Fact]
    public async Task Lists_are_filtered_by_name_and_by_what_is_revoked_or_expired()
    {
        var client = app.As("filterer");
        var alive = (await client.StoreAsync("alive", "a-secret-value")).Id();
        var revoked = (await client.StoreAsync("revoked", "a-secret-value")).Id();
        await client.PostAsync($"/v1/credentials/{revoked}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);
        var expired = (await client.StoreAsync("expired", "a-secret-value")).Id();
        await Run("UPDATE lockstep.credentials SET expires_at = now() - interval '1 day' WHERE id = $1", expired);
        var soon = (await client.StoreAsync("soon", "a-secret-value")).Id();
        await Run("UPDATE lockstep.credentials SET expires_at = now() + interval '1 day' WHERE id = $1", soon);

        (await IdsAsync(client, "active=true")).ShouldBe([alive, expired, soon]);
        (await IdsAsync(client, "active=false")).ShouldBe([revoked]);
        (await IdsAsync(client, "expired=true")).ShouldBe([expired]);
        (await IdsAsync(client, "expired=false&active=true")).ShouldBe([alive, soon]);
        (await IdsAsync(client, $"expiresBefore={TimeProvider.System.GetUtcNow().AddDays(2):yyyy-MM-ddTHH:mm:ssZ}")).ShouldBe([expired, soon]);
        (await IdsAsync(client, "name=soon&provider=stripe")).ShouldBe([soon]);
        (await IdsAsync(client, "name=so")).ShouldBeEmpty();
        await client.GetAsync("/v1/credentials?expiresBefore=soon").ShouldBeProblemAsync(422, "invalid_request");
    }

    [Fact]
    public async Task Everything_of_a_workspace_is_revoked_by_one_call_of_an_admin_and_its_integrations_stop()
    {
        var owner = app.As("ws-owner");
        var workspace = (await owner.PostAsync("/v1/workspaces", new { name = "leaky" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await app.As("ws-member").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await owner.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("ws-member"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var first = (await owner.StoreForAsync(workspace, "first", "a-secret-value")).Id();
        await owner.StoreForAsync(workspace, "second", "a-secret-value");
        var own = (await owner.StoreAsync("own", "a-secret-value")).Id();
        await Run("INSERT INTO lockstep.integrations (id, workspace_id, integration_type, label, external_username, credential_id, config) VALUES (gen_random_uuid(), (SELECT workspace_id FROM lockstep.credentials WHERE id = $1), 'caldav', 'Shared', 'me', $1, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))", first);

        var path = $"/v1/workspaces/{workspace}/revoke-credentials";
        await app.As("ws-member").PostAsync(path, new { }).ShouldBeProblemAsync(404, "not_found");
        await app.As("ws-stranger").PostAsync(path, new { }).ShouldBeProblemAsync(404, "not_found");
        await owner.PostAsync(path, new { reason = "line\nbreak" }).ShouldBeProblemAsync(422, "invalid_request");
        (await owner.PostAsync(path, new { reason = "leaked" }).ShouldBeAsync(HttpStatusCode.OK))["revoked"]!.GetValue<int>().ShouldBe(2);
        (await owner.PostAsync(path, new { }).ShouldBeAsync(HttpStatusCode.OK))["revoked"]!.GetValue<int>().ShouldBe(0);
        await owner.RevealAsync(first).ShouldBeProblemAsync(409, "credential_revoked");
        (await owner.ValueAsync(own)).ShouldBe("a-secret-value");
        (await app.ScalarAsync<string>("SELECT status || ' ' || paused_reason FROM lockstep.integrations WHERE credential_id = $1", first)).ShouldBe("error credential_revoked");
        (await LinesAsync(owner, first, "CREDENTIAL_REVOKED")).Single().Text("reason").ShouldBe("leaked");
        (await LinesAsync(owner, workspace, "CREDENTIALS_REVOKED")).Select(line => line["credentials"]!.GetValue<int>()).ShouldBe([2, 0]);
    }

    [Fact]
    public async Task A_user_who_revokes_everything_of_his_is_told_to_the_admins_of_his_workspaces()
    {
        var boss = app.As("boss");
        var workspace = (await boss.PostAsync("/v1/workspaces", new { name = "firm" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var client = app.As("leaver");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await boss.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId("leaver"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var shared = (await boss.StoreForAsync(workspace, "shared", "a-secret-value")).Id();

        (await client.PostAsync("/v1/users/me/revoke-credentials", new { reason = "laptop stolen" }).ShouldBeAsync(HttpStatusCode.OK))["revoked"]!.GetValue<int>().ShouldBe(1);
        await client.RevealAsync(id).ShouldBeProblemAsync(409, "credential_revoked");
        (await boss.ValueAsync(shared)).ShouldBe("a-secret-value");
        var told = (await LinesAsync(boss, app.UserId("leaver"), "MEMBER_CREDENTIALS_REVOKED")).Single();
        (told["credentials"]!.GetValue<int>(), told.Text("reason")).ShouldBe((1, "laptop stolen"));
        (await LinesAsync(boss, id, "CREDENTIAL_REVOKED")).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_rotated_credential_ends_the_pause_of_an_integration_that_was_refused()
    {
        var client = app.As("paused");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await Run("INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, credential_id, status, paused_reason, failures, config) VALUES (gen_random_uuid(), (SELECT user_id FROM lockstep.credentials WHERE id = $1), 'caldav', 'Mine', 'me', $1, 'error', 'unauthorized', 3, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))", id);
        await client.RotateAsync(id, "another-secret-value").ShouldBeAsync(HttpStatusCode.OK);
        (await app.ScalarAsync<bool>("SELECT paused_reason IS DISTINCT FROM 'unauthorized' FROM lockstep.integrations WHERE credential_id = $1", id)).ShouldBeTrue();
    }

    private static Task<HttpResponseMessage> RotateAsync(HttpClient client, Guid id, string value, int graceSeconds) =>
        client.PostAsync($"/v1/credentials/{id}/rotate", new { value, graceSeconds });

    private static Task<HttpResponseMessage> RevealAsync(HttpClient client, Guid id, int version) =>
        client.PostAsync($"/v1/credentials/{id}/reveal", new { purpose = "a test", version });

    private static async Task<List<JsonNode>> LinesAsync(HttpClient client, Guid entity, string action)
    {
        var page = await client.GetAsync($"/v1/activity?entityId={entity}&action={action}&limit=200").ShouldBeAsync(HttpStatusCode.OK);
        return [.. page["items"]!.AsArray().Select(line => line!["details"]!).Reverse()];
    }

    private static async Task<Guid[]> IdsAsync(HttpClient client, string query) =>
        [.. (await client.GetAsync($"/v1/credentials?{query}").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Select(item => item!.Id())];

    private async Task Run(string sql, Guid id)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written above.
        await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new() { Value = id } } };
#pragma warning restore CA2100
        (await command.ExecuteNonQueryAsync()).ShouldBe(1);
    }
}
