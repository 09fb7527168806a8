using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Tests.Support;

/// <summary>Takes what OpenTelemetry's exporter sends (OTLP over HTTP, protobuf) and keeps the bytes; strings stand in them as they are.</summary>
internal sealed class FakeCollector : IAsyncDisposable
{
    private readonly ConcurrentQueue<byte[]> received = new();
    private readonly WebApplication app;

    private FakeCollector(WebApplication app) => this.app = app;

    public Uri Url => new(app.Urls.Single());

    public IReadOnlyCollection<byte[]> Received => received;

    public static async Task<FakeCollector> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var collector = new FakeCollector(builder.Build());
        collector.app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            collector.received.Enqueue(body.ToArray());
        });
        await collector.app.StartAsync();
        return collector;
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
