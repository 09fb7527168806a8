using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.ChangeSync;

/// <summary>What a client of the sync protocols sends and reads.</summary>
internal static class SyncCalls
{
    public static JsonObject Mutation(long id, string record, object? fields = null, string op = "update", string? space = null, string? at = null, string table = "items")
    {
        var mutation = new JsonObject { ["id"] = id, ["table"] = table, ["recordId"] = record, ["op"] = op };
        if (fields is not null)
            mutation["fields"] = System.Text.Json.JsonSerializer.SerializeToNode(fields);
        if (space is not null)
            mutation["spaceId"] = space;
        if (at is not null)
            mutation["at"] = at;
        return mutation;
    }

    public static object Field(object? value, string at) => new { value, at };

    public static Task<HttpResponseMessage> TryPush(this HttpClient client, string app, string clientId, params JsonObject[] mutations) =>
        client.SendRawAsync(HttpMethod.Post, $"/v1/sync/{app}/push",
            new JsonObject { ["clientId"] = clientId, ["mutations"] = new JsonArray([.. mutations.Select(mutation => mutation.DeepClone())]) }.ToJsonString());

    public static async Task<string[]> Push(this HttpClient client, string app, string clientId, params JsonObject[] mutations) =>
        [.. (await client.TryPush(app, clientId, mutations).ShouldBeAsync(HttpStatusCode.OK))["results"]!.AsArray()
            .Select(result => result!["code"] is { } code ? $"{result.Text("status")}: {code}" : result.Text("status"))];

    public static Task<JsonNode> Pull(this HttpClient client, string app, string? cursor = null, string query = "") =>
        client.GetAsync($"/v1/sync/{app}/pull?cursor={cursor}{query}").ShouldBeAsync(HttpStatusCode.OK);

    /// <summary>Everything from a cursor on, page by page.</summary>
    public static async Task<(List<JsonNode> Changes, string Cursor)> PullAll(this HttpClient client, string app, string? cursor = null, string query = "")
    {
        var changes = new List<JsonNode>();
        for (var pages = 0; pages < 1000; pages++)
        {
            var page = await client.Pull(app, cursor, query);
            changes.AddRange(page["changes"]!.AsArray().Select(change => change!));
            cursor = page.Text("cursor");
            if (!page["hasMore"]!.GetValue<bool>())
                return (changes, cursor);
        }
        throw new ShouldAssertException("A pull never came to an end.");
    }

    public static JsonNode? Value(this JsonNode change, string field) => change["fields"]?[field]?["value"];

    public static Task<HttpResponseMessage> TryMana(this HttpClient client, string app, object body) => client.PostAsync($"/sync/{app}", body);

    public static Task<JsonNode> Mana(this HttpClient client, string app, object body) => client.TryMana(app, body).ShouldBeAsync(HttpStatusCode.OK);

    public static Task<JsonNode> ManaPull(this HttpClient client, string app, string collection, string since) =>
        client.GetAsync($"/sync/{app}/pull?collection={collection}&since={Uri.EscapeDataString(since)}").ShouldBeAsync(HttpStatusCode.OK);

    public static HttpRequestMessage Gzip(string path, string body)
    {
        var bytes = new MemoryStream();
        using (var gzip = new StreamWriter(new GZipStream(bytes, CompressionLevel.Fastest, leaveOpen: true)))
            gzip.Write(body);
        var content = new ByteArrayContent(bytes.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        content.Headers.ContentEncoding.Add("gzip");
        return new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
    }
}
