using System.Net;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault;

public sealed class CredentialIsolationTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Another_users_id_is_the_404_of_an_unknown_id_on_every_verb()
    {
        var id = (await app.As("owner").StoreAsync("mine", "a-secret-of-the-owner")).Id();
        var stranger = app.As("stranger");
        foreach (var (theirs, unknown) in CredentialCalls.EveryVerb(id).Zip(CredentialCalls.EveryVerb(Guid.CreateVersion7())))
            (await Body(theirs(stranger))).ShouldBe(await Body(unknown(stranger)));
        (await stranger.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
        (await stranger.ActionsAsync(id)).ShouldBeEmpty();
        (await app.As("owner").ValueAsync(id)).ShouldBe("a-secret-of-the-owner");
        (await app.As("owner").ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED"]);
    }

    [Fact]
    public async Task A_workspaces_credentials_are_for_its_admins_not_for_its_members()
    {
        var (workspace, admin, member) = await WorkspaceAsync("w1");
        var id = (await app.As("w1-owner").StoreForAsync(workspace, "shared", "a-secret-of-the-workspace")).Id();
        (await admin.ValueAsync(id)).ShouldBe("a-secret-of-the-workspace");
        await admin.RotateAsync(id, "the-next-secret").ShouldBeAsync(HttpStatusCode.OK);
        var listed = await admin.GetAsync($"/v1/credentials?workspaceId={workspace}").ShouldBeAsync(HttpStatusCode.OK);
        listed["items"]!.AsArray().Single()!.Id("workspaceId").ShouldBe(workspace);
        (await admin.ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED", "CREDENTIAL_ACCESSED", "CREDENTIAL_ROTATED"]);

        foreach (var verb in CredentialCalls.EveryVerb(id))
            await verb(member).ShouldBeProblemAsync(404, "not_found");
        (await member.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
        (await member.ActionsAsync(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Storing_into_a_workspace_is_for_its_admins_and_an_unknown_one_is_answered_alike()
    {
        var (workspace, _, member) = await WorkspaceAsync("w2");
        // The data key of the workspace is cached from here on.
        await app.As("w2-owner").StoreForAsync(workspace, "first", "a-secret-of-the-workspace");
        var stranger = app.As("w2-stranger");
        foreach (var client in new[] { member, stranger })
        {
            foreach (var id in new[] { workspace, Guid.CreateVersion7() })
            {
                await client.PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v", scope = "WORKSPACE", workspaceId = id })
                    .ShouldBeProblemAsync(404, "not_found");
            }
        }
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys WHERE workspace_id = $1", workspace)).ShouldBe(1);
    }

    [Fact]
    public async Task System_credentials_are_the_service_roles_without_a_user()
    {
        var service = app.AsService();
        var body = new { name = "smtp", provider = "mail", type = "PASSWORD", value = "a-secret-of-the-system", scope = "SYSTEM" };
        var id = (await service.PostAsync("/v1/credentials", body).ShouldBeAsync(HttpStatusCode.Created)).Id();
        (await service.ValueAsync(id)).ShouldBe("a-secret-of-the-system");
        await service.RotateAsync(id, "the-next-secret").ShouldBeAsync(HttpStatusCode.OK);
        await service.PostAsync($"/v1/credentials/{id}/rollback", new { version = 1 }).ShouldBeAsync(HttpStatusCode.OK);
        await service.PostAsync("/v1/credentials", body).ShouldBeProblemAsync(409, "credential_exists");

        await app.As("nobody").PostAsync("/v1/credentials", body).ShouldBeProblemAsync(403, "scope_forbidden");
        var onBehalf = app.AsService(app.UserId("nobody"));
        await onBehalf.PostAsync("/v1/credentials", body).ShouldBeProblemAsync(403, "scope_forbidden");
        foreach (var client in new[] { app.As("nobody"), onBehalf })
        {
            foreach (var verb in CredentialCalls.EveryVerb(id))
                await verb(client).ShouldBeProblemAsync(404, "not_found");
        }
    }

    [Fact]
    public async Task The_service_role_reveals_a_users_credential_on_behalf_of_its_owner_alone_and_the_audit_names_both()
    {
        var owner = app.UserId("served");
        var id = (await app.As("served").StoreAsync("k", "a-secret-of-the-served")).Id();
        await app.AsService().RevealAsync(id).ShouldBeProblemAsync(404, "not_found");
        await app.As("other-served").StoreAsync("k", "another-secret");
        await app.AsService(app.UserId("other-served")).RevealAsync(id).ShouldBeProblemAsync(404, "not_found");
        (await app.AsService(owner).ValueAsync(id)).ShouldBe("a-secret-of-the-served");
        var line = (await app.As("served").GetAsync($"/v1/activity?entityId={id}").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        line.Text("action").ShouldBe("CREDENTIAL_ACCESSED");
        line.Text("actor").ShouldStartWith("service:backend");
        line.Id("actorUser").ShouldBe(owner);
        await app.AsService().PostAsync("/v1/credentials", new { name = "n", provider = "p", type = "SECRET", value = "v" })
            .ShouldBeProblemAsync(422, "invalid_request");
    }

    [Theory]
    [InlineData("lockstep_app")]
    [InlineData("lockstep_service")]
    public async Task A_login_without_context_reads_no_tenants_row(string login)
    {
        await app.As("seen").StoreAsync("k" + login, "a-secret");
        await using var connection = await app.ConnectAsync(login);
        foreach (var table in new[] { "credentials", "credential_versions", "data_keys" })
        {
#pragma warning disable CA2100 // A word of this test.
            await using var command = new NpgsqlCommand(
                $"SELECT count(*) FROM lockstep.{table} t WHERE t::text LIKE '%' || $1 || '%'", connection)
            { Parameters = { new() { Value = app.UserId("seen").ToString() } } };
#pragma warning restore CA2100
            (await command.ExecuteScalarAsync()).ShouldBe(0L, table);
        }
    }

    [Fact]
    public async Task Nobody_who_logs_in_changes_a_data_key_or_the_audit()
    {
        await app.As("fixed").StoreAsync("k", "a-secret");
        foreach (var login in new[] { "lockstep_app", "lockstep_service" })
        {
            foreach (var sql in new[]
                {
                    "UPDATE lockstep.data_keys SET wrapped_key = ''", "DELETE FROM lockstep.data_keys", "TRUNCATE lockstep.data_keys CASCADE",
                    "UPDATE lockstep.activity_log SET actor = ''", "DELETE FROM lockstep.activity_log", "TRUNCATE lockstep.activity_log",
                    "UPDATE lockstep.credentials SET user_id = NULL", "TRUNCATE lockstep.credentials CASCADE",
                })
            {
                await using var connection = await app.ConnectAsync(login);
#pragma warning disable CA2100 // Written above.
                await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
                (await Should.ThrowAsync<PostgresException>(() => command.ExecuteNonQueryAsync())).SqlState.ShouldBe("42501", $"{login}: {sql}");
            }
        }
    }

    private static async Task<string> Body(Task<HttpResponseMessage> call)
    {
        var problem = await call.ShouldBeProblemAsync(404, "not_found");
        problem.AsObject().Remove("traceId");
        return problem.ToJsonString();
    }

    private async Task<(Guid Workspace, HttpClient Admin, HttpClient Member)> WorkspaceAsync(string name)
    {
        var owner = app.As(name + "-owner");
        var id = (await owner.PostAsync("/v1/workspaces", new { name }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        foreach (var role in new[] { "admin", "member" })
        {
            await app.As($"{name}-{role}").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
            await owner.PostAsync($"/v1/workspaces/{id}/members", new { userId = app.UserId($"{name}-{role}"), role }).ShouldBeAsync(HttpStatusCode.OK);
        }
        return (id, app.As(name + "-admin"), app.As(name + "-member"));
    }
}
