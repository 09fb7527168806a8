using System.Net;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault.Keys;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>Somebody who writes to the tables past us moves what is sealed to where he may read it. Rows, tenants, versions and tags are in <see cref="CredentialSealTests"/>.</summary>
public sealed class CiphertextAttackTests(LockstepApp app, PostgresServer postgres) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task A_value_moved_to_another_scope_of_the_same_person_does_not_open()
    {
        var owner = app.As("scopes");
        var workspace = (await owner.PostAsync("/v1/workspaces", new { name = "W", slug = "w-scopes" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var personal = (await owner.StoreAsync("k", "a-secret-of-the-user")).Id();
        await ExecuteAsync(app, "UPDATE lockstep.credentials SET scope = 'WORKSPACE', user_id = NULL, workspace_id = $2 WHERE id = $1", personal, workspace);
        (await owner.RevealAsync(personal).ShouldBeProblemAsync(422, "integrity_failure")).ToJsonString().ShouldNotContain("a-secret");
        await ExecuteAsync(app, "UPDATE lockstep.credentials SET scope = 'SYSTEM', user_id = NULL, workspace_id = NULL WHERE id = $1", personal);
        await app.AsService().RevealAsync(personal).ShouldBeProblemAsync(422, "integrity_failure");

        var shared = (await owner.StoreForAsync(workspace, "shared", "a-secret-of-the-workspace")).Id();
        await ExecuteAsync(app, "UPDATE lockstep.credentials SET scope = 'USER', user_id = $2, workspace_id = NULL WHERE id = $1", shared, app.UserId("scopes"));
        await owner.RevealAsync(shared).ShouldBeProblemAsync(422, "integrity_failure");
    }

    [Fact]
    public async Task What_is_sealed_for_another_field_of_the_same_tenant_does_not_open_as_a_value()
    {
        var owner = app.As("fields-of-one");
        var id = (await owner.StoreAsync("k", "a-value-to-overwrite")).Id();
        var webhook = (await owner.PostAsync("/v1/webhooks", new { url = "https://hooks.example.com/x", events = new[] { "credential.created" } })
            .ShouldBeAsync(HttpStatusCode.Created))["webhook"]!.Id();
        // The same data key seals both: only the field tells them apart.
        (await app.ScalarAsync<bool>("SELECT s.data_key_id = c.data_key_id FROM lockstep.webhook_secrets s, lockstep.credentials c WHERE s.webhook_id = $1 AND c.id = $2", webhook, id)).ShouldBeTrue();
        await ExecuteAsync(app,
            "UPDATE lockstep.credentials c SET encrypted_value = s.encrypted_value, key_version = s.key_version, format = s.format, version = s.version FROM lockstep.webhook_secrets s WHERE c.id = $1 AND s.webhook_id = $2",
            id, webhook);
        await owner.RevealAsync(id).ShouldBeProblemAsync(422, "integrity_failure");
        // Not even under the id that it was sealed for.
        await ExecuteAsync(app, "UPDATE lockstep.credentials SET id = $2 WHERE id = $1", id, webhook);
        await owner.RevealAsync(webhook).ShouldBeProblemAsync(422, "integrity_failure");
    }

    [Fact]
    public async Task A_value_of_Transit_replaced_by_a_local_one_does_not_open_nor_the_other_way_round()
    {
        await using var both = await TransitApp.StartAsync(postgres, options => options with { Direct = true });
        var client = both.App.As("u");
        var remote = (await client.StoreAsync("remote", "sealed-by-transit-itself")).Id();
        await both.Transit.StopAsync();
        var local = (await client.StoreAsync("local", "sealed-in-its-stead")).Id();
        (await both.App.ScalarAsync<string>("SELECT string_agg(key_provider, ' ' ORDER BY name) FROM lockstep.credentials")).ShouldBe("data_key transit");
        const string Exchange =
            """
            UPDATE lockstep.credentials c
            SET    encrypted_value = o.encrypted_value, key_provider = o.key_provider, data_key_id = o.data_key_id, key_id = o.key_id,
                   key_version = o.key_version, format = o.format, pending_rewrap = false
            FROM   lockstep.credentials o
            WHERE  o.id = CASE c.id WHEN $1 THEN $2 ELSE $1 END
            """;
        await ExecuteAsync(both.App, Exchange, remote, local);
        await client.RevealAsync(remote).ShouldBeProblemAsync(422, "integrity_failure");
        await both.Transit.StartAsync();
        await TransitApp.UntilAsync(async () =>
        {
            using var answer = await client.RevealAsync(local);
            if (answer.StatusCode == HttpStatusCode.ServiceUnavailable)
                return false;
            await Task.FromResult(answer).ShouldBeProblemAsync(422, "integrity_failure");
            return true;
        });
    }

    private static async Task ExecuteAsync(LockstepApp app, string sql, params object[] values)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written in this class.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        (await command.ExecuteNonQueryAsync()).ShouldBePositive();
    }
}
