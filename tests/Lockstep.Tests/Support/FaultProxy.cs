using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Lockstep.Tests.Support;

/// <summary>A request on its way through the proxy.</summary>
/// <param name="Number">From 1, since the proxy was last told to forget.</param>
public sealed record Passing(int Number, string Method, string Path, string Body)
{
    /// <summary>The method; of a REPORT which one, such as sync-collection.</summary>
    public string Kind => Method != "REPORT" ? Method
        : Array.Find(["sync-collection", "calendar-multiget", "calendar-query"], report => Body.Contains(report, StringComparison.Ordinal)) ?? Method;

    public bool IsWrite => Method is "PUT" or "DELETE";
}

/// <summary>A request that came to its end, and what it cost: bodies, without headers.</summary>
/// <param name="Status">0 when it was cut.</param>
public sealed record Passed(Passing Request, int Status, long BytesUp, long BytesDown);

/// <summary>What happens to a request.</summary>
public abstract record Fault
{
    private Fault()
    {
    }

    public static readonly Fault None = new Pass();

    public sealed record Pass : Fault;

    /// <summary>The connection breaks; the server never sees the request.</summary>
    public sealed record CutBefore : Fault;

    /// <summary>The server does it, and the connection breaks before its answer.</summary>
    public sealed record CutAfter : Fault;

    /// <summary>The server does it, and the connection breaks in the middle of its answer.</summary>
    public sealed record Truncate : Fault;

    /// <summary>Something else answers; the server never sees the request.</summary>
    public sealed record Answer(int Status, string Body = "", string Type = "text/plain", params (string Name, string Value)[] Headers) : Fault
    {
        public static Answer Html(int status = 200) => new(status, "<!DOCTYPE html><html><body>Please sign in</body></html>", "text/html; charset=utf-8");
    }

    /// <summary>The server does it, and its answer comes back changed.</summary>
    public sealed record Rewrite(Func<string, string> Change) : Fault;

    /// <summary>The server does it, a while later.</summary>
    public sealed record Delay(TimeSpan Time) : Fault;
}

/// <summary>A proxy before a real CalDAV server that records every request and does to it what the test says.</summary>
public sealed class FaultProxy(Func<Uri> server) : IAsyncLifetime
{
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.Zero });
    private readonly ConcurrentQueue<Passed> passed = new();
    private WebApplication? app;
    private int count;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>Asked about each request before the server sees it; the test may do something itself first. Null: all pass.</summary>
    public Func<Passing, Task<Fault>>? Plan { get; set; }

    public IReadOnlyList<Passed> Seen => [.. passed];

    public int Writes => passed.Count(one => one.Request.IsWrite);

    /// <summary>Lets everything pass and counts from 1 again.</summary>
    public void Reset()
    {
        Plan = null;
        Forget();
    }

    /// <summary>Counts from 1 again.</summary>
    public void Forget()
    {
        passed.Clear();
        Volatile.Write(ref count, 0);
    }

    /// <summary>A plan that needs no waiting.</summary>
    public void Do(Func<Passing, Fault> plan) => Plan = passing => Task.FromResult(plan(passing));

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        Url = new Uri($"http://127.0.0.1:{ServerProcess.FreePort()}/");
        builder.WebHost.UseUrls(Url.AbsoluteUri);
        app = builder.Build();
        app.Run(RelayAsync);
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
            await app.DisposeAsync();
        http.Dispose();
    }

    private async Task RelayAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        var text = Encoding.UTF8.GetString(body.ToArray());
        var passing = new Passing(Interlocked.Increment(ref count), context.Request.Method, context.Request.Path.ToUriComponent(), text);
        var fault = Plan is { } plan ? await plan(passing) : Fault.None;
        switch (fault)
        {
            case Fault.CutBefore:
                End(0, 0);
                context.Abort();
                return;
            case Fault.Answer answer:
                context.Response.StatusCode = answer.Status;
                context.Response.ContentType = answer.Type;
                foreach (var (name, value) in answer.Headers)
                    context.Response.Headers[name] = value;
                End(answer.Status, answer.Body.Length);
                await context.Response.WriteAsync(answer.Body);
                return;
            case Fault.Delay { Time: var time }:
                await Task.Delay(time);
                break;
        }
        // What was begun is finished, whether or not the sender still listens.
        using var from = await http.SendAsync(Copy(context.Request, body.ToArray()), CancellationToken.None);
        var content = await from.Content.ReadAsByteArrayAsync(CancellationToken.None);
        if (fault is Fault.CutAfter)
        {
            End(0, 0);
            context.Abort();
            return;
        }
        if (fault is Fault.Rewrite { Change: var change })
            content = Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(content)));
        context.Response.StatusCode = (int)from.StatusCode;
        foreach (var (name, values) in from.Headers.Concat(from.Content.Headers).Where(header => !IsHopByHop(header.Key)))
            context.Response.Headers[name] = values.ToArray();
        End((int)from.StatusCode, content.Length);
        if (fault is Fault.Truncate)
        {
            context.Response.ContentLength = content.Length;
            await context.Response.Body.WriteAsync(content.AsMemory(0, content.Length / 2));
            await context.Response.Body.FlushAsync();
            context.Abort();
            return;
        }
        if (content.Length > 0)
            await context.Response.Body.WriteAsync(content);

        void End(int status, long down) => passed.Enqueue(new Passed(passing, status, body.Length, down));
    }

    private HttpRequestMessage Copy(HttpRequest request, byte[] body)
    {
        var copy = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(server(), request.Path.ToUriComponent() + request.QueryString))
        {
            Content = new ByteArrayContent(body),
        };
        foreach (var (name, values) in request.Headers.Where(header => !IsHopByHop(header.Key)))
        {
            if (!copy.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
                copy.Content.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }
        return copy;
    }

    /// <summary>A changed answer is no longer compressed, so none is asked for.</summary>
    private static bool IsHopByHop(string header) => header.ToUpperInvariant()
        is "HOST" or "CONNECTION" or "TRANSFER-ENCODING" or "CONTENT-LENGTH" or "KEEP-ALIVE" or "EXPECT" or "ACCEPT-ENCODING";
}
