using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;

namespace Lockstep.Tests.Vault;

/// <summary>Short words for the calls that most tests of the vault make.</summary>
internal static class CredentialCalls
{
    public static Task<JsonNode> StoreAsync(this HttpClient client, string name, string value, string type = "API_KEY", string provider = "stripe") =>
        client.PostAsync("/v1/credentials", new { name, provider, type, value }).ShouldBeAsync(HttpStatusCode.Created);

    public static Task<JsonNode> StoreForAsync(this HttpClient client, Guid workspaceId, string name, string value) =>
        client.PostAsync("/v1/credentials", new { name, provider = "stripe", type = "API_KEY", scope = "WORKSPACE", workspaceId, value })
            .ShouldBeAsync(HttpStatusCode.Created);

    public static Task<HttpResponseMessage> RevealAsync(this HttpClient client, Guid id, string purpose = "a test") =>
        client.PostAsync($"/v1/credentials/{id}/reveal", new { purpose });

    public static Task<HttpResponseMessage> RotateAsync(this HttpClient client, Guid id, string value, int? expectedVersion = null) =>
        client.PostAsync($"/v1/credentials/{id}/rotate", new { value, expectedVersion });

    public static async Task<string> ValueAsync(this HttpClient client, Guid id) =>
        (await client.RevealAsync(id).ShouldBeAsync(HttpStatusCode.OK)).Text("value");

    /// <summary>The actions of the audit on one credential, oldest first, as this caller sees them.</summary>
    public static async Task<string[]> ActionsAsync(this HttpClient client, Guid id)
    {
        var page = await client.GetAsync($"/v1/activity?entityId={id}&limit=200").ShouldBeAsync(HttpStatusCode.OK);
        return [.. page["items"]!.AsArray().Select(line => line!.Text("action")).Reverse()];
    }

    /// <summary>Every call there is on one credential, with bodies that would be fine.</summary>
    public static IEnumerable<Func<HttpClient, Task<HttpResponseMessage>>> EveryVerb(Guid id)
    {
        var path = $"/v1/credentials/{id}";
        yield return client => client.GetAsync(path);
        yield return client => client.PatchAsync(path, new StringContent("""{"description":"x"}""", System.Text.Encoding.UTF8, "application/json"));
        yield return client => client.RevealAsync(id);
        yield return client => client.RotateAsync(id, "another-value");
        yield return client => client.PostAsync(path + "/rollback", new { version = 1 });
        yield return client => client.GetAsync(path + "/versions");
        yield return client => client.PostAsync(path + "/revoke", new { });
        yield return client => client.DeleteAsync(path);
    }
}
