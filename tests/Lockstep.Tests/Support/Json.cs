using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Shouldly;

namespace Lockstep.Tests.Support;

/// <summary>Short words for calling and looking at what came back.</summary>
public static class Json
{
    /// <summary>Sends a body as it stands.</summary>
    public static Task<HttpResponseMessage> SendRawAsync(this HttpClient client, HttpMethod method, string path, string body) =>
        client.SendAsync(new HttpRequestMessage(method, path)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
            // Who is refused for the size reads the answer instead of finding the connection closed while he still sends (RFC 9110 section 10.1.1).
            Headers = { ExpectContinue = body.Length > 1 << 20 },
        });

    /// <summary>The body, after making sure of the status; a failure shows the problem document.</summary>
    public static async Task<JsonNode> ShouldBeAsync(this Task<HttpResponseMessage> call, HttpStatusCode status)
    {
        using var response = await call;
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(status, text);
        return text.Length == 0 ? new JsonObject() : JsonNode.Parse(text)!;
    }

    /// <summary>Makes sure that the answer is a problem document with this status and code.</summary>
    public static async Task<JsonNode> ShouldBeProblemAsync(this Task<HttpResponseMessage> call, int status, string code)
    {
        using var response = await call;
        var text = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).ShouldBe(status, text);
        response.Content.Headers.ContentType?.MediaType.ShouldBe("application/problem+json");
        var problem = JsonNode.Parse(text)!;
        problem["code"]!.GetValue<string>().ShouldBe(code, text);
        return problem;
    }

    public static Task<HttpResponseMessage> PostAsync(this HttpClient client, string path, object body) => client.PostAsJsonAsync(path, body);

    /// <summary>Sends JSON, or with <paramref name="type"/> a text of another kind, under an If-Match where one is given.</summary>
    public static Task<HttpResponseMessage> SendAsync(
        this HttpClient client, string method, string path, object? body = null, string? ifMatch = null, string? type = null)
    {
        var request = new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content = body is null ? null
                : type is null ? JsonContent.Create(body)
                : new StringContent((string)body, Encoding.UTF8, type),
        };
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return client.SendAsync(request);
    }

    public static string Text(this JsonNode node, string member) => node[member]!.GetValue<string>();

    public static Guid Id(this JsonNode node, string member = "id") => Guid.Parse(node.Text(member));
}
