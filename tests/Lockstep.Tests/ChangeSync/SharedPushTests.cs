using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Pushes that meet in one scope share a transaction; nobody may notice but the clock.</summary>
public sealed class SharedPushTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const int Devices = 16;

    [Fact]
    public async Task Many_members_at_once_are_numbered_densely_and_each_is_the_author_of_what_it_wrote()
    {
        var space = (await app.As("sp-0").PostAsync("/v1/workspaces", new { name = "Busy" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        for (var i = 1; i < Devices; i++)
        {
            await app.As($"sp-{i}").GetAsync("/v1/sync/busy/pull").ShouldBeAsync(HttpStatusCode.OK);
            await app.As("sp-0").PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId($"sp-{i}"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        }
        await Task.WhenAll(Enumerable.Range(0, Devices).Select(async i =>
        {
            for (var id = 1; id <= 10; id++)
                (await app.As($"sp-{i}").Push("busy", "c", Mutation(id, $"r{i}-{id}", new { mine = new { value = i } }, space: space))).ShouldBe(["applied"]);
        }));
        (await app.ScalarAsync<long>("SELECT count(DISTINCT c.xmin::text) FROM lockstep.sync_changes c JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.workspace_id = $1", Guid.Parse(space)))
            .ShouldBeLessThan(Devices * 10, "transactions");

        var (changes, _) = await app.As("sp-3").PullAll("busy");
        changes.Count.ShouldBe(Devices * 10);
        foreach (var change in changes)
            change.Text("author").ShouldBe(app.UserId($"sp-{change.Value("mine")}").ToString());
        (await app.ScalarAsync<bool>("SELECT count(*) = max(c.seq) AND max(c.seq) = max(s.head) FROM lockstep.sync_changes c JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.workspace_id = $1", Guid.Parse(space)))
            .ShouldBeTrue("numbers are dense");
    }

    [Fact]
    public async Task Fields_that_devices_write_at_once_all_survive_and_one_field_has_one_winner()
    {
        await Task.WhenAll(Enumerable.Range(0, Devices).Select(async i =>
            await app.As("hot").Push("todo", $"d{i:00}", Mutation(1, "r", new Dictionary<string, object>
            {
                [$"f{i}"] = Field(i, "2026-03-01T09:00:00.000Z"),
                ["shared"] = Field(i, "2026-03-01T09:00:00.000Z"),
            }))));
        var state = JsonNode.Parse(await app.ScalarAsync<string>("SELECT data::text FROM lockstep.sync_records WHERE app = 'todo' AND record_id = 'r' AND user_id = $1", app.UserId("hot")))!;
        for (var i = 0; i < Devices; i++)
            state[$"f{i}"]!.GetValue<int>().ShouldBe(i);
        state["shared"]!.GetValue<int>().ShouldBe(Devices - 1, "at one time the greater client id wins");
    }

    [Fact]
    public async Task Two_changes_to_one_field_without_times_are_kept_in_the_order_in_which_they_came()
    {
        await app.As("order").Push("todo", "c", Mutation(1, "r", new { a = new { value = "z" } }), Mutation(2, "r", new { a = new { value = "b" } }), Mutation(3, "r", new { a = new { value = "a" } }));
        (await app.As("order").PullAll("todo")).Changes[^1].Value("a")!.GetValue<string>().ShouldBe("a");
    }

    [Fact]
    public async Task A_push_that_is_refused_spoils_nothing_for_those_it_shares_with()
    {
        var space = (await app.As("sr-in").PostAsync("/v1/workspaces", new { name = "Gate" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var pushes = Enumerable.Range(0, Devices).Select(async i => (i % 4) switch
        {
            0 => (await app.As("sr-out").Push("gate", $"out{i}", Mutation(1, $"x{i}", new { a = new { value = 1 } }, space: space))).ShouldHaveSingleItem(),
            1 => (await app.As("sr-in").TryPush("gate", $"gap{i}", Mutation(7, $"x{i}", new { a = new { value = 1 } }, space: space))).StatusCode.ToString(),
            2 => (await app.As("sr-in").Push("gate", $"nul{i}", Mutation(1, $"x{i}", new { a = new { value = "\0" } }, space: space))).ShouldHaveSingleItem(),
            _ => (await app.As("sr-in").Push("gate", $"ok{i}", Mutation(1, $"x{i}", new { a = new { value = 1 } }, space: space))).ShouldHaveSingleItem(),
        });
        (await Task.WhenAll(pushes)).Chunk(4).ShouldAllBe(four =>
            four.SequenceEqual(new[] { "rejected: space_forbidden", "Conflict", "rejected: unstorable_value", "applied" }));
        (await app.As("sr-in").PullAll("gate")).Changes.Count.ShouldBe(Devices / 4);
    }
}
