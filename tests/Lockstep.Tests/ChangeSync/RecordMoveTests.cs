using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>A record goes from one space to another: a deletion there, all of it here, at once.</summary>
public sealed class RecordMoveTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task A_native_move_is_a_deletion_there_and_the_whole_record_here_and_back_again()
    {
        var (ann, bo, red) = await SpaceAsync("ma", "mb");
        var (_, cy, blue) = await SpaceAsync("ma", "mc");
        await ann.Push("todo", "a", Mutation(1, "r", new { title = Field("Plan", "2026-03-01T09:00:00.000Z"), done = new { value = false } }, "insert", red));
        var (_, bos) = await bo.PullAll("todo");
        var (_, anns) = await ann.PullAll("todo");

        var move = Move(2, "r", red, blue, new { done = new { value = true } });
        (await ann.Push("todo", "a", move)).ShouldBe(["applied"]);
        (await ann.Push("todo", "a", move)).ShouldBe(["applied"], "a retry moves nothing again");
        Said((await bo.PullAll("todo", bos)).Changes).ShouldBe([$"delete r in {red}"]);
        var arrived = (await cy.PullAll("todo")).Changes.ShouldHaveSingleItem();
        (arrived.Text("op"), arrived.Text("spaceId"), arrived.Text("author")).ShouldBe(("insert", blue, app.UserId("ma").ToString()));
        (arrived.Value("title")!.GetValue<string>(), arrived["fields"]!["title"]!.Text("at"), arrived.Value("done")!.GetValue<bool>()).ShouldBe(("Plan", "2026-03-01T09:00:00.000Z", true));
        Said((await ann.PullAll("todo", anns)).Changes).ShouldBe([$"delete r in {red}", $"insert r in {blue}"], ignoreOrder: true);
        (await Live()).ShouldBe([$"{blue} r"]);

        (await ann.Push("todo", "a", Move(3, "r", blue, red))).ShouldBe(["applied"], "without a field");
        var peer = new SharpPeer(bo, "todo", "reader", 0, TimeProvider.System);
        await peer.SyncAsync(cut: false);
        (await peer.StateAsync())[$"{red}/r"]!["title"]!.GetValue<string>().ShouldBe("\"Plan\"", "its fields are later than the deletion that is known here");
        Said((await cy.PullAll("todo")).Changes).Distinct().ShouldBe([$"delete r in {blue}"], "what it was is not in the log any more");
        (await ann.Push("todo", "a", Move(4, "r", red, ""), Mutation(5, "r", new { done = new { value = false } }))).ShouldBe(["applied", "applied"]);
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("Plan");
        (await ann.GetStringAsync("/v1/export")).ShouldContain("Plan");

        async Task<List<string>> Live() =>
            [.. (await Rows("SELECT coalesce(s.workspace_id::text, '') || ' ' || r.record_id FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE r.app = 'todo' AND r.record_id = 'r' AND NOT r.deleted"))];
    }

    [Fact]
    public async Task A_mana_client_that_writes_another_spaceId_moves_the_record_and_is_told_of_no_deletion()
    {
        var (ann, bo, red) = await SpaceAsync("md", "me");
        var (_, cy, blue) = await SpaceAsync("md", "mf");
        await ann.Mana("notes", Push(new { table = "items", id = "n", op = "insert", data = new { title = "Plan", spaceId = red } }));
        var other = (await ann.Mana("notes", new { clientId = "laptop" })).Text("syncedUntil");
        var bos = (await bo.Mana("notes", new { clientId = "b" })).Text("syncedUntil");

        var move = new { table = "items", id = "n", op = "update", spaceId = blue, fields = new { spaceId = new { value = blue, at = "2026-04-01T09:00:00.000Z" } } };
        for (var i = 0; i < 2; i++)
            (await ann.Mana("notes", Push(move)))["rejected"].ShouldBeNull();
        Mana(await bo.Mana("notes", new { clientId = "b", since = bos })).ShouldBe(["delete n in " + red]);
        Mana(await ann.Mana("notes", new { clientId = "laptop", since = other })).ShouldBe(["insert n in " + blue], "it is the same record there: a deletion would take it away");
        var whole = (await cy.Mana("notes", new { clientId = "c" }))["serverChanges"]!.AsArray().ShouldHaveSingleItem()!;
        (whole["data"]!.Text("title"), whole["data"]!.Text("spaceId")).ShouldBe(("Plan", blue));

        // A device that believes it in the space of before, and one that says no space: it stays where it is.
        await ann.Mana("notes", new { clientId = "tablet", changes = new object[] { new { table = "items", id = "n", op = "update", spaceId = red, fields = new { a = new { value = 1 } } } } });
        await ann.Mana("notes", new { clientId = "tablet", changes = new object[] { new { table = "items", id = "n", op = "update", fields = new { b = new { value = 2 } } } } });
        // An older word on the space loses.
        await ann.Mana("notes", new { clientId = "tablet", changes = new object[] { new { table = "items", id = "n", op = "update", fields = new { spaceId = new { value = red, at = "2026-03-01T09:00:00.000Z" } } } } });
        var state = Exported(await cy.GetStringAsync("/v1/export")).ShouldHaveSingleItem();
        (state["fields"]!["a"]!["value"]!.GetValue<int>(), state["fields"]!["b"]!["value"]!.GetValue<int>(), state.Text("spaceId")).ShouldBe((1, 2, blue));
        Mana(await ann.Mana("notes", new { clientId = "tablet", since = other })).Count.ShouldBe(3, "an edit that went where the record is is told to its own client as well");
        await ann.Mana("notes", new { clientId = "tablet", changes = new object[] { new { table = "items", id = "n", op = "delete", spaceId = red } } });
        Exported(await cy.GetStringAsync("/v1/export")).ShouldHaveSingleItem()["deletedAt"].ShouldNotBeNull();
    }

    [Fact]
    public async Task A_record_that_somebody_planted_under_an_id_catches_nothing_that_another_makes_anew()
    {
        var (planter, victim, trap) = await SpaceAsync("mp", "mv");
        await planter.Mana("notes", Push(new { table = "settings", id = "settings", op = "insert", data = new { theme = "planted", spaceId = trap } }));

        (await victim.Mana("notes", Push(new { table = "settings", id = "settings", op = "insert", data = new { theme = "my own" } })))["rejected"].ShouldBeNull();

        (await planter.GetStringAsync("/v1/export")).ShouldNotContain("my own");
        Exported(await victim.GetStringAsync("/v1/export")).Count(record => record["fields"]?["theme"]?["value"]?.GetValue<string>() == "my own" && record["spaceId"]?.GetValue<string>() != trap).ShouldBe(1);
    }

    [Fact]
    public async Task Its_author_or_an_admin_moves_a_record_and_only_between_spaces_of_both()
    {
        var (ann, bo, red) = await SpaceAsync("mg", "mh");
        var (_, _, blue) = await SpaceAsync("mg", "mh");
        var alone = (await bo.PostAsync("/v1/workspaces", new { name = "bos" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ann.Push("todo", "a", Mutation(1, "anns", new { v = new { value = 1 } }, "insert", red));
        await bo.Push("todo", "b", Mutation(1, "bos", new { v = new { value = 1 } }, "insert", red));
        (await bo.Push("todo", "b", Move(2, "anns", red, blue), Move(3, "anns", red, ""), Move(4, "none", red, blue), Move(5, "bos", blue, alone)))
            .ShouldBe(["rejected: move_forbidden", "rejected: move_forbidden", "rejected: record_missing", "rejected: record_missing"]);
        (await ann.Push("todo", "a", Move(2, "bos", red, alone), Move(3, "bos", alone, red))).ShouldBe(["rejected: space_forbidden", "rejected: space_forbidden"]);
        var foreign = await ann.TryMana("todo", Push(new { table = "items", id = "bos", op = "update", fields = new { spaceId = new { value = alone } } })).ShouldBeProblemAsync(403, "space_forbidden");
        foreign["changes"]!.AsArray().Count.ShouldBe(1);
        var refused = await bo.Mana("todo", Push(new { table = "items", id = "anns", op = "update", fields = new { spaceId = new { value = blue } } }));
        refused["rejected"]!.AsArray().ShouldHaveSingleItem()!.Text("code").ShouldBe("move_forbidden");
        (await ann.PullAll("todo")).Changes.Select(change => change.Text("op")).ShouldAllBe(op => op == "insert");

        (await ann.Push("todo", "a", Move(4, "bos", red, blue))).ShouldBe(["applied"], "an admin");
        (await Rows($"SELECT r.user_id::text FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.workspace_id = '{blue}'")).ShouldBe([app.UserId("mh").ToString()], "who moves it does not become its author");
        (await bo.Push("todo", "b", Move(6, "bos", blue, alone))).ShouldBe(["applied"], "its author still");
        // The same id in two spaces is two records to a native client.
        (await ann.Push("todo", "a", Mutation(5, "anns", new { v = new { value = 2 } }, space: blue), Move(6, "anns", red, blue))).ShouldBe(["applied", "rejected: record_id_taken"]);
        (await ann.Push("todo", "a", new JsonObject { ["id"] = 7, ["table"] = "items", ["recordId"] = "x", ["op"] = "insert", ["fromSpaceId"] = red })).ShouldBe(["rejected: invalid_op"]);
    }

    [Fact]
    public async Task Moves_against_each_other_leave_each_record_in_one_place()
    {
        var (ann, _, red) = await SpaceAsync("mi", "mj");
        var (_, _, blue) = await SpaceAsync("mi", "mj");
        var ids = Enumerable.Range(0, 12).Select(i => $"r{i}").ToList();
        await ann.Push("todo", "a", [.. ids.Select((id, i) => Mutation(i + 1, id, new { v = new { value = i } }, "insert", i % 2 == 0 ? red : blue))]);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async device =>
        {
            var done = new List<string>();
            for (var i = 0; i < ids.Count; i++)
                done.AddRange(await ann.Push("todo", $"d{device}", (i + device) % 2 == 0 ? Move(i + 1, ids[i], red, blue) : Move(i + 1, ids[i], blue, red)));
            return done;
        }));
        answers.SelectMany(done => done).ShouldAllBe(answer => answer == "applied" || answer == "superseded" || answer == "rejected: record_missing");
        (await Rows($"SELECT r.record_id FROM lockstep.sync_records r JOIN lockstep.sync_scopes s USING (scope_id) WHERE s.workspace_id IN ('{red}', '{blue}') AND NOT r.deleted ORDER BY 1"))
            .ShouldBe(ids.Order(StringComparer.Ordinal));
        var peer = new SharpPeer(app.As("mj"), "todo", "reader", 0, TimeProvider.System);
        await peer.SyncAsync(cut: false);
        (await peer.StateAsync()).Select(record => record.Key.Split('/')[1]).Order(StringComparer.Ordinal).ShouldBe(ids.Order(StringComparer.Ordinal));
    }

    private Task<string[]> Rows(string sql) => app.ScalarAsync<string[]>($"SELECT ARRAY({sql})");

    private static object Push(object change) => new { clientId = "phone", changes = new[] { change } };

    private static JsonObject Move(long id, string record, string from, string to, object? fields = null)
    {
        var mutation = Mutation(id, record, fields, space: to);
        mutation["fromSpaceId"] = from;
        return mutation;
    }

    private static IEnumerable<string> Said(IEnumerable<JsonNode> changes) => changes.Select(change => $"{change.Text("op")} {change.Text("recordId")} in {change.Text("spaceId")}");

    private static List<string> Mana(JsonNode answer) => [.. answer["serverChanges"]!.AsArray().OfType<JsonNode>().Select(change => $"{change.Text("op")} {change.Text("id")} in {change.Text("spaceId")}")];

    private static List<JsonNode> Exported(string export) =>
        [.. export.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!).Where(line => line.Text("type") == "record")];

    private async Task<(HttpClient Admin, HttpClient Member, string Space)> SpaceAsync(string admin, string member)
    {
        await app.As(member).GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await app.As(admin).PostAsync("/v1/workspaces", new { name = admin }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.As(admin).PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(member), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        return (app.As(admin), app.As(member), space);
    }
}
