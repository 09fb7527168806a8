using System.Text;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>Where a request is stopped.</summary>
public enum StopMoment
{
    /// <summary>The server never sees it.</summary>
    BeforeTheServer,

    /// <summary>The server has done it, and half of its answer has arrived.</summary>
    HalfTheAnswer,

    /// <summary>The server has done it, and nothing of its answer has arrived.</summary>
    BeforeTheAnswer,
}

/// <summary>A relay before a real CalDAV server. It stops one request that a test chose, until whoever sent it is gone.</summary>
public sealed class DavGate(Uri server) : IAsyncLifetime
{
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.Zero });
    private WebApplication? app;
    private Stop? stop;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>As the allow-list of the outbound guard names it.</summary>
    public string HostPort => $"127.0.0.1:{Url.Port}";

    /// <param name="method">Such as PUT.</param>
    /// <param name="part">Occurs in the body of the request.</param>
    /// <param name="nth">1: the next such request.</param>
    /// <returns>Completes when the request is stopped.</returns>
    public Task StopAt(string method, string part, int nth, StopMoment moment)
    {
        stop = new Stop(method, part, moment) { Left = nth };
        return stop.Reached.Task;
    }

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
        var stopped = stop is { } s && s.Takes(context.Request.Method, Encoding.UTF8.GetString(body.ToArray())) ? s : null;
        if (stopped is { Moment: StopMoment.BeforeTheServer })
        {
            await stopped.HoldAsync(context);
            return;
        }
        // What was begun is finished, whether or not the sender still listens.
        using var answer = await http.SendAsync(Copy(context.Request, body.ToArray()), CancellationToken.None);
        var content = await answer.Content.ReadAsByteArrayAsync(CancellationToken.None);
        if (stopped is { Moment: StopMoment.BeforeTheAnswer })
        {
            await stopped.HoldAsync(context);
            return;
        }
        context.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers).Where(header => !IsHopByHop(header.Key)))
            context.Response.Headers[name] = values.ToArray();
        if (stopped is not null)
        {
            await context.Response.Body.WriteAsync(content.AsMemory(0, content.Length / 2));
            await context.Response.Body.FlushAsync();
            await stopped.HoldAsync(context);
            return;
        }
        if (content.Length > 0)
            await context.Response.Body.WriteAsync(content);
    }

    private HttpRequestMessage Copy(HttpRequest request, byte[] body)
    {
        var copy = new HttpRequestMessage(new HttpMethod(request.Method), new Uri(server, request.Path.ToUriComponent() + request.QueryString))
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

    private static bool IsHopByHop(string header) =>
        header.ToUpperInvariant() is "HOST" or "CONNECTION" or "TRANSFER-ENCODING" or "CONTENT-LENGTH" or "KEEP-ALIVE" or "EXPECT";

    private sealed class Stop(string method, string part, StopMoment moment)
    {
        private int left;

        public int Left { init => left = value; }

        public StopMoment Moment => moment;

        public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool Takes(string requestMethod, string body) =>
            requestMethod == method && body.Contains(part, StringComparison.Ordinal) && Interlocked.Decrement(ref left) == 0;

        public async Task HoldAsync(HttpContext context)
        {
            Reached.TrySetResult();
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            context.Abort();
        }
    }
}
