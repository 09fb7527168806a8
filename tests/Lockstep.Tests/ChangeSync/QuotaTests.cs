using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>How much a user and a space may hold, with a server that allows little.</summary>
public sealed class QuotaTests(LockstepApp app) : IClassFixture<LockstepApp>, IAsyncLifetime
{
    public async ValueTask InitializeAsync()
    {
        if (app.SyncQuotas == QuotaOptions.None)
        {
            app.SyncQuotas = new QuotaOptions(new Quota(5, 4000), new Quota(3, 0));
            await app.RestartAsync();
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task What_is_over_the_quota_is_rejected_alone_and_says_what_is_used_and_allowed()
    {
        var client = app.As("q1");
        var answer = await client.TryPush("todo", "c", [.. Enumerable.Range(1, 7).Select(i => Record(i, $"r{i}"))]).ShouldBeAsync(HttpStatusCode.OK);
        var results = answer["results"]!.AsArray();
        results.Select(result => result!.Text("status")).ShouldBe(["applied", "applied", "applied", "applied", "applied", "rejected", "rejected"]);
        results[6]!.Text("code").ShouldBe("quota_exceeded");
        results[6]!.Text("detail").ShouldStartWith("Your own data holds 5 records of 5 that are allowed.");
        (await client.PullAll("todo")).Changes.Count.ShouldBe(5);
        // What is there can be written and deleted, and then there is room again, in another app and by the other protocol as well.
        (await client.Push("todo", "c", Record(8, "r1", "x"), Mutation(9, "r2", op: "delete"))).ShouldBe(["applied", "applied"]);
        (await client.Push("notes", "c", Record(1, "n"))).ShouldBe(["applied"]);
        var mana = await client.Mana("todo", new { clientId = "m", changes = new[] { "a", "b" }.Select(id => new { table = "items", id, op = "insert", data = new { v = 1 } }) });
        mana["rejected"]!.AsArray().Select(rejection => (rejection!["index"]!.GetValue<int>(), rejection.Text("code"))).ShouldBe([(0, "quota_exceeded"), (1, "quota_exceeded")]);
        (await client.Push("todo", "d", Mutation(1, "r2", new { v = new { value = 1 } }))).ShouldBe(["rejected: quota_exceeded"], "a deleted record that comes back counts again");
    }

    [Fact]
    public async Task Bytes_are_counted_as_records_grow_and_shrink()
    {
        var client = app.As("q2");
        (await client.Push("todo", "c", Record(1, "r", new string('x', 3000)), Record(2, "s", new string('x', 3000)), Record(3, "r", new string('y', 3800)), Record(4, "r", new string('z', 100)), Record(5, "s", new string('x', 3000))))
            .ShouldBe(["applied", "rejected: quota_exceeded", "applied", "applied", "applied"]);
        (await client.Push("todo", "c", Record(6, "r", new string('x', 2000)))).ShouldBe(["rejected: quota_exceeded"]);
        (await client.Push("todo", "c", Mutation(7, "s", op: "delete"), Record(8, "r", new string('x', 2000)))).ShouldBe(["applied", "applied"]);
        (await CountersAsync()).ShouldBe((1, 1, true));

        async Task<(long, long, bool)> CountersAsync() => (
            await app.ScalarAsync<long>("SELECT records FROM lockstep.sync_scopes WHERE user_id = $1", app.UserId("q2")),
            await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.user_id = $1 AND NOT r.deleted", app.UserId("q2")),
            await app.ScalarAsync<bool>("SELECT s.bytes = (SELECT sum(r.bytes) FROM lockstep.sync_records r WHERE r.scope_id = s.scope_id) AND s.bytes BETWEEN 2000 AND 2200 FROM lockstep.sync_scopes s WHERE user_id = $1", app.UserId("q2")));
    }

    [Fact]
    public async Task A_space_has_its_own_quota_and_what_moves_counts_where_it_goes()
    {
        var client = app.As("q3");
        var space = (await client.PostAsync("/v1/workspaces", new { name = "q3" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        (await client.Push("todo", "c", [.. Enumerable.Range(1, 5).Select(i => Record(i, $"own{i}"))])).ShouldAllBe(status => status == "applied");
        var pushes = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => client.Push("todo", $"d{i}", Mutation(1, $"s{i}", new { v = new { value = i } }, "insert", space))));
        pushes.SelectMany(push => push).Count(status => status == "applied").ShouldBe(3, "pushes that share a transaction share the quota");
        (await client.Push("todo", "c", Into(6, "own1", ""), Mutation(7, "own2", op: "delete"))).ShouldBe(["rejected: quota_exceeded", "applied"]);
        var taken = (await client.PullAll("todo")).Changes.First(change => change["spaceId"] is not null).Text("recordId");
        var out1 = Mutation(8, taken, op: "update");
        out1["fromSpaceId"] = space;
        (await client.Push("todo", "c", out1, Into(9, "own1", ""))).ShouldBe(["applied", "applied"]);
        (await client.Push("todo", "c", Mutation(10, "p", new { visibility = new { value = "private" } }, "insert", space), Mutation(11, "q", new { visibility = new { value = "private" } }, "insert", space)))
            .ShouldBe(["applied", "rejected: quota_exceeded"], "private records count with their author's");
        (await app.ScalarAsync<string>("SELECT string_agg(records::text, ' ' ORDER BY workspace_id NULLS FIRST) FROM lockstep.sync_scopes WHERE user_id = $1 OR workspace_id = $2", app.UserId("q3"), Guid.Parse(space))).ShouldBe("5 3");

        JsonObject Into(long id, string record, string from)
        {
            var mutation = Mutation(id, record, space: space);
            mutation["fromSpaceId"] = from;
            return mutation;
        }
    }

    private static JsonObject Record(long id, string record, string value = "v") => Mutation(id, record, new { v = new { value } });
}
