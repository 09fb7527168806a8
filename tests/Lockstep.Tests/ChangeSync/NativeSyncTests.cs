using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The native protocol through the front door. Each test has users of its own.</summary>
public sealed class NativeSyncTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Early = "2026-03-01T09:00:00.000Z";
    private const string Later = "2026-03-01T09:00:01.000Z";

    [Fact]
    public async Task What_one_device_pushes_another_pulls()
    {
        var (phone, laptop) = (app.As("ana"), app.As("ana"));
        (await phone.Push("todo", "phone", Mutation(1, "milk", new { title = Field("Milk", Early) }, "insert"))).ShouldBe(["applied"]);

        var (changes, cursor) = await laptop.PullAll("todo");
        var change = changes.ShouldHaveSingleItem();
        (change.Text("table"), change.Text("recordId"), change.Text("op")).ShouldBe(("items", "milk", "insert"));
        change.Value("title")!.GetValue<string>().ShouldBe("Milk");
        change["fields"]!["title"]!.Text("at").ShouldBe(Early);
        change["fields"]!["title"]!.Text("clientId").ShouldBe("phone");
        change.Text("author").ShouldBe(app.UserId("ana").ToString());
        (await laptop.PullAll("todo", cursor)).Changes.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_push_ten_times_has_one_effect_and_the_same_answer()
    {
        var client = app.As("ben");
        var answers = new HashSet<string>();
        for (var i = 0; i < 10; i++)
            answers.Add((await client.TryPush("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }), Mutation(2, "r", op: "bogus"))
                .ShouldBeAsync(HttpStatusCode.OK)).ToJsonString());
        answers.ShouldHaveSingleItem();
        (await client.PullAll("todo")).Changes.Count.ShouldBe(1);
    }

    [Fact]
    public async Task The_same_push_sixteen_times_at_once_has_one_effect_and_the_same_answer()
    {
        var client = app.As("cleo");
        var answers = await Task.WhenAll(Enumerable.Range(0, 16).Select(async _ => (await client.TryPush(
            "todo", "c", Mutation(1, "r", new { a = new { value = 1 } }), Mutation(2, "s", new { a = new { value = 2 } })).ShouldBeAsync(HttpStatusCode.OK)).ToJsonString()));
        answers.Distinct().ShouldHaveSingleItem();
        (await client.PullAll("todo")).Changes.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Edits_of_different_fields_both_survive_and_of_one_field_the_later_wins_in_either_order()
    {
        var client = app.As("dora");
        await client.Push("todo", "x", Mutation(1, "r", new { title = Field("late", Later), colour = Field("red", Early) }));
        (await client.Push("todo", "y", Mutation(1, "r", new { title = Field("early", Early), size = Field(3, Early) }))).ShouldBe(["applied"]);
        (await client.Push("todo", "y", Mutation(2, "r", new { title = Field("early", Early) }))).ShouldBe(["superseded"]);

        var merged = (await client.PullAll("todo")).Changes.Aggregate(new JsonObject(), (record, change) =>
        {
            foreach (var (name, field) in change["fields"]!.AsObject())
                record[name] = field!["value"]!.DeepClone();
            return record;
        });
        merged.ToJsonString().ShouldBe("""{"colour":"red","title":"late","size":3}""");
    }

    [Fact]
    public async Task A_delete_hides_what_was_written_before_it_and_a_later_write_brings_back_what_came_since()
    {
        var client = app.As("emil");
        await client.Push("todo", "c",
            Mutation(1, "r", new { a = Field(1, Early), b = Field(1, Early) }),
            Mutation(2, "r", op: "delete", at: Later));
        (await client.Push("todo", "c", Mutation(3, "r", new { a = Field(2, "2026-03-01T09:00:00.500Z") }))).ShouldBe(["superseded"]);
        (await client.Push("todo", "c", Mutation(4, "r", new { a = Field(3, "2026-03-01T09:00:02.000Z") }))).ShouldBe(["applied"]);
        var last = (await client.PullAll("todo")).Changes[^1];
        last.Text("op").ShouldBe("insert");
        last["fields"]!.AsObject().Select(field => field.Key).ShouldBe(["a"]);
    }

    [Fact]
    public async Task A_missing_mutation_is_named_and_a_number_used_twice_is_refused()
    {
        var client = app.As("fay");
        await client.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        var gap = await client.TryPush("todo", "c", Mutation(3, "r", new { a = new { value = 2 } })).ShouldBeProblemAsync(409, "mutation_gap");
        gap["expected"]!.GetValue<long>().ShouldBe(2);
        await client.TryPush("todo", "c", Mutation(1, "r", new { a = new { value = 9 } })).ShouldBeProblemAsync(409, "mutation_reused");
        (await client.PullAll("todo")).Changes.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Another_user_sees_nothing_and_cannot_use_the_cursor()
    {
        var (gil, hana) = (app.As("gil"), app.As("hana"));
        await gil.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        var cursor = (await gil.PullAll("todo")).Cursor;
        (await hana.PullAll("todo")).Changes.ShouldBeEmpty();
        await hana.GetAsync($"/v1/sync/todo/pull?cursor={cursor}").ShouldBeProblemAsync(409, "cursor_reset");
        await gil.GetAsync($"/v1/sync/notes/pull?cursor={cursor}").ShouldBeProblemAsync(409, "cursor_reset");
        await gil.GetAsync("/v1/sync/todo/pull?cursor=nonsense").ShouldBeProblemAsync(400, "invalid_cursor");
    }

    [Fact]
    public async Task Numbers_emoji_and_long_strings_come_back_as_they_went()
    {
        var client = app.As("ivo");
        var text = new string('x', 1024 * 1024);
        var body = """{"clientId":"c","mutations":[{"id":1,"table":"t","recordId":"r","op":"insert","fields":{"n":{"value":9007199254740993},"d":{"value":1.10},"e":{"value":"a😀b\"\\"},"o":{"value":{"z":[1,null],"b":true}},"s":{"value":"LONG"}}}]}""";
        await client.SendRawAsync(HttpMethod.Post, "/v1/sync/todo/push", body.Replace("LONG", text)).ShouldBeAsync(HttpStatusCode.OK);
        var change = (await client.PullAll("todo")).Changes.ShouldHaveSingleItem();
        change.Value("n")!.ToJsonString().ShouldBe("9007199254740993");
        change.Value("d")!.ToJsonString().ShouldBe("1.10");
        change.Value("e")!.GetValue<string>().ShouldBe("a😀b\"\\");
        change.Value("s")!.GetValue<string>().ShouldBe(text);
        JsonNode.DeepEquals(change.Value("o"), JsonNode.Parse("""{"z":[1,null],"b":true}""")).ShouldBeTrue();
    }

    [Fact]
    public async Task What_cannot_be_stored_is_rejected_alone()
    {
        var client = app.As("jan");
        var future = DateTimeOffset.FromUnixTimeMilliseconds(TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() + 6 * 60_000).ToString("yyyy-MM-ddTHH:mm:ss.fffZ");
        (await client.Push("todo", "c",
            Mutation(1, "a", new { v = new { value = "nul \0 inside" } }),
            Mutation(2, "b", new { v = new { value = 1 } }),
            Mutation(3, "c", new { v = Field(1, future) }),
            Mutation(4, "d", new { v = Field(1, "soon") }),
            Mutation(5, "", new { v = new { value = 1 } }),
            Mutation(6, "e", op: "upsert"),
            Mutation(7, "f", new { v = new { value = 1 } }, space: "nowhere")))
            .ShouldBe(["rejected: unstorable_value", "applied", "rejected: clock_skew", "rejected: invalid_time", "rejected: invalid_record_id", "rejected: invalid_op", "rejected: space_forbidden"]);
        (await client.PullAll("todo")).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("b");
    }

    [Fact]
    public async Task A_clock_that_is_too_fast_is_told_the_time_and_told_again_when_it_asks_again()
    {
        var client = app.As("uma");
        var change = Mutation(1, "r", new { v = Field(1, "2099-01-01T00:00:00Z") });
        for (var i = 0; i < 2; i++)
        {
            var before = TimeProvider.System.GetUtcNow();
            var result = (await client.TryPush("todo", "c", change, Mutation(2, "s", new { v = new { value = 1 } })).ShouldBeAsync(HttpStatusCode.OK))["results"]!.AsArray();
            result[0]!.Text("code").ShouldBe("clock_skew");
            DateTimeOffset.Parse(result[0]!.Text("serverTime"), System.Globalization.CultureInfo.InvariantCulture)
                .ShouldBeInRange(before.AddSeconds(-5), TimeProvider.System.GetUtcNow().AddSeconds(5));
            result[1]!.AsObject().ContainsKey("serverTime").ShouldBeFalse();
        }
    }

    [Fact]
    public async Task A_write_without_fields_says_when_it_was_and_by_whom()
    {
        var client = app.As("vic");
        await client.Push("todo", "c", Mutation(1, "bare", op: "insert", at: "2026-03-01T09:00:00.000Z"), Mutation(2, "full", new { v = Field(1, "2026-03-01T09:00:00.000Z") }, op: "insert"));
        var (changes, cursor) = await client.PullAll("todo");
        changes[0].Text("writtenAt").ShouldBe("2026-03-01T09:00:00.000Z");
        changes[0].Text("writtenBy").ShouldBe("c");
        changes[1].AsObject().ContainsKey("writtenAt").ShouldBeFalse(); // Its field says it.
        (await client.Push("todo", "c", Mutation(3, "bare", op: "delete", at: "2026-03-01T08:59:59.999Z"))).ShouldBe(["applied"]);
        var kept = (await client.PullAll("todo", cursor)).Changes.ShouldHaveSingleItem();
        (kept.Text("op"), kept.Text("writtenAt")).ShouldBe(("insert", "2026-03-01T09:00:00.000Z"));
    }

    [Fact]
    public async Task Members_share_a_workspace_and_nobody_else_writes_or_reads_it()
    {
        var (kim, lea, max) = (app.As("kim"), app.As("lea"), app.As("max"));
        var space = (await kim.PostAsync("/v1/workspaces", new { name = "Shared" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await kim.Push("todo", "k", Mutation(1, "r", new { a = new { value = "ours" } }, space: space));

        (await max.Push("todo", "m", Mutation(1, "r", new { a = new { value = "theirs" } }, space: space))).ShouldBe(["rejected: space_forbidden"]);
        (await max.PullAll("todo")).Changes.ShouldBeEmpty();

        await lea.Push("todo", "l", Mutation(1, "own", new { a = new { value = 1 } }));
        var (_, before) = await lea.PullAll("todo");
        await kim.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("lea"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var (joined, cursor) = await lea.PullAll("todo", before);
        joined.ShouldHaveSingleItem().Text("spaceId").ShouldBe(space);

        await kim.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("lea")}").ShouldBeAsync(HttpStatusCode.NoContent);
        await kim.Push("todo", "k", Mutation(2, "r", new { a = new { value = "secret" } }, space: space));
        var gone = await lea.Pull("todo", cursor);
        gone["changes"]!.AsArray().ShouldBeEmpty();
        gone["removedScopes"]!.AsArray().ShouldHaveSingleItem()!.GetValue<string>().ShouldBe(space);
    }

    [Fact]
    public async Task The_own_space_comes_back_as_it_was_called()
    {
        var client = app.As("nora");
        await client.Push("todo", "c",
            Mutation(1, "a", new { v = new { value = 1 } }, space: "_personal:guest"),
            Mutation(2, "b", new { v = new { value = 1 } }, space: "_personal:nora@example.com"));
        (await client.PullAll("todo")).Changes.Select(change => change.Text("spaceId")).ShouldBe(["_personal:guest", "_personal:nora@example.com"]);
        (await client.Push("todo", "c", Mutation(3, "b", new { v = new { value = 1 } }, space: "_personal:oskar@example.com"))).ShouldBe(["rejected: space_forbidden"]);
    }

    [Fact]
    public async Task Many_changes_come_page_by_page_and_only_the_collections_asked_for()
    {
        var client = app.As("pia");
        await client.Push("todo", "c", [.. Enumerable.Range(1, 1203).Select(i => Mutation(i, $"r{i}", new { v = new { value = i } }, table: i % 3 == 0 ? "third" : "items"))]);
        var all = (await client.PullAll("todo", query: "&limit=250")).Changes;
        all.Select(change => change.Text("recordId")).ShouldBe(Enumerable.Range(1, 1203).Select(i => $"r{i}"));
        (await client.PullAll("todo", query: "&limit=100&collections=third")).Changes.Count.ShouldBe(401);
    }

    [Fact]
    public async Task A_cursor_of_another_history_or_below_the_floor_says_so()
    {
        var client = app.As("quinn");
        await client.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }), Mutation(2, "r", new { a = new { value = 2 } }));
        var first = (await client.Pull("todo", null, "&limit=1")).Text("cursor");
        var last = (await client.PullAll("todo")).Cursor;
        await using var database = await app.ConnectAsync();
        await using var floor = database.CreateCommand();
        floor.CommandText = "UPDATE lockstep.sync_scopes SET floor = 2 WHERE user_id = $1";
        floor.Parameters.Add(new() { Value = app.UserId("quinn") });
        await floor.ExecuteNonQueryAsync();
        await client.GetAsync($"/v1/sync/todo/pull?cursor={first}").ShouldBeProblemAsync(410, "resync_required");
        floor.CommandText = "UPDATE lockstep.sync_scopes SET epoch = epoch + 1 WHERE user_id = $1";
        await floor.ExecuteNonQueryAsync();
        await client.GetAsync($"/v1/sync/todo/pull?cursor={last}").ShouldBeProblemAsync(409, "cursor_reset");
    }

    [Theory]
    [InlineData("""{"clientId":"c","mutations":[]}x""", 400)]
    [InlineData("""{"clientId":"c","clientId":"c","mutations":[]}""", 400)]
    [InlineData("""{"clientId":"c","mutations":[],"more":1}""", 400)]
    [InlineData("""{"clientId":"","mutations":[]}""", 422)]
    [InlineData("""{"clientId":"c","mutations":[{"id":0,"table":"t","recordId":"r","op":"delete"}]}""", 422)]
    [InlineData("""{"clientId":"c","mutations":[{"id":1,"table":"t","recordId":"r","op":"delete"},{"id":3,"table":"t","recordId":"r","op":"delete"}]}""", 422)]
    public async Task A_body_that_is_no_push_is_refused(string body, int status) =>
        await app.As("rosa").SendRawAsync(HttpMethod.Post, "/v1/sync/todo/push", body).ShouldBeProblemAsync(status, status == 400 ? "invalid_json" : "invalid_request");

    [Fact]
    public async Task Without_a_token_nothing_is_answered() =>
        await app.Anonymous().GetAsync("/v1/sync/todo/pull").ShouldBeProblemAsync(401, "token_missing");
}
