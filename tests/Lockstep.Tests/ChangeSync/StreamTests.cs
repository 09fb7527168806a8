using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

public sealed class StreamTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_native_stream_catches_up_follows_and_resumes_where_it_broke()
    {
        var client = app.As("ada");
        await client.Push("todo", "c", Mutation(1, "before", new { a = new { value = 1 } }));
        string? last;
        await using (var stream = await Listen(client, "/v1/sync/todo/stream"))
        {
            (await stream.Next("changes")).Changed.ShouldBe(["before"]);
            await client.Push("todo", "c", Mutation(2, "during", new { a = new { value = 1 } }));
            var during = await stream.Next("changes");
            during.Changed.ShouldBe(["during"]);
            last = during.Id;
        }
        await client.Push("todo", "c", Mutation(3, "after", new { a = new { value = 1 } }));
        await using var resumed = await Listen(client, "/v1/sync/todo/stream", last);
        (await resumed.Next("changes")).Changed.ShouldBe(["after"]);
    }

    [Fact]
    public async Task A_mana_stream_tells_each_collection_for_itself()
    {
        var client = app.As("bob");
        await using var stream = await Listen(client, "/sync/todo/stream?collections=a,b");
        await client.Mana("todo", new
        {
            clientId = "x",
            changes = new[] { "a", "b", "c" }.Select(table => new { table, id = $"in-{table}", op = "insert", data = new { v = 1 } }),
        });
        var events = new[] { await stream.Next("changes"), await stream.Next("changes") };
        events.Select(e => e.Data.Text("table")).ShouldBe(["a", "b"]);
        events[1].Data.Text("syncedUntil").ShouldBe(events[1].Id);
    }

    [Fact]
    public async Task Who_is_removed_hears_that_the_space_is_gone_and_nothing_more_of_it()
    {
        var (cat, dee) = (app.As("cat"), app.As("dee"));
        await dee.Push("todo", "d", Mutation(1, "own", new { a = new { value = 1 } }));
        var space = (await cat.PostAsync("/v1/workspaces", new { name = "Cats" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await cat.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("dee"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        await cat.Push("todo", "c", Mutation(1, "shared", new { a = new { value = 1 } }, space: space));

        await using var stream = await Listen(dee, "/v1/sync/todo/stream");
        (await stream.Next("changes")).Changed.ShouldBe(["own", "shared"], ignoreOrder: true);
        await cat.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("dee")}");
        await cat.Push("todo", "c", Mutation(2, "secret", new { a = new { value = 1 } }, space: space));
        var gone = await stream.Next("changes");
        gone.Changed.ShouldBeEmpty();
        gone.Data["removedScopes"]!.AsArray().ShouldHaveSingleItem()!.GetValue<string>().ShouldBe(space);
    }

    [Fact]
    public async Task A_stream_ends_with_the_token_that_opened_it()
    {
        using var client = app.As("eli");
        client.DefaultRequestHeaders.Authorization = new("Bearer", app.Token("eli", JwtClaims.Authenticated, Duration.FromSeconds(3)));
        await using var stream = await Listen(client, "/v1/sync/todo/stream");
        (await stream.Ends()).ShouldBeTrue();
    }

    [Fact]
    public async Task A_stream_from_a_bad_cursor_is_a_problem_document() =>
        await app.As("flo").GetAsync("/v1/sync/todo/stream?cursor=nonsense").ShouldBeProblemAsync(400, "invalid_cursor");

    internal static async Task<Ear> Listen(HttpClient client, string path, string? lastEventId = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return new Ear(response, SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().GetAsyncEnumerator());
    }

    internal sealed record Heard(string? Id, JsonNode Data)
    {
        public IEnumerable<string> Changed => Data["changes"]!.AsArray().Select(change => change!.Text("recordId"));
    }

    internal sealed class Ear(HttpResponseMessage response, IAsyncEnumerator<SseItem<string>> items) : IAsyncDisposable
    {
        public async Task<Heard> Next(string type)
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound))
                if (items.Current.EventType == type)
                    return new Heard(items.Current.EventId, JsonNode.Parse(items.Current.Data)!);
            throw new ShouldAssertException($"The stream ended without an event '{type}'.");
        }

        public async Task<bool> Ends()
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound))
            {
            }
            return true;
        }

        public ValueTask DisposeAsync()
        {
            response.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
