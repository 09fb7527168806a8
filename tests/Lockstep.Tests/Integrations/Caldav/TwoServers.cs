using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Calendars;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>A CalDAV server that the scenarios run against; the two differ in nearly everything that the standards leave open.</summary>
public enum Dav
{
    /// <summary>Sends texts inside sync-collection, refuses a bad token with 403 and a UID that is taken with 409.</summary>
    Radicale,

    /// <summary>Sends no texts there, fails on a bad token with 500, and wraps a 412 into a 207.</summary>
    Xandikos,
}

/// <summary>The whole server beside a real Radicale and a real Xandikos, each behind a proxy that can fail in every way.</summary>
public sealed class TwoServers : IAsyncLifetime
{
    private readonly RadicaleServer radicale = new() { BobSharesForReading = true };
    private readonly XandikosServer xandikos = new();
    private readonly FaultProxy[] proxies;

    public TwoServers(PostgresServer postgres)
    {
        App = new LockstepApp(postgres);
        proxies = [new FaultProxy(() => radicale.Url), new FaultProxy(() => xandikos.Url)];
    }

    public LockstepApp App { get; }

    public FaultProxy Proxy(Dav server) => proxies[(int)server];

    /// <summary>Another client of the same account; it does not go through the proxy.</summary>
    public DavProbe Other(Dav server) => server == Dav.Radicale ? radicale.As("alice") : xandikos.Alice;

    /// <summary>Where Radicale keeps a calendar of alice: hundreds of events are written there sooner than put.</summary>
    public string RadicaleFolder(string calendar) => radicale.CalendarFolder("alice", calendar);

    /// <summary>Another user of the Radicale, whose calendars alice may read.</summary>
    public DavProbe Bob => radicale.As("bob");

    /// <summary>Where a calendar is, through the proxy.</summary>
    public Uri At(Dav server, string calendar) => new(Proxy(server).Url, Other(server).Home.AbsolutePath + calendar + "/");

    public Task KillAsync(Dav server) => server == Dav.Radicale ? radicale.KillAsync() : xandikos.KillAsync();

    public Task RestartAsync(Dav server, CancellationToken ct) => server == Dav.Radicale ? radicale.RestartAsync(ct) : xandikos.RestartAsync(ct);

    /// <summary>Makes a calendar, fills it, connects it as a user of its own, and waits for the first sync.</summary>
    public async Task<SyncedCalendar> SyncedAsync(Dav server, string name, params (string File, string Ics)[] events)
    {
        var calendar = await ConnectedAsync(server, name, events);
        await calendar.SyncedAsync();
        return calendar;
    }

    /// <summary>As <see cref="SyncedAsync"/>, without waiting; the first sync begins by itself.</summary>
    public async Task<SyncedCalendar> ConnectedAsync(Dav server, string name, params (string File, string Ics)[] events)
    {
        var ct = TestContext.Current.CancellationToken;
        var other = Other(server);
        Proxy(server).Reset();
        await other.MakeCalendarAsync(name, ct);
        foreach (var (file, ics) in events)
            await other.PutAsync($"{name}/{file}", ics, ct);
        return await ConnectAsync(server, name);
    }

    /// <summary>Connects a calendar that is there.</summary>
    public async Task<SyncedCalendar> ConnectAsync(Dav server, string name)
    {
        var client = App.As($"{name}-{server}".ToLowerInvariant());
        var url = At(server, name);
        var made = await client.ConnectAsync(url, url.AbsolutePath);
        return new SyncedCalendar(this, server, name, client, made.Id());
    }

    /// <summary>Makes a calendar and connects it past the proxy.</summary>
    public async Task<SyncedCalendar> ConnectDirectlyAsync(Dav server, string name)
    {
        var url = await Other(server).MakeCalendarAsync(name, TestContext.Current.CancellationToken);
        var client = App.As($"{name}-{server}".ToLowerInvariant());
        return new SyncedCalendar(this, server, name, client, (await client.ConnectAsync(url, url.AbsolutePath)).Id());
    }

    public async ValueTask InitializeAsync()
    {
        await radicale.InitializeAsync();
        await xandikos.InitializeAsync();
        App.Allow(radicale.Url);
        App.Allow(xandikos.Url);
        foreach (var proxy in proxies)
        {
            await proxy.InitializeAsync();
            App.Allow(proxy.Url);
        }
        await App.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        foreach (var proxy in proxies)
            await proxy.DisposeAsync();
        await xandikos.DisposeAsync();
        await radicale.DisposeAsync();
    }
}

/// <summary>One calendar on a server and its mirror here.</summary>
public sealed class SyncedCalendar(TwoServers servers, Dav server, string name, HttpClient client, Guid id)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public HttpClient Client => client;

    public Guid Id => id;

    public FaultProxy Proxy => servers.Proxy(server);

    /// <summary>Syncs, and expects no error.</summary>
    public Task<JsonNode> SyncedAsync() => client.SyncedAsync(id);

    /// <summary>Syncs, and expects an error of that code.</summary>
    public async Task<JsonNode> FailedAsync(string code)
    {
        var entry = await TriedAsync();
        (entry["errorCode"]?.GetValue<string>()).ShouldBe(code, entry.ToJsonString());
        return entry;
    }

    /// <summary>Syncs, whatever comes of it.</summary>
    public Task<JsonNode> TriedAsync() => client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);

    public Task PutAsync(string file, string ics) => servers.Other(server).PutAsync($"{name}/{file}", ics, Ct);

    public Task DeleteAsync(string file) => servers.Other(server).DeleteAsync($"{name}/{file}", Ct);

    public Task<string?> GetAsync(string file) => servers.Other(server).GetAsync($"{name}/{file}", Ct);

    public Task<IReadOnlyList<string>> FilesAsync() => servers.Other(server).ListAsync(name, Ct);

    /// <summary>The texts on the server, by file name.</summary>
    public async Task<Dictionary<string, string>> TextsAsync()
    {
        var texts = new Dictionary<string, string>();
        foreach (var file in await FilesAsync())
        {
            // A sync may delete it in between.
            if (await GetAsync(file) is { } text)
                texts[file] = text;
        }
        return texts;
    }

    /// <summary>UID and summary of every event there, sorted.</summary>
    public async Task<string[]> ThereAsync() =>
        [.. (await TextsAsync()).Values.Select(ics => EventFacts.Read(ics, out _)!).Select(facts => $"{facts.Uid} {facts.Summary}").Order(StringComparer.Ordinal)];

    /// <summary>UID and summary of every event here, sorted.</summary>
    public async Task<string[]> HereAsync()
    {
        var found = new List<string>();
        string? next = null;
        do
        {
            var page = await client.GetAsync($"/v1/events?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&limit=200{(next is null ? "" : $"&after={next}")}", Ct)
                .ShouldBeAsync(HttpStatusCode.OK);
            found.AddRange(page["items"]!.AsArray().Select(item => $"{item!.Text("uid")} {item!.Text("summary")}"));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);
        return [.. found.Order(StringComparer.Ordinal)];
    }

    /// <summary>Both sides have the same, and these; and a further sync writes nothing.</summary>
    public async Task ConvergedAsync(params string[] summaries)
    {
        var here = await HereAsync();
        (await ThereAsync()).ShouldBe(here);
        here.Select(one => one[(one.IndexOf(' ', StringComparison.Ordinal) + 1)..]).Order(StringComparer.Ordinal)
            .ShouldBe(summaries.Order(StringComparer.Ordinal));
        // The log of changes says the same as the events.
        (await servers.App.ScalarAsync<long>(
            """
            SELECT count(*) FROM lockstep.sync_records r
            JOIN   lockstep.events e ON e.id::text = r.record_id
            WHERE  r.app = 'calendar' AND r.table_name = 'events' AND NOT r.deleted
            AND    e.calendar_id IN (SELECT c.id FROM lockstep.calendars c WHERE c.integration_id = $1)
            """, id)).ShouldBe(here.Length);
        Proxy.Reset();
        await SyncedAsync();
        Proxy.Writes.ShouldBe(0);
    }

    public async Task<JsonArray> ConflictsAsync() =>
        (await client.GetAsync($"/v1/integrations/{id}/conflicts", Ct).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();

    public async Task<JsonNode> EventAsync(string summary)
    {
        var page = await client.GetAsync("/v1/events?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z&limit=200", Ct).ShouldBeAsync(HttpStatusCode.OK);
        return page["items"]!.AsArray().Single(item => item!.Text("summary") == summary)!;
    }

    /// <summary>Changes an event here.</summary>
    public async Task EditAsync(string summary, string to) => await client.SendRawAsync(
        HttpMethod.Patch, $"/v1/events/{(await EventAsync(summary)).Id()}", $$"""{"summary":"{{to}}"}""").ShouldBeAsync(HttpStatusCode.OK);

    /// <summary>Deletes an event here.</summary>
    public async Task RemoveAsync(string summary) =>
        await client.DeleteAsync($"/v1/events/{(await EventAsync(summary)).Id()}", Ct).ShouldBeAsync(HttpStatusCode.NoContent);
}
