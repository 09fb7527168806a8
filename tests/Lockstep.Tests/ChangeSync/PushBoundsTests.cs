using System.Net;
using Lockstep.Server.ChangeSync;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Pushes made to cost more than they weigh, and nulls and NULs where nobody means them.</summary>
public sealed class PushBoundsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Native = "/v1/sync/todo/push";
    private const string Mana = "/sync/todo";

    [Theory]
    [InlineData(Native)]
    [InlineData(Mana)]
    public async Task A_little_gzip_that_becomes_millions_of_arrays_is_refused(string path)
    {
        var request = Gzip(path, Body(path, Arrays(3_450_000)));
        (await request.Content!.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Length.ShouldBeLessThan(128 * 1024);
        await app.As("adam").SendAsync(request).ShouldBeProblemAsync(413, "body_too_large");
    }

    [Theory]
    [InlineData(Native)]
    [InlineData(Mana)]
    public async Task A_push_of_too_many_tokens_is_refused_however_small(string path)
    {
        (await app.As("bea").SendRawAsync(HttpMethod.Post, path, Body(path, Arrays(JsonBounds.MostTokens / 2))).ShouldBeProblemAsync(413, "body_too_large"))
            .Text("detail").ShouldContain("tokens");
    }

    [Fact]
    public async Task A_native_value_that_is_too_large_is_rejected_alone_and_the_largest_is_kept()
    {
        var client = app.As("carl");
        var body = """
            {"clientId":"c","mutations":[
              {"id":1,"table":"t","recordId":"tokens","op":"update","fields":{"v":{"value":TOKENS}}},
              {"id":2,"table":"t","recordId":"bytes","op":"update","fields":{"v":{"value":"BYTES"}}},
              {"id":3,"table":"t","recordId":"actor","op":"update","actor":ACTOR,"fields":{"v":{"value":1}}},
              {"id":4,"table":"t","recordId":"kept","op":"update","fields":{"s":{"value":"LONGEST"},"a":{"value":WIDEST}}}]}
            """
            .Replace("TOKENS", Arrays(JsonBounds.MostValueTokens / 2), StringComparison.Ordinal)
            .Replace("BYTES", new string('x', JsonBounds.LargestValue), StringComparison.Ordinal)
            .Replace("ACTOR", Arrays(JsonBounds.MostValueTokens), StringComparison.Ordinal)
            .Replace("LONGEST", new string('x', JsonBounds.LargestValue - 2), StringComparison.Ordinal)
            .Replace("WIDEST", Arrays((JsonBounds.MostValueTokens / 2) - 1), StringComparison.Ordinal);
        var answer = await client.SendRawAsync(HttpMethod.Post, Native, body).ShouldBeAsync(HttpStatusCode.OK);
        answer["results"]!.AsArray().Select(result => $"{result!.Text("status")} {result!["code"]}")
            .ShouldBe(["rejected value_too_large", "rejected value_too_large", "rejected value_too_large", "applied "]);
        var kept = (await client.PullAll("todo")).Changes.ShouldHaveSingleItem();
        kept.Text("recordId").ShouldBe("kept");
        kept.Value("s")!.GetValue<string>().Length.ShouldBe(JsonBounds.LargestValue - 2);
        kept.Value("a")!.AsArray().Count.ShouldBe((JsonBounds.MostValueTokens / 2) - 1);
    }

    [Fact]
    public async Task What_its_sender_escaped_is_measured_as_it_is_stored()
    {
        var client = app.As("cora");
        var escaped = string.Concat(Enumerable.Repeat("\\u0436", 700_000));
        var answer = await client.SendRawAsync(HttpMethod.Post, Native, Body(Native, $"\"{escaped}\"")).ShouldBeAsync(HttpStatusCode.OK);
        answer["results"]![0]!.Text("status").ShouldBe("applied");
        (await client.PullAll("todo")).Changes.ShouldHaveSingleItem().Value("v")!.GetValue<string>().ShouldBe(new string('ж', 700_000));
    }

    [Fact]
    public async Task A_mana_value_that_is_too_large_is_left_out_alone()
    {
        var client = app.As("dan");
        var body = """
            {"clientId":"d","changes":[
              {"table":"items","id":"a","op":"insert","data":{"v":LARGE}},
              {"table":"items","id":"b","op":"update","fields":{"v":{"value":LARGE}}},
              {"table":"items","id":"c","op":"delete","actor":LARGE},
              {"table":"items","id":"d","op":"insert","data":{"v":1}}]}
            """.Replace("LARGE", Arrays(JsonBounds.MostValueTokens / 2), StringComparison.Ordinal);
        var answer = await client.SendRawAsync(HttpMethod.Post, Mana, body).ShouldBeAsync(HttpStatusCode.OK);
        answer["rejected"]!.AsArray().Select(rejected => $"{rejected!["index"]} {rejected.Text("code")}")
            .ShouldBe(["0 value_too_large", "1 value_too_large", "2 value_too_large"]);
        answer["serverChanges"]!.AsArray().ShouldHaveSingleItem()!.Text("id").ShouldBe("d");
    }

    [Fact]
    public async Task A_null_for_a_mutation_or_a_change_is_refused()
    {
        var client = app.As("eva");
        await client.SendRawAsync(HttpMethod.Post, Native, """{"clientId":"c","mutations":[null]}""").ShouldBeProblemAsync(422, "invalid_request");
        await client.SendRawAsync(HttpMethod.Post, Native, """{"clientId":"c","mutations":[{"id":1,"table":"t","recordId":"r","op":"delete"},null]}""")
            .ShouldBeProblemAsync(422, "invalid_request");
        await client.SendRawAsync(HttpMethod.Post, Mana, """{"changes":[null]}""").ShouldBeProblemAsync(400, "invalid_change");
        (await client.PullAll("todo")).Changes.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_null_for_a_field_is_rejected_alone()
    {
        var client = app.As("finn");
        var answer = await client.SendRawAsync(HttpMethod.Post, Native,
            """{"clientId":"c","mutations":[{"id":1,"table":"t","recordId":"r","op":"update","fields":{"a":null}},{"id":2,"table":"t","recordId":"s","op":"update","fields":{"a":{"value":null}}}]}""")
            .ShouldBeAsync(HttpStatusCode.OK);
        answer["results"]!.AsArray().Select(result => $"{result!.Text("status")} {result!["code"]}").ShouldBe(["rejected invalid_fields", "applied "]);
    }

    [Theory]
    [InlineData("/v1/sync/todo/pull?collections=%00")]
    [InlineData("/v1/sync/todo/pull?collections=a,b%00")]
    [InlineData("/v1/sync/todo/stream?collections=%00")]
    [InlineData("/sync/todo/pull?since=x&collection=%00")]
    [InlineData("/sync/todo/stream?collections=%00")]
    public async Task A_collection_that_no_table_can_be_called_is_refused(string path) =>
        await app.As("gus").GetAsync(path).ShouldBeProblemAsync(422, "invalid_request");

    /// <summary>An array of empty arrays: two tokens for each, and two.</summary>
    private static string Arrays(int count) => $"[{string.Join(',', Enumerable.Repeat("[]", count))}]";

    private static string Body(string path, string value) => (path == Native
        ? """{"clientId":"c","mutations":[{"id":1,"table":"t","recordId":"r","op":"update","fields":{"v":{"value":VALUE}}}]}"""
        : """{"clientId":"c","changes":[{"table":"t","id":"r","op":"update","fields":{"v":{"value":VALUE}}}]}""").Replace("VALUE", value, StringComparison.Ordinal);
}
