using System.Buffers.Text;
using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>A user of 500 spaces: the cursor names them all, and is taken wherever the protocol takes one.</summary>
public sealed class ManySpacesTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const int Spaces = 500;

    [Fact]
    public async Task A_cursor_of_five_hundred_spaces_pulls_streams_and_tells_which_space_was_left()
    {
        var (ada, bob) = (app.As("ada"), app.As("bob"));
        await ada.Push("todo", "a", Mutation(1, "own", new { v = new { value = 1 } }));
        await bob.Push("todo", "b", Mutation(1, "own", new { v = new { value = 1 } }));
        var spaces = await MakeSpaces();
        await bob.Push("todo", "b", Mutation(2, "first", new { v = new { value = 1 } }, space: spaces[0]), Mutation(3, "last", new { v = new { value = 1 } }, space: spaces[^1]));

        var (changes, cursor) = await ada.PullAll("todo");
        changes.Select(change => change.Text("recordId")).ShouldBe(["own", "first", "last"], ignoreOrder: true);
        cursor.Length.ShouldBeInRange(Spaces * 45, Spaces * 50);
        (await ada.PullAll("todo", cursor)).Changes.ShouldBeEmpty();
        (await Post(ada, cursor))["changes"]!.AsArray().ShouldBeEmpty();

        await bob.Push("todo", "b", Mutation(4, "more", new { v = new { value = 1 } }, space: spaces[250]));
        (await ada.Pull("todo", cursor))["changes"]!.AsArray().ShouldHaveSingleItem()!.Text("recordId").ShouldBe("more");
        (await Post(ada, cursor))["changes"]!.AsArray().ShouldHaveSingleItem()!.Text("recordId").ShouldBe("more");
        foreach (var asked in Streams(cursor))
            (await FirstOf(ada, asked))["changes"]!.AsArray().ShouldHaveSingleItem()!.Text("recordId").ShouldBe("more");

        await bob.DeleteAsync($"/v1/workspaces/{spaces[7]}/members/{app.UserId("ada")}").ShouldBeAsync(HttpStatusCode.NoContent);
        (await ada.Pull("todo", cursor))["removedScopes"]!.AsArray().Select(scope => scope!.GetValue<string>()).ShouldBe([spaces[7]]);
    }

    [Fact]
    public async Task A_cursor_of_the_former_form_starts_anew_and_a_bad_body_is_refused()
    {
        var ada = app.As("cat");
        await ada.Push("todo", "a", Mutation(1, "own", new { v = new { value = 1 } }));
        var former = Base64Url.EncodeToString([1, .. new byte[16], .. """[{"S":"00000000-0000-0000-0000-000000000000","N":1,"E":1,"L":""}]"""u8]);
        await ada.GetAsync($"/v1/sync/todo/pull?cursor={former}").ShouldBeProblemAsync(409, "cursor_reset");
        await ada.PostAsync("/v1/sync/todo/pull", new { cursor = former }).ShouldBeProblemAsync(409, "cursor_reset");
        await ada.PostAsync("/v1/sync/todo/pull", new { cursor = "nonsense" }).ShouldBeProblemAsync(400, "invalid_cursor");
        await ada.PostAsync("/v1/sync/todo/pull", new { limit = 0 }).ShouldBeProblemAsync(422, "invalid_request");
        await ada.PostAsync("/v1/sync/todo/pull", new { collections = new[] { "items", null } }).ShouldBeProblemAsync(422, "invalid_request");
        await ada.PostAsync("/v1/sync/todo/stream", new { cursor = "nonsense" }).ShouldBeProblemAsync(400, "invalid_cursor");
        await ada.PostAsync("/v1/sync/todo/pull", new { collection = "items" }).ShouldBeProblemAsync(400, "invalid_json");
        (await ada.PostAsync("/v1/sync/todo/pull", new { collections = new[] { "items" }, limit = 1 }).ShouldBeAsync(HttpStatusCode.OK))["changes"]!.AsArray().Count.ShouldBe(1);
    }

    private static Task<JsonNode> Post(HttpClient client, string cursor) =>
        client.PostAsync("/v1/sync/todo/pull", new { cursor }).ShouldBeAsync(HttpStatusCode.OK);

    private static IEnumerable<HttpRequestMessage> Streams(string cursor)
    {
        yield return new HttpRequestMessage(HttpMethod.Get, $"/v1/sync/todo/stream?cursor={cursor}");
        var header = new HttpRequestMessage(HttpMethod.Get, "/v1/sync/todo/stream");
        header.Headers.Add("Last-Event-ID", cursor);
        yield return header;
        yield return new HttpRequestMessage(HttpMethod.Post, "/v1/sync/todo/stream")
        {
            Content = new StringContent(new JsonObject { ["cursor"] = cursor }.ToJsonString(), null, "application/json"),
        };
    }

    private static async Task<JsonNode> FirstOf(HttpClient client, HttpRequestMessage request)
    {
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        await foreach (var item in SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync())
            return JsonNode.Parse(item.Data)!;
        throw new ShouldAssertException("The stream ended without an event.");
    }

    /// <summary>By SQL, since 500 calls are slow: owned by bob, with ada in them, each with a scope as its first push makes it.</summary>
    private async Task<string[]> MakeSpaces()
    {
        await using var connection = await app.ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = """
            WITH w AS (
                INSERT INTO lockstep.workspaces (id, name, slug)
                SELECT gen_random_uuid(), 'Space ' || n, 'space-' || n FROM generate_series(1, $3) n RETURNING id),
            m AS (
                INSERT INTO lockstep.workspace_members (workspace_id, user_id, role)
                SELECT w.id, u.id, u.role FROM w, (VALUES ($1, 'member'), ($2, 'owner')) u(id, role)),
            s AS (
                INSERT INTO lockstep.sync_scopes (scope_id, workspace_id) SELECT gen_random_uuid(), w.id FROM w)
            SELECT array_agg(w.id::text) FROM w
            """;
        foreach (var value in new object[] { app.UserId("ada"), app.UserId("bob"), Spaces })
            command.Parameters.Add(new Npgsql.NpgsqlParameter { Value = value });
        return (string[])(await command.ExecuteScalarAsync())!;
    }
}
