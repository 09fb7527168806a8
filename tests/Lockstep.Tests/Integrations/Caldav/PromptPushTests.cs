using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>What is edited here is on the server within moments, without anybody asking for a sync, and the next poll an hour away.</summary>
public sealed class PromptPushTests(PromptPushTests.Prompt servers) : IClassFixture<PromptPushTests.Prompt>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task An_edit_is_written_at_once(Dav server)
    {
        var calendar = await servers.Pair.SyncedAsync(server, "prompt", ("a.ics", DavProbe.Event("a@prompt", "A")), ("b.ics", DavProbe.Event("b@prompt", "B")));
        var began = TimeProvider.System.GetTimestamp();
        await calendar.EditAsync("A", "A edited");
        await calendar.RemoveAsync("B");
        await calendar.Client.MakeEventAsync("New");

        await UntilAsync(async () => (await calendar.ThereAsync()).Select(one => one[(one.IndexOf(' ') + 1)..]).Order().SequenceEqual(["A edited", "New"]));

        // A poll is due after an hour; a second's gathering and a second's look are what it takes, on a busy machine somewhat more.
        TimeProvider.System.GetElapsedTime(began).ShouldBeLessThan(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task Edits_that_follow_each_other_travel_together()
    {
        var calendar = await servers.Pair.SyncedAsync(Dav.Radicale, "burst");
        calendar.Proxy.Forget();
        for (var n = 0; n < 20; n++)
            await calendar.Client.MakeEventAsync($"E{n:00}");

        await UntilAsync(async () => (await calendar.FilesAsync()).Count == 20);

        calendar.Proxy.Seen.Count(one => one.Request.Method == "PROPFIND").ShouldBeLessThan(10);
        calendar.Proxy.Writes.ShouldBe(20);
    }

    [Fact]
    public async Task A_pause_holds_and_what_fails_is_not_hurried()
    {
        var calendar = await servers.Pair.SyncedAsync(Dav.Xandikos, "held");
        calendar.Proxy.Do(_ => new Fault.Answer(429, Headers: ("Retry-After", "3600")));
        await calendar.FailedAsync("caldav_throttled");
        calendar.Proxy.Forget();
        await calendar.Client.MakeEventAsync("Waits");
        var failing = await servers.Pair.SyncedAsync(Dav.Radicale, "failing");
        failing.Proxy.Do(_ => new Fault.Answer(500));
        await failing.TriedAsync();
        failing.Proxy.Forget();
        await failing.Client.MakeEventAsync("Waits too");

        // Another one's edits go on meanwhile: by the time that the second is there, those two had their chance.
        var other = await servers.Pair.ConnectDirectlyAsync(Dav.Radicale, "other");
        await other.SyncedAsync();
        foreach (var summary in new[] { "First", "Second" })
        {
            await other.Client.MakeEventAsync(summary);
            await UntilAsync(async () => (await other.ThereAsync()).Any(one => one.EndsWith(summary)));
        }

        calendar.Proxy.Seen.ShouldBeEmpty();
        failing.Proxy.Seen.ShouldBeEmpty();
    }

    private async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(100));
        for (var look = 0; !await holds(); look++)
        {
            look.ShouldBeLessThan(600);
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    public sealed class Prompt : IAsyncLifetime
    {
        public Prompt(PostgresServer postgres)
        {
            Pair = new TwoServers(postgres);
            Pair.App.PushDelay = TimeSpan.FromSeconds(1);
        }

        public TwoServers Pair { get; }

        public ValueTask InitializeAsync() => Pair.InitializeAsync();

        public ValueTask DisposeAsync() => Pair.DisposeAsync();
    }
}
