using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>What sync servers get wrong, each as a test of ours that says it does not happen here. Others have theirs: 1 TailingReaderTests; 6, 7, 9, 12, 14, 15, 19
/// ManaSyncTests; 10, 16, 17 NativeSyncTests; 22 and 24 ManaSocketTests; 27 PushBoundsTests.</summary>
public sealed class DefectTests(PostgresServer postgres, LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Defects_3_and_4_twelve_thousand_changes_of_few_moments_come_whole_through_push_deltas()
    {
        var client = app.As("d3");
        for (var i = 0; i < 2; i++)
            await client.Mana("notes", new { clientId = "w", changes = Enumerable.Range(0, 6000).Select(n => new { table = "items", id = $"{i}-{n}", op = "insert", data = new { n } }) });
        var (ids, cursor, more) = (new List<string>(), "", true);
        while (more)
        {
            var page = await client.Mana("notes", new { clientId = "r", since = cursor });
            ids.AddRange(page["serverChanges"]!.AsArray().Select(change => change!.Text("id")));
            string.CompareOrdinal(page.Text("syncedUntil"), cursor).ShouldBeGreaterThan(0);
            cursor = page.Text("syncedUntil");
            more = page["hasMore"]?.GetValue<bool>() == true;
        }
        (ids.Count, ids.Distinct().Count()).ShouldBe((12_000, 12_000));
    }

    [Fact]
    public async Task Defect_5_a_cursor_does_not_pass_what_its_reader_could_not_see()
    {
        var (ann, bo) = (app.As("d5a"), app.As("d5b"));
        var space = (await ann.PostAsync("/v1/workspaces", new { name = "Five" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ann.Push("todo", "c", Mutation(1, "before", new { a = new { value = 1 } }, space: space));
        await bo.Push("todo", "c", Mutation(1, "own", new { a = new { value = 1 } }));
        var (_, cursor) = await bo.PullAll("todo");
        await Member(ann, space, "d5b");
        // Away and back: everything of the space comes again, since who has left forgets it.
        (await bo.PullAll("todo", cursor)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("before");
        await ann.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("d5b")}").ShouldBeAsync(HttpStatusCode.NoContent);
        (_, cursor) = await bo.PullAll("todo", cursor);
        await Member(ann, space, "d5b");
        (await bo.PullAll("todo", cursor)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("before");
    }

    [Fact]
    public async Task Defect_11_a_push_is_stored_whole_or_not_at_all()
    {
        var client = app.As("d11");
        await client.TryMana("notes", new
        {
            clientId = "c",
            changes = new object[]
            {
                new { table = "items", id = "a", op = "insert", data = new { v = 1 } },
                new { table = "items", id = "b", op = "insert", data = new { v = 1 }, spaceId = "not-mine" },
            },
        }).ShouldBeProblemAsync(403, "space_forbidden");
        (await client.PullAll("notes")).Changes.ShouldBeEmpty();
        await client.TryPush("notes", "c", Mutation(1, "a", new { v = new { value = 1 } }), Mutation(3, "b", new { v = new { value = 1 } })).ShouldBeProblemAsync(422, "invalid_request");
        (await client.PullAll("notes")).Changes.ShouldBeEmpty();
    }

    [Fact]
    public async Task Defect_13_whatever_could_be_stored_can_be_read()
    {
        var client = app.As("d13");
        string[] values = ["1e400", "-0.0", "123456789012345678901234567890.123456789", "\"\\u0001\\u001f\\u2028\"", "[[[[[[[[1]]]]]]]]", "{\"\":{\"\":null}}", "\"\\ud83d\\ude00\"", "1E-300"];
        var mutations = string.Join(',', values.Select((value, i) => $$$"""{"id":{{{i + 1}}},"table":"items","recordId":"r{{{i}}}","op":"insert","fields":{"v":{"value":{{{value}}} } } }"""));
        var results = (await client.SendRawAsync(HttpMethod.Post, "/v1/sync/odd/push", $$"""{"clientId":"c","mutations":[{{mutations}}]}""").ShouldBeAsync(HttpStatusCode.OK))["results"]!.AsArray();
        var stored = results.Count(result => result!.Text("status") == "applied");
        stored.ShouldBeGreaterThan(6);
        (await client.PullAll("odd")).Changes.Count.ShouldBe(stored);
        var mana = await client.Mana("odd", new { clientId = "x" });
        mana["serverChanges"]!.AsArray().Count.ShouldBe(stored);
        (await client.GetStringAsync("/v1/export")).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(stored + 1);
    }

    [Fact]
    public async Task Defect_20_who_is_removed_gets_nothing_more_by_any_way()
    {
        var (ann, bo) = (app.As("d20a"), app.As("d20b"));
        await bo.GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await ann.PostAsync("/v1/workspaces", new { name = "Twenty" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await Member(ann, space, "d20b");
        await ann.Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }, space: space));
        var cursor = (await bo.Mana("todo", new { clientId = "b" })).Text("syncedUntil");
        await ann.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("d20b")}").ShouldBeAsync(HttpStatusCode.NoContent);
        await ann.Push("todo", "c", Mutation(2, "secret", new { a = new { value = 1 } }, space: space));
        (await bo.Mana("todo", new { clientId = "b", since = cursor }))["serverChanges"]!.AsArray().ShouldBeEmpty();
        (await bo.Mana("todo", new { clientId = "b" }))["serverChanges"]!.AsArray().ShouldBeEmpty();
        (await bo.GetStringAsync("/v1/export")).ShouldNotContain("secret");
        (await bo.Push("todo", "b", Mutation(1, "mine", new { a = new { value = 1 } }, space: space))).ShouldBe(["rejected: space_forbidden"]);
    }

    [Fact]
    public async Task Defect_22_a_token_of_another_issuer_or_for_another_audience_opens_no_way_in()
    {
        await using var strict = new LockstepApp(postgres) { ExistingDatabase = app.Database, Jwt = app.Jwt with { Issuer = "https://id.example.com/", Audience = "lockstep" } };
        await strict.InitializeAsync();
        await strict.As("d22").GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var issuer = new JwtIssuer(app.Jwt, TimeProvider.System);
        foreach (var (by, audience) in new[] { ("https://else.example.com/", "lockstep"), ("https://id.example.com/", "others"), (null, "lockstep"), ("https://id.example.com/", (string?)null) })
        {
            var token = issuer.Issue("d22@example.com", null, JwtClaims.Authenticated, Duration.FromHours(1), by, audience);
            var client = strict.Anonymous();
            client.DefaultRequestHeaders.Authorization = new("Bearer", token);
            await client.TryPush("todo", "c", Mutation(1, "r", new { v = new { value = 1 } })).ShouldBeProblemAsync(401, "token_invalid");
            await client.TryMana("todo", new { clientId = "c" }).ShouldBeProblemAsync(401, "token_invalid");
            foreach (var path in new[] { "/v1/sync/todo/pull", "/v1/sync/todo/snapshot", "/v1/sync/todo/stream", "/sync/todo/pull?collection=a&since=x", "/sync/todo/stream?collections=a", "/v1/export", "/backup/export" })
                await client.GetAsync(path).ShouldBeProblemAsync(401, "token_invalid");
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new Uri($"ws://{strict.Url.Authority}/ws"), CancellationToken.None);
            await socket.SendAsync(Encoding.UTF8.GetBytes(new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString()), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
            var buffer = new byte[4096];
            var answer = await socket.ReceiveAsync(buffer, CancellationToken.None);
            JsonNode.Parse(buffer.AsSpan(0, answer.Count))!.Text("code").ShouldBe("token_invalid");
        }
    }

    [Fact]
    public async Task Defect_23_a_database_that_refuses_is_not_quoted()
    {
        await using var connection = await app.ConnectAsync();
        await using (var sabotage = new NpgsqlCommand("ALTER TABLE lockstep.sync_records ADD CONSTRAINT a_very_private_name CHECK (record_id <> 'forbidden by the test')", connection))
            await sabotage.ExecuteNonQueryAsync();
        var response = await app.As("d23").TryPush("todo", "c", Mutation(1, "forbidden by the test", new { a = new { value = "a very private value" } }));
        var text = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).ShouldBeGreaterThanOrEqualTo(500);
        text.ShouldNotContain("private");
        JsonNode.Parse(text)!.Text("code").ShouldNotBeEmpty();
        (await app.As("d23").PullAll("todo")).Changes.ShouldBeEmpty();
    }

    private async Task Member(HttpClient admin, string space, string user) =>
        await admin.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(user), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
}
