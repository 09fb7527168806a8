using System.Diagnostics;
using System.Net;
using Lockstep.Server.Activity.Chain;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity;

public sealed class ActivityTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task The_newest_comes_first_and_pages_follow_without_gap_or_repetition()
    {
        var client = app.As("reader");
        for (var i = 0; i < 7; i++)
            await client.StoreAsync($"k{i}", "a-secret-value");
        var names = new List<string>();
        string? next = null;
        do
        {
            var page = await client.GetAsync($"/v1/activity?action=CREDENTIAL_CREATED&limit=3{(next is null ? "" : $"&after={next}")}").ShouldBeAsync(HttpStatusCode.OK);
            names.AddRange(page["items"]!.AsArray().Select(line => line!["details"]!.Text("name")));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);
        names.ShouldBe(["k6", "k5", "k4", "k3", "k2", "k1", "k0"]);
        await client.GetAsync("/v1/activity?limit=201").ShouldBeProblemAsync(422, "invalid_request");
        (await client.GetAsync("/v1/activity?after=x").ShouldBeProblemAsync(400, "bad_request")).Text("detail").ShouldStartWith("after cannot be read as it was sent.");
    }

    [Fact]
    public async Task A_user_reads_no_other_users_lines_and_nobody_reads_without_a_token()
    {
        await app.As("private").StoreAsync("k", "a-secret-value");
        (await app.As("curious").GetAsync("/v1/activity").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
        await app.Anonymous().GetAsync("/v1/activity").ShouldBeProblemAsync(401, "token_missing");
    }

    [Fact]
    public async Task The_service_role_without_a_user_reads_every_line()
    {
        var id = (await app.As("watched").StoreAsync("k", "a-secret-value")).Id();
        (await app.AsService().ActionsAsync(id)).ShouldBe(["CREDENTIAL_CREATED"]);
        await app.As("reader-of-none").GetAsync("/v1/credentials").ShouldBeAsync(System.Net.HttpStatusCode.OK);
        (await app.AsService(app.UserId("reader-of-none")).ActionsAsync(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Lines_are_found_by_action_thing_kind_and_time()
    {
        var client = app.As("finder");
        var id = (await client.StoreAsync("k", "a-secret-value")).Id();
        await client.ValueAsync(id);
        await client.StoreAsync("other", "a-secret-value");
        (await CountAsync(client, "")).ShouldBe(3);
        (await CountAsync(client, $"entityId={id}")).ShouldBe(2);
        (await CountAsync(client, "action=CREDENTIAL_ACCESSED")).ShouldBe(1);
        (await CountAsync(client, "entityType=credential")).ShouldBe(3);
        (await CountAsync(client, "entityType=integration")).ShouldBe(0);
        var middle = (await client.GetAsync("/v1/activity?action=CREDENTIAL_ACCESSED").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Text("occurredAt");
        (await CountAsync(client, $"from={middle}")).ShouldBe(2);
        (await CountAsync(client, $"to={middle}")).ShouldBe(1);
        (await CountAsync(client, $"from={middle}&to={middle}")).ShouldBe(0);
        (await CountAsync(client, "from=2020-01-01T00:00:00+04:00")).ShouldBe(3);
        var wrong = await client.GetAsync("/v1/activity?from=yesterday&to=2026-01-01&limit=0").ShouldBeProblemAsync(422, "invalid_request");
        wrong["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["limit", "from", "to"], ignoreOrder: true);
    }

    [Fact]
    public async Task Admins_read_the_lines_of_their_workspace_and_members_do_not()
    {
        var owner = app.As("audit-owner");
        var workspace = (await owner.PostAsync("/v1/workspaces", new { name = "audited" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        foreach (var role in new[] { "admin", "member" })
        {
            await app.As($"audit-{role}").GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
            await owner.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = app.UserId($"audit-{role}"), role }).ShouldBeAsync(HttpStatusCode.OK);
        }
        var id = (await owner.StoreForAsync(workspace, "shared", "a-secret-value")).Id();
        (await CountAsync(app.As("audit-admin"), $"workspaceId={workspace}&entityId={id}")).ShouldBe(1);
        (await CountAsync(app.As("audit-member"), $"workspaceId={workspace}")).ShouldBe(0);
        (await CountAsync(app.As("audit-stranger"), $"workspaceId={workspace}")).ShouldBe(0);
    }

    [Fact]
    public async Task Checkpoints_are_the_operators_to_keep()
    {
        await app.As("curious-of-checkpoints").GetAsync("/v1/activity/checkpoints").ShouldBeProblemAsync(403, "role_required");
        await app.As("checkpointed").StoreAsync("k", "a-secret-value");
        var chain = app.Services.GetRequiredService<AuditChain>();
        // Lines are linked once every transaction of the server that is older has ended, other tests' too, and the server's own sealer may be at it.
        Checkpoint? signed = null;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var waited = Stopwatch.StartNew(); signed is null; await tick.WaitForNextTickAsync(TestContext.Current.CancellationToken))
        {
            waited.Elapsed.ShouldBeLessThan(LockstepProcess.Patience);
            signed = await chain.Sign(await chain.SealAll(TestContext.Current.CancellationToken), TestContext.Current.CancellationToken);
        }
        var listed = await app.AsService().GetAsync("/v1/activity/checkpoints").ShouldBeAsync(HttpStatusCode.OK);
        // Where the sealer has signed the same place first, its signature is the one that is kept.
        listed["items"]!.AsArray().Select(item => (item!["position"]!.GetValue<long>(), item!.Text("hash"))).ShouldContain((signed.Position, signed.Hash));
        await app.AsService().GetAsync("/v1/activity/checkpoints?limit=0").ShouldBeProblemAsync(422, "invalid_request");
        (await app.Anonymous().GetAsync("/health").ShouldBeAsync(HttpStatusCode.OK))["checks"]!.Text("audit").ShouldBe("ok");
    }

    private static async Task<int> CountAsync(HttpClient client, string query) =>
        (await client.GetAsync($"/v1/activity?{query}").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count;
}
