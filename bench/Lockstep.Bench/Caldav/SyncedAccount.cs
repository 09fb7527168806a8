using System.Diagnostics;
using System.Text.Json.Nodes;
using Lockstep.Bench.Load;

namespace Lockstep.Bench.Caldav;

/// <summary>An account connected for a new user; from the request on, until its events are here and in the change log.</summary>
internal sealed class SyncedAccount : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    private readonly Worker worker;
    private readonly int user;
    private readonly Guid id;

    private SyncedAccount(Worker worker, int user, Guid id) => (this.worker, this.user, this.id) = (worker, user, id);

    /// <summary>Of the first sync, the request that connected the account included.</summary>
    public double Seconds { get; private init; }

    /// <summary>To PostgreSQL, our own looks taken off.</summary>
    public double RoundTrips { get; private init; }

    /// <param name="calendar">On the server, or on a relay before it.</param>
    public static async Task<SyncedAccount> Connect(House house, int user, Uri calendar, RoundTrips trips, CancellationToken ct)
    {
        var worker = new Worker(house, 0, await RawHttp.Connect(house.Address, ct));
        await worker.Send("GET /v1/integrations", user, "", 200, ct);
        var looks = 0;
        var before = trips.Count;
        var clock = Stopwatch.StartNew();
        var made = await worker.Send("POST /v1/integrations", user,
            $$$"""{"integrationType":"caldav","config":{"url":"{{{calendar.GetLeftPart(UriPartial.Authority)}}}/","username":"{{{CalendarHost.User}}}","calendarPath":"{{{calendar.AbsolutePath}}}"},"secret":"{{{CalendarHost.Password}}}","syncSchedule":{"intervalSeconds":86400}}""",
            201, ct);
        var id = JsonNode.Parse(made.Span)!["id"]!.GetValue<Guid>();
        while (true)
        {
            await Task.Delay(Look, ct);
            looks++;
            var asked = trips.Count - before;
            var log = await worker.Send($"GET /v1/integrations/{id}/sync-log", user, "", 200, ct);
            var took = clock.Elapsed;
            if (JsonNode.Parse(log.Span)!["items"]!.AsArray() is { Count: > 0 } entries)
            {
                Require(entries[0]!, BenchCalendar.Events);
                // Our own looks are not the sync's: one more says what each of them cost.
                var last = trips.Count;
                await worker.Send($"GET /v1/integrations/{id}/sync-log", user, "", 200, ct);
                var perLook = trips.Count - last;
                return new SyncedAccount(worker, user, id) { Seconds = took.TotalSeconds, RoundTrips = asked - ((looks - 1) * perLook) };
            }
            if (took > Patience)
                throw new BenchException($"The first sync has not ended after {Patience.TotalMinutes:0} minutes.");
        }
    }

    /// <summary>Syncs once more, with nothing new on either side.</summary>
    public async Task Idle(CancellationToken ct)
    {
        var entry = await worker.Send($"POST /v1/integrations/{id}/sync?wait=30", user, "{}", 200, ct);
        Require(JsonNode.Parse(entry.Span)!, 0);
    }

    public async ValueTask DisposeAsync()
    {
        await worker.Send($"DELETE /v1/integrations/{id}", user, "", 204, CancellationToken.None);
        worker.Dispose();
    }

    private static void Require(JsonNode entry, int pulled)
    {
        if (entry["error"]?.GetValue<string>() is { } error)
            throw new BenchException($"The sync failed: {error}");
        if (entry["itemsPulled"]!.GetValue<int>() != pulled)
            throw new BenchException($"The sync pulled {entry["itemsPulled"]} events instead of {pulled}.");
    }
}
