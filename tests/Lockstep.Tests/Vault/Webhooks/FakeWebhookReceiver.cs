using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Shouldly;

namespace Lockstep.Tests.Vault.Webhooks;

/// <summary>A real HTTP server that keeps what it is sent, and verifies signatures with nothing of ours.</summary>
internal sealed class FakeWebhookReceiver : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentQueue<Message> received = new();

    private FakeWebhookReceiver(WebApplication app) => this.app = app;

    public Uri Url => new(app.Urls.Single() + "/hooks/secret-path");

    public IReadOnlyList<Message> Received => [.. received];

    /// <summary>The status of an answer, by how many have come and what came.</summary>
    public Func<int, Message, int> Answer { get; set; } = (_, _) => 204;

    public string? Location { get; set; }

    /// <summary>Of every request, in order.</summary>
    public ConcurrentQueue<IReadOnlyDictionary<string, string>> Headers { get; } = new();

    /// <summary>Takes requests and says nothing.</summary>
    public bool Silent { get; set; }

    public static async Task<FakeWebhookReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new FakeWebhookReceiver(app);
        app.Run(receiver.Take);
        await app.StartAsync();
        return receiver;
    }

    /// <summary>Waits for so many messages, and then that no more come while the outbox of this database has any under way.</summary>
    public async Task<IReadOnlyList<Message>> TakenAsync(LockstepApp lockstep, int count)
    {
        await LockstepProcess.EventuallyAsync(() => received.Count >= count, $"{count} messages");
        await SettledAsync(lockstep);
        Received.Count.ShouldBe(count, string.Join('\n', Received.Select(message => message.Body)));
        return Received;
    }

    public static async Task SettledAsync(LockstepApp lockstep)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var i = 0; i < 1200; i++, await tick.WaitForNextTickAsync())
        {
            if (await lockstep.ScalarAsync<long>(
                "SELECT count(*) FROM lockstep.webhook_deliveries d JOIN lockstep.webhooks w ON w.id = d.webhook_id WHERE w.is_active AND d.state = 'pending' AND d.next_attempt_at <= clock_timestamp()") == 0)
                return;
        }
        throw new ShouldAssertException("The outbox does not come to rest.");
    }

    public async ValueTask DisposeAsync()
    {
        Silent = false;
        await app.DisposeAsync();
    }

    private async Task Take(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body, Encoding.UTF8);
        var headers = context.Request.Headers;
        var message = new Message(headers["webhook-id"].ToString(), headers["webhook-timestamp"].ToString(), headers["webhook-signature"].ToString(), await reader.ReadToEndAsync());
        received.Enqueue(message);
        Headers.Enqueue(headers.ToDictionary(header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        while (Silent)
            await Task.Delay(20, context.RequestAborted);
        context.Response.StatusCode = Answer(received.Count, message);
        if (Location is not null)
            context.Response.Headers.Location = Location;
    }

    /// <summary>One request.</summary>
    internal sealed record Message(string Id, string Timestamp, string Signature, string Body)
    {
        public JsonNode Json => JsonNode.Parse(Body)!;

        public string Type => Json.Text("type");

        public JsonNode Data => Json["data"]!;

        /// <summary>Whether one of the signatures is by this secret (Standard Webhooks 1.0, "Verifying signatures").</summary>
        public bool SignedBy(string secret)
        {
            var mac = HMACSHA256.HashData(Convert.FromBase64String(secret["whsec_".Length..]), Encoding.UTF8.GetBytes($"{Id}.{Timestamp}.{Body}"));
            return Signature.Split(' ').Contains("v1," + Convert.ToBase64String(mac));
        }
    }
}
