using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>An event that goes to another calendar of its account: made there before it is deleted here, whatever happens in between.</summary>
public sealed class MoveTests(TwoServers servers) : IClassFixture<TwoServers>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task It_is_made_there_before_it_is_deleted_here(Dav server)
    {
        var (from, to) = await TwoCalendarsAsync(server, "order");
        await MoveAsync(from, server, to);
        from.Proxy.Forget();

        await from.SyncedAsync();

        from.Proxy.Seen.Where(one => one.Request.IsWrite).Select(one => one.Request.Method).ShouldBe(["PUT", "DELETE"]);
        await OnlyThereAsync(from, server, to);
        (await from.ConflictsAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task At_no_cut_is_it_in_neither(Dav server)
    {
        var n = 0;
        foreach (var (method, cut) in new (string, Fault)[]
                 {
                     ("PUT", new Fault.CutBefore()), ("PUT", new Fault.CutAfter()), ("PUT", new Fault.Answer(500)), ("PUT", new Fault.Answer(403)),
                     ("DELETE", new Fault.CutBefore()), ("DELETE", new Fault.CutAfter()), ("DELETE", new Fault.Answer(500)),
                 })
        {
            var (from, to) = await TwoCalendarsAsync(server, $"cut{n++}");
            await MoveAsync(from, server, to);
            from.Proxy.Do(passing => passing.Method == method ? cut : Fault.None);

            await from.TriedAsync();

            ((await from.FilesAsync()).Count + (await servers.Other(server).ListAsync(to, Ct)).Count).ShouldBeGreaterThan(0, $"{method} {cut}");
            (await from.HereAsync()).ShouldBe(["a@move Travels"]);
            from.Proxy.Reset();
            await from.TriedAsync();
            await from.SyncedAsync();
            await OnlyThereAsync(from, server, to);
            (await from.ConflictsAsync()).ShouldBeEmpty();
        }
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Where_a_uid_may_stand_in_one_place_only_the_old_one_makes_room_in_the_same_run(Dav server)
    {
        var (from, to) = await TwoCalendarsAsync(server, "unique");
        await MoveAsync(from, server, to);
        // As Fastmail does: the same UID, anywhere in the account, is refused (RFC 4791 section 5.3.2.1, RFC 6638 section 3.2.4.1).
        from.Proxy.Plan = async passing => passing.Method == "PUT" && (await from.FilesAsync()).Count > 0
            ? new Fault.Answer(403, """<?xml version="1.0"?><error xmlns="DAV:"><C:unique-scheduling-object-resource xmlns:C="urn:ietf:params:xml:ns:caldav"/></error>""", "application/xml")
            : Fault.None;

        await from.SyncedAsync();

        from.Proxy.Seen.Where(one => one.Request.IsWrite).Select(one => one.Request.Method).ShouldBe(["PUT", "DELETE", "PUT"]);
        await OnlyThereAsync(from, server, to);
    }

    private async Task<(SyncedCalendar From, string To)> TwoCalendarsAsync(Dav server, string name)
    {
        var to = $"{name}to";
        await servers.Other(server).MakeCalendarAsync(to, Ct);
        var from = await servers.SyncedAsync(server, $"{name}from", ("a.ics", DavProbe.Event("a@move", "Travels")));
        await from.Client.PatchAsync(from.Id, $$$"""{"config":{"selectedCalendarIds":["{{{servers.At(server, to)}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await from.SyncedAsync();
        return (from, to);
    }

    private async Task MoveAsync(SyncedCalendar from, Dav server, string to)
    {
        var target = (await from.Client.IntegrationAsync(from.Id))["calendars"]!.AsArray().Single(one => one!.Text("href") == servers.At(server, to).AbsoluteUri)!;
        await from.Client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{(await from.EventAsync("Travels")).Id()}", $$"""{"calendarId":"{{target.Id()}}"}""")
            .ShouldBeAsync(HttpStatusCode.OK);
    }

    private async Task OnlyThereAsync(SyncedCalendar from, Dav server, string to)
    {
        (await from.FilesAsync()).ShouldBeEmpty();
        (await servers.Other(server).ListAsync(to, Ct)).Count.ShouldBe(1);
        (await from.HereAsync()).ShouldBe(["a@move Travels"]);
        from.Proxy.Reset();
        await from.SyncedAsync();
        from.Proxy.Writes.ShouldBe(0);
    }
}
