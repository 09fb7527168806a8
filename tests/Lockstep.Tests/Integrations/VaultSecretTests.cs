using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Postgres;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Integrations that sign in with a secret of the SQL vault (settled, 18).</summary>
public sealed class VaultSecretTests(SyncedApp synced) : IClassFixture<SyncedApp>, IAsyncLifetime
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => await Admin(
        """
        CREATE OR REPLACE FUNCTION lockstep.root_key() RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
        $$ BEGIN RETURN 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='; END $$
        """);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task The_service_role_names_one_for_a_user_and_each_run_is_a_row_of_the_access_log()
    {
        await synced.Alice.MakeCalendarAsync("vaulted", Ct);
        await synced.Alice.PutAsync("vaulted/a.ics", DavProbe.Event("vaulted@example.com", "By the vault"), Ct);
        var user = synced.App.As("vaulted");
        await user.GetAsync("/v1/integrations", Ct);
        var secret = await Store("alicepw");
        var service = synced.App.AsService(synced.App.UserId("vaulted"));

        var made = await Connect(service, secret, "/alice/vaulted/").ShouldBeAsync(HttpStatusCode.Created);

        made["hasSecret"]!.GetValue<bool>().ShouldBeTrue();
        made["credentialId"].ShouldBeNull();
        await user.SyncedAsync(made.Id());
        (await user.SummariesAsync()).ShouldBe(["By the vault"]);
        (await Admin("SELECT count(*) FROM vault.vault_access_log WHERE secret_id = $1 AND integration_id = $2", secret, made.Id())).ShouldBeOfType<long>().ShouldBeGreaterThan(0);
        (await Admin("SELECT count(*) FROM vault.vault_access_log WHERE secret_id = $1 AND \"session_user\" <> 'lockstep_service'", secret)).ShouldBe(0L);
    }

    [Fact]
    public async Task A_user_names_his_own_and_everything_else_answers_like_an_unknown_id()
    {
        await synced.Alice.MakeCalendarAsync("owned", Ct);
        var (owner, other) = (synced.App.As("vault-owner"), synced.App.As("vault-other"));
        await owner.GetAsync("/v1/integrations", Ct);
        await other.GetAsync("/v1/integrations", Ct);
        var (his, nobodys) = (await Store("alicepw"), await Store("alicepw"));
        await Admin("SELECT vault.set_secret_owner($1, $2)", his, synced.App.UserId("vault-owner"));

        var unknown = await (await Connect(owner, Guid.CreateVersion7(), "/alice/owned/")).Content.ReadAsStringAsync(Ct);
        await Connect(other, his, "/alice/owned/").ShouldBeProblemAsync(404, "not_found");
        await Connect(owner, nobodys, "/alice/owned/").ShouldBeProblemAsync(404, "not_found");
        Code(await (await Connect(other, his, "/alice/owned/")).Content.ReadAsStringAsync(Ct)).ShouldBe(Code(unknown));
        await Connect(synced.App.AsService(synced.App.UserId("vault-owner")), Guid.CreateVersion7(), "/alice/owned/").ShouldBeProblemAsync(404, "not_found");

        var made = await Connect(owner, his, "/alice/owned/").ShouldBeAsync(HttpStatusCode.Created);
        made.Id("vaultSecretId").ShouldBe(his);
        await owner.PatchAsync(made.Id(), $$"""{"vaultSecretId":"{{nobodys}}"}""").ShouldBeProblemAsync(404, "not_found");
        await owner.PatchAsync(made.Id(), """{"config":{"url":"https://other.example/"} }""").ShouldBeProblemAsync(422, "secret_required");
        await owner.PatchAsync(made.Id(), $$"""{"vaultSecretId":"{{his}}","secret":"x"}""").ShouldBeProblemAsync(422, "invalid_request");
        var changed = await owner.PatchAsync(made.Id(), """{"secret":"alicepw"}""").ShouldBeAsync(HttpStatusCode.OK);
        changed["vaultSecretId"].ShouldBeNull();
        changed["credentialId"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_wrong_value_pauses_it_a_rotation_ends_the_pause_and_a_deletion_stops_it()
    {
        await synced.Alice.MakeCalendarAsync("rotated", Ct);
        var user = synced.App.As("vault-rotating");
        await user.GetAsync("/v1/integrations", Ct);
        var secret = await Store("not the password");
        await Admin("SELECT vault.set_secret_owner($1, $2)", secret, synced.App.UserId("vault-rotating"));
        var made = await Connect(user, secret, "/alice/rotated/").ShouldBeAsync(HttpStatusCode.Created);
        await user.UntilAsync(made.Id(), integration => Is(integration, "pausedReason", "unauthorized"));

        await Admin("SELECT vault.rotate_credential($1, 'alicepw')", secret);
        await user.UntilAsync(made.Id(), integration => integration["pausedReason"] is null);
        await user.SyncedAsync(made.Id());

        await Admin("SELECT vault.delete_credential($1)", secret);
        var stopped = await user.IntegrationAsync(made.Id());
        stopped.Text("status").ShouldBe("error");
        stopped.Text("lastSyncErrorCode").ShouldBe("credential_revoked");
    }

    [Fact]
    public async Task Without_its_root_key_a_run_says_that_the_vault_is_locked_and_is_tried_again()
    {
        await synced.Alice.MakeCalendarAsync("locked", Ct);
        var user = synced.App.As("vault-locked");
        await user.GetAsync("/v1/integrations", Ct);
        var secret = await Store("alicepw");
        await Admin("SELECT vault.set_secret_owner($1, $2)", secret, synced.App.UserId("vault-locked"));
        await Admin("UPDATE vault.secrets SET key_fingerprint = '0123456789abcdef' WHERE id = $1", secret);
        var made = await Connect(user, secret, "/alice/locked/").ShouldBeAsync(HttpStatusCode.Created);
        var failed = await user.UntilAsync(made.Id(), integration => Is(integration, "lastSyncErrorCode", "vault_locked"));
        failed["pausedReason"].ShouldBeNull();
        // A vault whose only secret is under another key takes no new ones: the other tests share this database.
        await Admin("SELECT vault.delete_credential($1)", secret);
    }

    private static bool Is(JsonNode integration, string member, string value) => integration[member]?.GetValue<string>() == value;

    private static string Code(string problem) => JsonNode.Parse(problem)!.Text("code") + JsonNode.Parse(problem)!.Text("detail");

    private Task<HttpResponseMessage> Connect(HttpClient client, Guid secret, string path) => client.PostAsync("/v1/integrations", new
    {
        integrationType = "caldav",
        config = new { url = synced.Radicale.Url, username = "alice", calendarPath = path },
        vaultSecretId = secret,
        syncSchedule = new { intervalSeconds = 3600 },
    });

    private async Task<Guid> Store(string value)
    {
        await using var connection = await synced.App.ConnectAsync(Roles.Service);
        await using var command = new NpgsqlCommand("SELECT vault.store_credential('caldav', $1)", connection) { Parameters = { new() { Value = value } } };
        return (Guid)(await command.ExecuteScalarAsync(Ct))!;
    }

    private async Task<object?> Admin(string sql, params object[] values)
    {
        await using var connection = await synced.App.ConnectAsync();
#pragma warning disable CA2100 // Written above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return await command.ExecuteScalarAsync(Ct);
    }
}
