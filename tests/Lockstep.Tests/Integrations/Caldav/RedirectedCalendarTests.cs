using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>A calendar that its server has put behind a redirect: the same calendar, not one that was emptied beside one that is new.</summary>
public sealed class RedirectedCalendarTests(TwoServers servers) : IClassFixture<TwoServers>
{
    private const int Events = 30;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale, 301)]
    [InlineData(Dav.Xandikos, 301)]
    [InlineData(Dav.Radicale, 307)]
    [InlineData(Dav.Xandikos, 307)]
    public async Task Nothing_is_deleted_nothing_waits_for_consent_and_both_sides_go_on(Dav server, int status)
    {
        var (old, place) = ($"before{status}", $"behind{status}");
        var files = Enumerable.Range(0, Events).Select(n => ($"{n}.ics", DavProbe.Event($"{n}@{old}", $"E{n:00}"))).ToArray();
        var calendar = await servers.SyncedAsync(server, old, files);
        await servers.Other(server).DeleteAsync($"{old}/", Ct);
        await servers.Other(server).MakeCalendarAsync(place, Ct);
        foreach (var (file, ics) in files.Skip(1))
            await servers.Other(server).PutAsync($"{place}/{file}", ics, Ct);
        await servers.Other(server).PutAsync($"{place}/1.ics", DavProbe.Event($"1@{old}", "E01 edited there"), Ct);
        // The collection alone is redirected: who asks there for a member finds none.
        var from = servers.At(server, old).AbsolutePath;
        void Redirect() => calendar.Proxy.Do(passing => passing.Path.TrimEnd('/') == from.TrimEnd('/')
            ? new Fault.Answer(status, Headers: ("Location", servers.At(server, place).AbsolutePath))
            : Fault.None);
        Redirect();
        await calendar.EditAsync("E02", "E02 edited here");
        await calendar.Client.MakeEventAsync("Made here");
        await calendar.RemoveAsync("E03");

        await calendar.SyncedAsync();
        await calendar.SyncedAsync();

        string[] expected = [.. Enumerable.Range(4, Events - 4).Select(n => $"E{n:00}"), "E01 edited there", "E02 edited here", "Made here"];
        (await SummariesAsync(calendar)).ShouldBe(expected.Order(StringComparer.Ordinal));
        var there = await TextsAsync(server, place);
        there.Count.ShouldBe(expected.Length);
        there.ShouldContain(text => text.Contains("SUMMARY:E02 edited here", StringComparison.Ordinal));
        there.ShouldContain(text => text.Contains("SUMMARY:Made here", StringComparison.Ordinal));
        (await calendar.ConflictsAsync()).ShouldBeEmpty();
        var integration = await calendar.Client.IntegrationAsync(calendar.Id);
        (integration["pausedReason"]?.GetValue<string>()).ShouldBeNull(integration.ToJsonString());

        // At rest: two small requests, nothing written.
        calendar.Proxy.Forget();
        await calendar.SyncedAsync();
        calendar.Proxy.Seen.Select(one => one.Request.Method).ShouldBe(["PROPFIND", "PROPFIND"]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_redirect_to_what_is_no_calendar_says_nothing_of_the_events(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "rooted", ("a.ics", DavProbe.Event("a@rooted", "A")), ("b.ics", DavProbe.Event("b@rooted", "B")));
        var from = servers.At(server, "rooted").AbsolutePath;
        calendar.Proxy.Do(passing => passing.Path.StartsWith(from.TrimEnd('/'), StringComparison.Ordinal)
            ? new Fault.Answer(302, Headers: ("Location", servers.Other(server).Home.AbsolutePath))
            : Fault.None);

        for (var run = 0; run < 3; run++)
            (await calendar.TriedAsync())["error"].ShouldNotBeNull();

        (await SummariesAsync(calendar)).ShouldBe(["A", "B"]);
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("A", "B");
    }

    private static async Task<string[]> SummariesAsync(SyncedCalendar calendar) =>
        [.. (await calendar.HereAsync()).Select(one => one[(one.IndexOf(' ', StringComparison.Ordinal) + 1)..]).Order(StringComparer.Ordinal)];

    private async Task<List<string>> TextsAsync(Dav server, string name)
    {
        var texts = new List<string>();
        foreach (var file in await servers.Other(server).ListAsync(name, Ct))
            texts.Add((await servers.Other(server).GetAsync($"{name}/{file}", Ct)).ShouldNotBeNull(file));
        return texts;
    }
}
