using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The mana protocol through the front door. Each test has users of its own.</summary>
public sealed partial class ManaSyncTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Beginning = "1970-01-01T00:00:00Z";

    [Fact]
    public async Task What_one_device_pushes_comes_in_the_answer_to_another_and_by_pull()
    {
        var (phone, laptop) = (app.As("abe"), app.As("abe"));
        await phone.Mana("notes", new { clientId = "phone", changes = new object[] { Insert("n1", new { title = "Hello", updatedAt = "2026-03-01T09:00:00Z" }) } });
        await phone.Mana("notes", new { clientId = "phone", changes = new object[] { Update("n1", new { title = new { value = "Hi", at = "2026-03-01T09:00:01.000Z" } }) } });

        var changes = (await laptop.Mana("notes", new { clientId = "laptop", changes = Array.Empty<object>() }))["serverChanges"]!.AsArray();
        changes.Select(change => change!.Text("op")).ShouldBe(["insert", "update"]);
        changes[0]!["data"]!.Text("title").ShouldBe("Hello");
        changes[1]!["fields"]!["title"]!.ToJsonString().ShouldBe("""{"value":"Hi","at":"2026-03-01T09:00:01.000Z"}""");
        (await laptop.ManaPull("notes", "items", Beginning))["changes"]!.AsArray().Count.ShouldBe(2);
        (await laptop.ManaPull("notes", "other", Beginning))["changes"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_device_does_not_hear_itself_but_gets_its_data_back_when_it_was_wiped()
    {
        var client = app.As("bea");
        var first = await client.Mana("notes", new { clientId = "d", changes = new object[] { Insert("n", new { a = 1 }) } });
        var next = await client.Mana("notes", new { clientId = "d", since = first.Text("syncedUntil"), changes = new object[] { Insert("m", new { a = 2 }) } });
        next["serverChanges"]!.AsArray().ShouldBeEmpty();
        (await client.Mana("notes", new { clientId = "d" }))["serverChanges"]!.AsArray().Count.ShouldBe(2);
        (await client.Mana("notes", new { since = first.Text("syncedUntil") }))["serverChanges"]!.AsArray().Count.ShouldBe(1, "an empty client id hides nothing");
    }

    [Fact]
    public async Task A_retried_change_is_delivered_once()
    {
        var client = app.As("carl");
        object[] changes =
        [
            Insert("n", new { a = 1 }),
            Update("n", new { b = new { value = 2 } }),
            new { table = "items", id = "gone", op = "delete" },
        ];
        for (var i = 0; i < 3; i++)
            await client.Mana("notes", new { clientId = "d", changes });
        (await client.ManaPull("notes", "items", Beginning))["changes"]!.AsArray().Select(change => change!.Text("op")).ShouldBe(["insert", "update", "delete"]);
    }

    [Fact]
    public async Task Cursors_begin_with_a_time_of_fixed_width_and_rise_as_strings()
    {
        var client = app.As("dan");
        var cursors = new List<string>();
        for (var i = 0; i < 20; i++)
            cursors.Add((await client.Mana("notes", new { clientId = "d", since = cursors.LastOrDefault(), changes = new object[] { Insert($"n{i}", new { i }) } })).Text("syncedUntil"));
        cursors.ShouldAllBe(cursor => CursorForm().IsMatch(cursor));
        cursors.Select(cursor => cursor[..27]).ShouldBe(cursors.Select(cursor => cursor[..27]).Distinct().Order(StringComparer.Ordinal));
        (await client.Mana("notes", new { clientId = "d", since = cursors[^1] })).Text("syncedUntil").ShouldBe(cursors[^1], "nothing new, nothing moves");
    }

    [Fact]
    public async Task More_than_a_page_comes_whole_through_push_deltas_and_pulls()
    {
        var client = app.As("eva");
        for (var i = 0; i < 3; i++)
            await client.Mana("notes", new { clientId = "w", changes = Enumerable.Range(0, 701).Select(n => Insert($"{i}-{n}", new { n })).ToArray() });
        var (byPush, byPull) = (new List<string>(), new List<string>());
        var cursor = "";
        JsonNode page;
        do
        {
            page = await client.Mana("notes", new { clientId = "r", since = cursor });
            byPush.AddRange(page["serverChanges"]!.AsArray().Select(change => change!.Text("id")));
            cursor = page.Text("syncedUntil");
        }
        while (page["hasMore"]?.GetValue<bool>() == true);
        cursor = Beginning;
        do
        {
            page = await client.ManaPull("notes", "items", cursor);
            page["changes"]!.AsArray().Count.ShouldBeLessThanOrEqualTo(1000);
            byPull.AddRange(page["changes"]!.AsArray().Select(change => change!.Text("id")));
            cursor = page.Text("syncedUntil");
        }
        while (page["hasMore"]!.GetValue<bool>());
        byPush.Count.ShouldBe(2103);
        byPush.Distinct().Count().ShouldBe(2103);
        byPull.ShouldBe(byPush);
    }

    [Fact]
    public async Task A_push_into_a_space_that_is_not_the_callers_stores_nothing()
    {
        var (fred, gwen) = (app.As("fred"), app.As("gwen"));
        var space = (await fred.PostAsync("/v1/workspaces", new { name = "Fred's" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        var foreign = await gwen.TryMana("notes", Two(space)).ShouldBeProblemAsync(403, "space_forbidden");
        foreign["changes"]!.ToJsonString().ShouldBe($$"""[{"index":1,"spaceId":"{{space}}"}]""");
        var unknown = await gwen.TryMana("notes", Two("no-such-space")).ShouldBeProblemAsync(403, "space_forbidden");
        unknown.Text("detail").ShouldBe(foreign.Text("detail"));
        (await gwen.ManaPull("notes", "items", Beginning))["changes"]!.AsArray().ShouldBeEmpty();
        (await fred.ManaPull("notes", "items", Beginning))["changes"]!.AsArray().ShouldBeEmpty();

        static object Two(string space) => new
        {
            clientId = "d",
            changes = new object[] { Insert("mine", new { a = 1 }), Insert("theirs", new { a = 1, spaceId = space }) },
        };
    }

    [Fact]
    public async Task Who_joins_with_an_advanced_cursor_gets_the_history_of_the_space_once()
    {
        var (hal, ida) = (app.As("hal"), app.As("ida"));
        var space = (await hal.PostAsync("/v1/workspaces", new { name = "Hal's" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await hal.Mana("notes", new { clientId = "h", changes = new object[] { Insert("old", new { a = 1, spaceId = space }) } });
        var before = (await ida.Mana("notes", new { clientId = "i", changes = new object[] { Insert("own", new { a = 1 }) } })).Text("syncedUntil");
        await hal.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("ida"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);

        var joined = await ida.Mana("notes", new { clientId = "i", since = before });
        joined["serverChanges"]!.AsArray().ShouldHaveSingleItem()!.Text("id").ShouldBe("old");
        (await ida.Mana("notes", new { clientId = "i", since = joined.Text("syncedUntil") }))["serverChanges"]!.AsArray().ShouldBeEmpty();
        // A bare time, as a client brings it from another server, knows nothing of the space either.
        var now = TimeProvider.System.GetUtcNow().AddHours(1).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
        (await ida.Mana("notes", new { clientId = "i", since = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) }))
            ["serverChanges"]!.AsArray().Select(change => change!.Text("id")).ShouldContain("old");
        (await ida.Mana("notes", new { clientId = "x", since = now }))["serverChanges"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task What_cannot_be_stored_is_left_out_alone()
    {
        var client = app.As("jim");
        var body = """
            {"clientId":"d","newer":{"member":true},"changes":[
              {"table":"items","id":"a","op":"insert","data":{"t":"nul \u0000"}},
              {"table":"items","id":"b","op":"update","fields":{"x":null,"y":{"value":9007199254740993,"updatedAt":"2026-03-01T09:00:00Z"}},"more":1},
              {"table":"items","id":"c","op":"update","fields":{"x":{"value":1,"at":"2099-01-01T00:00:00Z"}}},
              {"table":"items","id":"d","op":"insert","data":{"t":"half \ud800"}}]}
            """;
        var answer = await client.SendRawAsync(HttpMethod.Post, "/sync/notes", body).ShouldBeAsync(HttpStatusCode.OK);
        answer["rejected"]!.AsArray().Select(rejected => $"{rejected!["index"]} {rejected.Text("code")}")
            .ShouldBe(["0 unstorable_value", "2 clock_skew", "3 unstorable_value"]);
        answer["rejected"]![1]!.Text("serverTime").ShouldStartWith("20");
        var stored = (await client.ManaPull("notes", "items", Beginning))["changes"]!.AsArray().ShouldHaveSingleItem()!;
        stored["data"]!.ToJsonString().ShouldBe("""{"x":null,"y":9007199254740993}""");
    }

    [Theory]
    [InlineData("""{"changes":[{"table":"t","id":"1","op":"upsert"}]}""", "invalid op \"upsert\" in change 0")]
    [InlineData("""{"changes":[{"table":"t","id":"1","op":"delete"},{"table":"","id":"1","op":"delete"}]}""", "missing table or id in change 1")]
    [InlineData("""{"schemaVersion":2}""", "unsupported schemaVersion 2 (max 1)")]
    [InlineData("""{"changes":[]} {}""", "JSON")]
    [InlineData("""{"changes":[],"changes":[]}""", "JSON")]
    [InlineData("""[]""", "object")]
    public async Task A_push_that_cannot_be_read_is_refused_by_a_problem_document(string body, string words)
    {
        var problem = await app.As("kay").SendRawAsync(HttpMethod.Post, "/sync/notes", body).ShouldBeAsync(HttpStatusCode.BadRequest);
        problem.Text("detail").ShouldContain(words);
        problem.Text("code").ShouldNotBeEmpty();
    }

    [Theory]
    [InlineData("collection=items")]
    [InlineData("since=1970-01-01T00:00:00Z")]
    public async Task A_pull_without_its_parameters_is_refused(string query) =>
        (await app.As("lou").GetAsync($"/sync/notes/pull?{query}").ShouldBeProblemAsync(400, "missing_parameter"))
            .Text("detail").ShouldBe("missing collection or since parameter");

    [Theory]
    [InlineData("{}", 400)]
    [InlineData("""{"Changes":[]}""", 400)]
    [InlineData("""{"clientId":"d"}""", 200)]
    [InlineData("""{"clientId":"d","mutations":[{"id":1,"table":"items","recordId":"a","op":"insert","fields":{}}]}""", 400)]
    [InlineData("""{"clientId":"d","changes":null,"newer":1}""", 200)]
    [InlineData("""{"clientId":"d","since":""}""", 200)]
    public async Task A_body_of_another_protocol_is_not_taken_for_a_push_without_changes(string body, int status)
    {
        var answer = await app.As("max").SendRawAsync(HttpMethod.Post, "/sync/notes", body);
        ((int)answer.StatusCode).ShouldBe(status);
        if (status == 400)
            (await answer.Content.ReadAsStringAsync()).ShouldContain("changes is missing");
    }

    [Fact]
    public async Task Bodies_are_bounded_compressed_or_not()
    {
        var client = app.As("mia");
        await client.SendRawAsync(HttpMethod.Post, "/sync/notes", $$"""{"x":"{{new string('x', 11 << 20)}}"}""").ShouldBeProblemAsync(413, "body_too_large");
        await client.SendAsync(Gzip("/sync/notes", $$"""{"x":"{{new string('x', 64 << 20)}}"}""")).ShouldBeProblemAsync(413, "body_too_large");
        (await client.SendAsync(Gzip("/sync/notes", """{"clientId":"d","changes":[{"table":"items","id":"z","op":"insert","data":{"a":1}}]}""")).ShouldBeAsync(HttpStatusCode.OK))
            ["serverChanges"]!.AsArray().ShouldHaveSingleItem();
        await client.TryMana("notes", new { changes = Enumerable.Range(0, 10_001).Select(i => new { table = "t", id = $"{i}", op = "delete" }) })
            .ShouldBeProblemAsync(422, "too_many_changes");
    }

    private static object Insert(string id, object data) => new { table = "items", id, op = "insert", data };

    private static object Update(string id, object fields) => new { table = "items", id, op = "update", fields };

    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z~[A-Za-z0-9_-]+$")]
    private static partial Regex CursorForm();
}
