using System.Collections.Concurrent;
using System.IO.Compression;
using System.Text;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

/// <summary>What the fake saw of a request.</summary>
public sealed record SeenRequest(string Method, string Target, string? Authorization, string Body, IReadOnlyDictionary<string, string> Headers);

/// <summary>What the fake is to say.</summary>
public sealed record FakeAnswer(int Status, byte[] Body, string? ContentType, params (string Name, string Value)[] Headers)
{
    /// <summary>The connection is cut after the body, which is shorter than promised.</summary>
    public bool BreaksOff { get; init; }

    public static FakeAnswer Xml(int status, string xml, params (string, string)[] headers) =>
        new(status, Encoding.UTF8.GetBytes(xml), "application/xml; charset=utf-8", headers);

    public static FakeAnswer Multistatus(string responses) =>
        Xml(207, $"""<?xml version="1.0"?><D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">{responses}</D:multistatus>""");

    public static FakeAnswer Html(int status = 200) => new(status, "<!DOCTYPE html><html><body>Hello</body></html>"u8.ToArray(), "text/html");

    public static FakeAnswer Empty(int status, params (string, string)[] headers) => new(status, [], null, headers);

    public static FakeAnswer Redirect(string location, int status) => Empty(status, ("Location", location));

    public FakeAnswer Gzipped()
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal))
            gzip.Write(Body);
        return this with { Body = packed.ToArray(), Headers = [.. Headers, ("Content-Encoding", "gzip")] };
    }
}

/// <summary>Says what a test wants it to say; for the answers that no real server here gives.</summary>
public sealed class FakeCaldavServer : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, Func<SeenRequest, FakeAnswer>> answers = new();
    private readonly ConcurrentQueue<SeenRequest> requests = new();
    private WebApplication? app;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    public IReadOnlyCollection<SeenRequest> Requests => requests;

    public Uri At(string path) => new(Url, path);

    public IEnumerable<SeenRequest> To(string path) => requests.Where(r => r.Target == path);

    /// <summary>Sets the answer for an exact request target; others get 200 and nothing.</summary>
    public void Answer(string path, Func<SeenRequest, FakeAnswer> answer) => answers[path] = answer;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        Url = new Uri($"http://127.0.0.1:{ServerProcess.FreePort()}/");
        builder.WebHost.UseUrls(Url.AbsoluteUri);
        app = builder.Build();
        app.Run(HandleAsync);
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
            await app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var target = context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget;
        var headers = context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        var seen = new SeenRequest(
            context.Request.Method, target, headers.GetValueOrDefault("Authorization"), await reader.ReadToEndAsync(), headers);
        requests.Enqueue(seen);
        var answer = answers.TryGetValue(target, out var found) ? found(seen) : FakeAnswer.Empty(200);
        context.Response.StatusCode = answer.Status;
        if (answer.ContentType is not null)
            context.Response.ContentType = answer.ContentType;
        foreach (var (name, value) in answer.Headers)
            context.Response.Headers.Append(name, value);
        if (!answer.BreaksOff)
        {
            await context.Response.Body.WriteAsync(answer.Body);
            return;
        }

        context.Response.ContentLength = answer.Body.Length + 1000;
        await context.Response.Body.WriteAsync(answer.Body);
        await context.Response.Body.FlushAsync();
        context.Abort();
    }
}
