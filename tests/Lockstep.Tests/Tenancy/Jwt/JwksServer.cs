using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Lockstep.Tests.Tenancy.Jwt;

/// <summary>A small HTTP server that publishes a key set, or whatever a test has it answer.</summary>
internal sealed class JwksServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler());
    private int requests;

    private JwksServer(WebApplication app) => this.app = app;

    /// <summary>How often it was asked.</summary>
    public int Requests => Volatile.Read(ref requests);

    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public Uri Url => new(app.Urls.Single() + "/jwks.json?token=in-the-query");

    public static async Task<JwksServer> StartAsync(params TestKey[] keys)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.Urls.Add("http://127.0.0.1:0");
        var server = new JwksServer(app);
        app.Run(context =>
        {
            Interlocked.Increment(ref server.requests);
            return server.Answer(context);
        });
        server.Publish(keys);
        await app.StartAsync();
        return server;
    }

    public void Publish(params TestKey[] keys) => AnswerText(TestKey.Set(keys));

    public void AnswerText(string body) => Answer = context => context.Response.WriteAsync(body);

    public void AnswerStatus(int status) => Answer = context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    public JwksKeys Keys(TimeProvider clock, ILogger<JwksKeys>? logger = null) =>
        new(Url, http, clock, logger ?? NullLogger<JwksKeys>.Instance);

    public async ValueTask DisposeAsync()
    {
        http.Dispose();
        await app.DisposeAsync();
    }
}
