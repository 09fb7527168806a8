using System.Net;
using System.Net.ServerSentEvents;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Two nodes on one database; the clock of the second is ten minutes ahead.</summary>
public sealed class TwoNodeTests(LockstepApp one, PostgresServer postgres) : IClassFixture<LockstepApp>, IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);
    private LockstepApp two = null!;

    public async ValueTask InitializeAsync()
    {
        two = new LockstepApp(postgres) { ExistingDatabase = one.Database, Time = new AheadTime() };
        await two.InitializeAsync();
    }

    public ValueTask DisposeAsync() => two.DisposeAsync();

    [Fact]
    public async Task What_is_written_on_one_node_is_read_on_the_other_with_the_cursor_that_came_back()
    {
        var (_, cursor) = await one.As("ta").PullAll("todo");
        for (var i = 1; i <= 20; i++)
        {
            await (i % 2 == 0 ? one : two).As("ta").Push("todo", "c", Mutation(i, $"r{i}", new { a = new { value = i } }));
            (var changes, cursor) = await (i % 2 == 0 ? two : one).As("ta").PullAll("todo", cursor);
            changes.ShouldHaveSingleItem().Text("recordId").ShouldBe($"r{i}");
        }
    }

    [Fact]
    public async Task Defect_2_a_node_whose_clock_is_ten_minutes_off_loses_nothing_of_either_protocol()
    {
        var since = "";
        for (var i = 1; i <= 12; i++)
        {
            var (writer, reader) = i % 2 == 0 ? (one, two) : (two, one);
            if (i % 3 == 0)
                await writer.As("tb").Push("todo", "n", Mutation(i / 3, $"r{i}", new { a = new { value = i } }));
            else
                await writer.As("tb").Mana("todo", new { clientId = "w", changes = new[] { new { table = "items", id = $"r{i}", op = "insert", data = new { i } } } });
            var page = await reader.As("tb").Mana("todo", new { clientId = "r", since });
            page["serverChanges"]!.AsArray().ShouldHaveSingleItem()!.Text("id").ShouldBe($"r{i}");
            string.CompareOrdinal(page.Text("syncedUntil"), since).ShouldBeGreaterThan(0);
            since = page.Text("syncedUntil");
        }
        // The clock that bounds the future is the database's: neither node lets 2099 in, and both take now.
        foreach (var node in new[] { one, two })
            (await node.As("tb").Push("todo", $"clock-{node == one}", Mutation(1, "late", new { a = Field(1, "2099-01-01T00:00:00Z") }))).ShouldBe(["rejected: clock_skew"]);
    }

    [Fact]
    public async Task Defect_24_a_stream_on_one_node_hears_what_the_other_commits()
    {
        await using var ear = await Ear.Listen(two.As("tc"), "/v1/sync/todo/stream");
        for (var i = 1; i <= 5; i++)
        {
            await one.As("tc").Push("todo", "c", Mutation(i, $"r{i}", new { a = new { value = i } }));
            (await ear.Next())["changes"]!.AsArray().ShouldHaveSingleItem()!.Text("recordId").ShouldBe($"r{i}");
        }
    }

    [Fact]
    public async Task Defect_20_who_is_removed_on_one_node_is_told_on_the_other_what_to_forget_and_hears_nothing_more()
    {
        await two.As("te").GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await one.As("td").PostAsync("/v1/workspaces", new { name = "T" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await one.As("td").PostAsync($"/v1/workspaces/{space}/members", new { userId = one.UserId("te"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        await one.As("td").Push("todo", "c", Mutation(1, "shared", new { a = new { value = 1 } }, space: space));
        await using var ear = await Ear.Listen(two.As("te"), "/v1/sync/todo/stream");
        (await ear.Next())["changes"]!.AsArray().Count.ShouldBe(1);
        await one.As("td").DeleteAsync($"/v1/workspaces/{space}/members/{one.UserId("te")}").ShouldBeAsync(HttpStatusCode.NoContent);
        await one.As("td").Push("todo", "c", Mutation(2, "secret", new { a = new { value = 1 } }, space: space));
        var told = await ear.Next();
        told["changes"]!.AsArray().ShouldBeEmpty();
        told["removedScopes"]!.AsArray().ShouldHaveSingleItem()!.GetValue<string>().ShouldBe(space);
        await two.As("te").Push("todo", "e", Mutation(1, "own", new { a = new { value = 1 } }));
        (await ear.Next())["changes"]!.AsArray().ShouldHaveSingleItem()!.Text("recordId").ShouldBe("own");
    }

    [Fact]
    public async Task Defect_8_a_stream_goes_on_page_by_page_and_misses_nothing_between_catching_up_and_following()
    {
        var client = one.As("tf");
        const int Before = 1300;
        await client.Push("todo", "c", [.. Enumerable.Range(1, Before).Select(i => Mutation(i, $"r{i}", new { a = new { value = i } }))]);
        await using var ear = await Ear.Listen(two.As("tf"), "/v1/sync/todo/stream");
        var writing = Task.Run(async () =>
        {
            for (var i = Before + 1; i <= Before + 200; i++)
                await client.Push("todo", "c", Mutation(i, $"r{i}", new { a = new { value = i } }));
        });
        var seen = new List<string>();
        while (seen.Count < Before + 200)
            seen.AddRange((await ear.Next())["changes"]!.AsArray().Select(change => change!.Text("recordId")));
        await writing;
        seen.ShouldBe(Enumerable.Range(1, Before + 200).Select(i => $"r{i}"));
    }

    [Fact]
    public async Task Records_that_are_written_while_a_client_pages_arrive_with_their_last_value()
    {
        var client = one.As("tg");
        const int Records = 300;
        await client.Push("todo", "c", [.. Enumerable.Range(1, Records).Select(i => Mutation(i, $"r{i}", new { v = new { value = 0 } }))]);
        var values = new Dictionary<string, int>();
        string? cursor = null;
        for (var (page, id) = (0, Records + 1L); ; page++)
        {
            var answer = await two.As("tg").Pull("todo", cursor, "&limit=50");
            foreach (var change in answer["changes"]!.AsArray())
                values[change!.Text("recordId")] = change!.Value("v")!.GetValue<int>();
            cursor = answer.Text("cursor");
            if (!answer["hasMore"]!.GetValue<bool>())
                break;
            if (page < 5) // Of those that were read, and of those that come.
                await client.Push("todo", "c", Mutation(id++, "r1", new { v = new { value = page + 1 } }), Mutation(id++, $"r{Records}", new { v = new { value = page + 1 } }));
        }
        values.Count.ShouldBe(Records);
        (values["r1"], values[$"r{Records}"]).ShouldBe((5, 5));
    }

    /// <summary>Ten minutes ahead.</summary>
    private sealed class AheadTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => System.GetUtcNow().AddMinutes(10);
    }

    private sealed class Ear(HttpResponseMessage response, IAsyncEnumerator<SseItem<string>> items) : IAsyncDisposable
    {
        public static async Task<Ear> Listen(HttpClient client, string path)
        {
            var response = await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, path), HttpCompletionOption.ResponseHeadersRead).WaitAsync(Bound);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            return new Ear(response, SseParser.Create(await response.Content.ReadAsStreamAsync()).EnumerateAsync().GetAsyncEnumerator());
        }

        public async Task<JsonNode> Next()
        {
            while (await items.MoveNextAsync().AsTask().WaitAsync(Bound))
                if (items.Current.EventType == "changes")
                    return JsonNode.Parse(items.Current.Data)!;
            throw new ShouldAssertException("The stream ended.");
        }

        public ValueTask DisposeAsync()
        {
            response.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
