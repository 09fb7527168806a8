using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;

namespace Lockstep.Tests.Tenancy.ApiTokens;

internal static class TokenCalls
{
    /// <returns>The answer of POST /v1/api-tokens.</returns>
    public static Task<JsonNode> MakeTokenAsync(this HttpClient client, object body) =>
        client.PostAsync("/v1/api-tokens", body).ShouldBeAsync(HttpStatusCode.Created);

    public static async Task<(HttpClient Client, Guid Id)> WithTokenAsync(this LockstepApp app, HttpClient owner, params string[] scopes)
    {
        var made = await owner.MakeTokenAsync(new { name = "a service", scopes });
        return (app.With(made.Text("token")), made["apiToken"]!.Id());
    }

    /// <summary>A client that shows this text as its token.</summary>
    public static HttpClient With(this LockstepApp app, string token)
    {
        var client = app.Anonymous();
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return client;
    }

    public static async Task<Guid> WorkspaceAsync(this HttpClient owner, string name = "Acme") =>
        (await owner.PostAsync("/v1/workspaces", new { name }).ShouldBeAsync(HttpStatusCode.Created)).Id();
}
