using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Short words for the calls that most tests of the sync make.</summary>
internal static class IntegrationCalls
{
    /// <summary>Connects a calendar of alice's, so that only a test's own requests sync it afterwards: an hour lies between two runs.</summary>
    public static Task<JsonNode> ConnectAsync(
        this HttpClient client, Uri url, string calendarPath = "", string username = "alice", string password = "alicepw", int interval = 3600) =>
        client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url, username, calendarPath },
            secret = password,
            syncSchedule = new { intervalSeconds = interval },
        }).ShouldBeAsync(HttpStatusCode.Created);

    public static Task<HttpResponseMessage> SyncAsync(this HttpClient client, Guid id, int wait = 30) =>
        client.PostAsync($"/v1/integrations/{id}/sync?wait={wait}", new { });

    /// <summary>Syncs, waits for the end, and expects no error.</summary>
    public static async Task<JsonNode> SyncedAsync(this HttpClient client, Guid id)
    {
        var entry = await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        entry["error"].ShouldBeNull(entry.ToJsonString());
        return entry;
    }

    public static Task<JsonNode> IntegrationAsync(this HttpClient client, Guid id) =>
        client.GetAsync($"/v1/integrations/{id}").ShouldBeAsync(HttpStatusCode.OK);

    public static Task<HttpResponseMessage> PatchAsync(this HttpClient client, Guid id, string body) =>
        client.SendRawAsync(HttpMethod.Patch, $"/v1/integrations/{id}", body);

    /// <summary>Waits until the integration looks like that.</summary>
    public static async Task<JsonNode> UntilAsync(this HttpClient client, Guid id, Func<JsonNode, bool> holds)
    {
        var ct = TestContext.Current.CancellationToken;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; look < 600; look++)
        {
            var integration = await client.IntegrationAsync(id);
            if (holds(integration))
                return integration;
            await tick.WaitForNextTickAsync(ct);
        }
        throw new ShouldAssertException($"It never came: {await client.IntegrationAsync(id)}");
    }

    /// <summary>Waits until a run of it has ended.</summary>
    public static async Task UntilLoggedAsync(this HttpClient client, Guid id)
    {
        var ct = TestContext.Current.CancellationToken;
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; look < 600; look++)
        {
            if ((await client.GetAsync($"/v1/integrations/{id}/sync-log", ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count > 0)
                return;
            await tick.WaitForNextTickAsync(ct);
        }
        throw new ShouldAssertException("No run ended.");
    }

    /// <summary>The summaries of all events of March 2026, sorted.</summary>
    public static async Task<string[]> SummariesAsync(this HttpClient client)
    {
        var summaries = new List<string>();
        string? next = null;
        do
        {
            var page = await client.GetAsync($"/v1/events?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z&limit=200{(next is null ? "" : $"&after={next}")}")
                .ShouldBeAsync(HttpStatusCode.OK);
            summaries.AddRange(page["items"]!.AsArray().Select(item => item!.Text("summary")));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);
        return [.. summaries.Order(StringComparer.Ordinal)];
    }

    public static async Task<JsonNode> EventAsync(this HttpClient client, string summary)
    {
        var page = await client.GetAsync("/v1/events?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z&limit=200").ShouldBeAsync(HttpStatusCode.OK);
        return page["items"]!.AsArray().Single(item => item!.Text("summary") == summary)!;
    }

    public static Task<JsonNode> MakeEventAsync(this HttpClient client, string summary) => client.PostAsync("/v1/events", new
    {
        summary,
        start = new { dateTime = "2026-03-10T09:00:00", timeZone = "Europe/Berlin" },
        end = new { dateTime = "2026-03-10T10:00:00", timeZone = "Europe/Berlin" },
    }).ShouldBeAsync(HttpStatusCode.Created);

    public static int Count(this JsonNode entry, string member) => entry[member]!.GetValue<int>();
}
