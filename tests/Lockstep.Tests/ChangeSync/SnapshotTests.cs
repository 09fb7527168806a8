using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The first sync of a device.</summary>
public sealed class SnapshotTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Defect_18_a_new_device_gets_what_is_live_and_neither_history_nor_tombstones()
    {
        var client = app.As("s18");
        for (var i = 1; i <= 20; i++)
            await client.Push("notes", "c", Mutation(i, "n", new { v = new { value = i } }));
        await client.Push("notes", "c", Mutation(21, "gone", new { v = new { value = 1 } }), Mutation(22, "gone", op: "delete"), Mutation(23, "bare", op: "insert"));
        var lines = await Lines(client, "/v1/sync/notes/snapshot");
        var records = lines.SkipLast(1).SelectMany(line => line["changes"]!.AsArray()).Select(change => change!).ToList();
        records.Select(record => record.Text("recordId")).ShouldBe(["bare", "n"]);
        records[1].Value("v")!.GetValue<int>().ShouldBe(20);
        records[0].Text("writtenAt").ShouldNotBeEmpty();
        var cursor = lines[^1].Text("cursor");
        (await client.PullAll("notes", cursor)).Changes.ShouldBeEmpty();
        await client.Push("notes", "c", Mutation(24, "later", new { v = new { value = 1 } }));
        (await client.PullAll("notes", cursor)).Changes.ShouldHaveSingleItem().Text("recordId").ShouldBe("later");
    }

    [Fact]
    public async Task A_snapshot_that_breaks_off_goes_on_after_its_last_line_and_comes_compressed()
    {
        var client = app.As("ssa");
        await client.Push("big", "c", [.. Enumerable.Range(1, 700).Select(i => Mutation(i, $"r{i:0000}", new { v = new { value = new string('x', 1000) } }))]);
        var whole = await Lines(client, "/v1/sync/big/snapshot");
        whole.Count.ShouldBeGreaterThan(3);
        Ids(whole).Count.ShouldBe(700);
        var first = Ids(whole.Take(2));
        // Written before the place and after it, meanwhile.
        await client.Push("big", "c", Mutation(701, "a-before", new { v = new { value = 1 } }), Mutation(702, "z-after", new { v = new { value = 1 } }));
        var rest = await Lines(client, $"/v1/sync/big/snapshot?resume={Uri.EscapeDataString(whole[1].Text("resume"))}");
        var ids = first.Concat(Ids(rest)).ToList();
        ids.Distinct().Count().ShouldBe(ids.Count);
        ids.Concat((await client.PullAll("big", rest[^1].Text("cursor"))).Changes.Select(change => change.Text("recordId"))).ToHashSet().Count.ShouldBe(702);

        var request = new HttpRequestMessage(HttpMethod.Get, "/v1/sync/big/snapshot");
        request.Headers.AcceptEncoding.Add(new StringWithQualityHeaderValue("gzip"));
        using var response = await client.SendAsync(request);
        response.Content.Headers.ContentEncoding.ShouldBe(["gzip"]);
        var packed = await response.Content.ReadAsByteArrayAsync();
        packed.Length.ShouldBeLessThan(100_000);
        using var unpacked = new StreamReader(new GZipStream(new MemoryStream(packed), CompressionMode.Decompress));
        Ids((await unpacked.ReadToEndAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)).Count.ShouldBe(702);

        static List<string> Ids(IEnumerable<JsonNode> lines) =>
            [.. lines.SelectMany(line => line["changes"]?.AsArray() ?? []).Select(change => change!.Text("recordId"))];
    }

    [Fact]
    public async Task A_snapshot_has_the_spaces_of_the_caller_and_is_resumed_by_nobody_else()
    {
        var (ann, bo) = (app.As("sna"), app.As("snb"));
        var space = (await ann.PostAsync("/v1/workspaces", new { name = "S" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await ann.Push("todo", "c", Mutation(1, "shared", new { v = new { value = 1 } }, space: space), Mutation(2, "own", new { v = new { value = 1 } }));
        (await Lines(bo, "/v1/sync/todo/snapshot")).ShouldHaveSingleItem()["cursor"].ShouldNotBeNull();
        var lines = await Lines(ann, "/v1/sync/todo/snapshot?collections=items");
        lines.SkipLast(1).SelectMany(line => line["changes"]!.AsArray()).Select(change => change!["spaceId"]?.GetValue<string>()).ShouldBe([space, null], ignoreOrder: true);
        var resume = Uri.EscapeDataString(lines[0].Text("resume"));
        await bo.GetAsync($"/v1/sync/todo/snapshot?collections=items&resume={resume}").ShouldBeProblemAsync(409, "cursor_reset");
        await ann.GetAsync($"/v1/sync/todo/snapshot?resume={resume}").ShouldBeProblemAsync(409, "cursor_reset");
        await ann.GetAsync("/v1/sync/todo/snapshot?resume=nonsense").ShouldBeProblemAsync(400, "invalid_resume");
        await ann.GetAsync("/v1/sync/todo/snapshot?resume=a.b").ShouldBeProblemAsync(400, "invalid_resume");
        await app.Anonymous().GetAsync("/v1/sync/todo/snapshot").ShouldBeProblemAsync(401, "token_missing");
    }

    private static async Task<List<JsonNode>> Lines(HttpClient client, string path)
    {
        using var response = await client.GetAsync(path);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        return [.. (await response.Content.ReadAsStringAsync()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!)];
    }
}
