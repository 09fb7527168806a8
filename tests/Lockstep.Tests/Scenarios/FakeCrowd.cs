using System.Collections.Concurrent;
using System.Text;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>As many empty calendars as anybody asks for, one below each first segment of a path; for counting what many integrations cost.</summary>
public sealed class FakeCrowd : IAsyncLifetime
{
    private readonly ConcurrentDictionary<string, int> busy = new(StringComparer.Ordinal);
    private WebApplication? app;
    private int overlaps;
    private int requests;

    public Uri Url { get; private set; } = new("http://127.0.0.1:1/");

    /// <summary>As the allow-list of the outbound guard names it.</summary>
    public string HostPort => $"127.0.0.1:{Url.Port}";

    /// <summary>What every answer waits for.</summary>
    public Func<CancellationToken, Task> Wait { get; set; } = _ => Task.CompletedTask;

    /// <summary>How often a calendar was asked while it was being asked already: two nodes worked on one integration.</summary>
    public int Overlaps => Volatile.Read(ref overlaps);

    public int Requests => Volatile.Read(ref requests);

    /// <summary>How many calendars are asked something now.</summary>
    public int Busy => busy.Count(calendar => calendar.Value > 0);

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        Url = new Uri($"http://127.0.0.1:{ServerProcess.FreePort()}/");
        builder.WebHost.UseUrls(Url.AbsoluteUri);
        app = builder.Build();
        app.Run(AnswerAsync);
        await app.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (app is not null)
            await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref requests);
        var path = context.Request.Path.Value!;
        if (busy.AddOrUpdate(path, 1, (_, now) => now + 1) > 1)
            Interlocked.Increment(ref overlaps);
        try
        {
            await Wait(context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            return;
        }
        finally
        {
            busy.AddOrUpdate(path, 0, (_, now) => now - 1);
        }
        context.Response.StatusCode = 207;
        context.Response.ContentType = "application/xml; charset=utf-8";
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(context.Request.Method == "REPORT" ? Changes : Calendar(path)));
    }

    private const string Changes = """<D:multistatus xmlns:D="DAV:"><D:sync-token>http://example.com/1</D:sync-token></D:multistatus>""";

    private static string Calendar(string path) =>
        $"""
        <D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:CS="http://calendarserver.org/ns/">
        <D:response><D:href>{path}</D:href><D:propstat><D:prop>
        <D:resourcetype><D:collection/><C:calendar/></D:resourcetype><D:displayname>Crowd</D:displayname>
        <D:sync-token>http://example.com/1</D:sync-token><CS:getctag>1</CS:getctag>
        </D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>
        </D:multistatus>
        """;
}
