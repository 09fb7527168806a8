using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>A calendar of somebody else's account that its owner lets others read but not write, on a real Radicale with a rights file.</summary>
public sealed class SharedCalendarTests(TwoServers servers) : IClassFixture<TwoServers>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    private DavProbe Bob => servers.Bob;

    [Fact]
    public async Task It_is_read_beside_ones_own_and_edits_are_refused_here_before_anything_is_sent()
    {
        await Bob.MakeCalendarAsync("team", Ct);
        await Bob.PutAsync("team/a.ics", DavProbe.Event("a@team", "Bob's"), Ct);
        var own = await servers.SyncedAsync(Dav.Radicale, "own", ("a.ics", DavProbe.Event("a@own", "Own")));
        var team = new Uri(servers.Proxy(Dav.Radicale).Url, "/bob/team/");
        await own.Client.PatchAsync(own.Id, $$$"""{"config":{"selectedCalendarIds":["{{{team}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await own.SyncedAsync();
        (await own.HereAsync()).ShouldBe(["a@own Own", "a@team Bob's"]);
        var shared = (await own.Client.IntegrationAsync(own.Id))["calendars"]!.AsArray().Single(one => one!.Text("href") == team.AbsoluteUri)!;
        shared["readOnly"]!.GetValue<bool>().ShouldBeTrue();
        own.Proxy.Forget();

        var bobs = (await own.EventAsync("Bob's")).Id();
        await own.Client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{bobs}", """{"summary":"Mine now"}""").ShouldBeProblemAsync(409, "calendar_read_only");
        await own.Client.DeleteAsync($"/v1/events/{bobs}", Ct).ShouldBeProblemAsync(409, "calendar_read_only");
        await own.Client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{(await own.EventAsync("Own")).Id()}", $$"""{"calendarId":"{{shared.Id()}}"}""")
            .ShouldBeProblemAsync(409, "calendar_read_only");

        // What its owner does arrives as ever.
        await Bob.PutAsync("team/a.ics", DavProbe.Event("a@team", "Bob's changed"), Ct);
        await Bob.PutAsync("team/b.ics", DavProbe.Event("b@team", "Bob's second"), Ct);
        await own.SyncedAsync();
        (await own.HereAsync()).ShouldBe(["a@own Own", "a@team Bob's changed", "b@team Bob's second"]);
        await Bob.DeleteAsync("team/a.ics", Ct);
        await own.SyncedAsync();
        (await own.HereAsync()).ShouldBe(["a@own Own", "b@team Bob's second"]);
        own.Proxy.Writes.ShouldBe(0);
    }

    [Fact]
    public async Task A_right_that_is_given_or_taken_later_is_noticed_when_everything_is_compared()
    {
        await Bob.MakeCalendarAsync("lent", Ct);
        await Bob.PutAsync("lent/a.ics", DavProbe.Event("a@lent", "Lent"), Ct);
        var own = await servers.SyncedAsync(Dav.Radicale, "borrower");
        var lent = new Uri(servers.Proxy(Dav.Radicale).Url, "/bob/lent/");
        await own.Client.PatchAsync(own.Id, $$$"""{"config":{"selectedCalendarIds":["{{{lent}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await own.SyncedAsync();

        foreach (var given in new[] { true, false })
        {
            await servers.App.ScalarAsync<long>(
                "WITH u AS (UPDATE lockstep.calendars SET audited_at = now() - interval '16 hours' WHERE integration_id = $1 AND read_only = $2 AND NOT is_write_target RETURNING 1) SELECT count(*) FROM u",
                own.Id, given);
            own.Proxy.Do(passing => given && passing.Path == lent.AbsolutePath
                ? new Fault.Rewrite(body => body.Replace("<privilege><read /></privilege>", "<privilege><read /></privilege><privilege><write /></privilege>"))
                : Fault.None);
            await own.SyncedAsync();
            (await own.Client.IntegrationAsync(own.Id))["calendars"]!.AsArray().Single(one => one!.Text("href") == lent.AbsoluteUri)!["readOnly"]!
                .GetValue<bool>().ShouldBe(!given);
        }
        (await own.HereAsync()).ShouldBe(["a@lent Lent"]);
    }

    [Fact]
    public async Task A_server_that_hides_that_it_is_read_only_refuses_the_edit_which_stays_here_and_is_tried_ever_later()
    {
        await Bob.MakeCalendarAsync("hidden", Ct);
        await Bob.PutAsync("hidden/a.ics", DavProbe.Event("a@hidden", "Bob's"), Ct);
        var proxy = servers.Proxy(Dav.Radicale);
        proxy.Reset();
        // Some servers do not tell privileges at all (RFC 3744 is optional).
        proxy.Do(passing => new Fault.Rewrite(body => body.Replace("current-user-privilege-set", "nothing-of-the-sort")));
        var client = servers.App.As("hidden-reader");
        var url = new Uri(proxy.Url, "/bob/hidden/");
        var id = (await client.ConnectAsync(url, url.AbsolutePath)).Id();
        var shared = new SyncedCalendar(servers, Dav.Radicale, "../bob/hidden", client, id);
        await shared.SyncedAsync();

        await shared.EditAsync("Bob's", "Edited here");
        for (var run = 0; run < 12; run++)
            (await shared.FailedAsync("write_refused")).Text("error").ShouldContain("Check the rights of the account");

        // Each asked-for run tries once; by itself it would rest longer and longer.
        proxy.Writes.ShouldBeLessThanOrEqualTo(13);
        (await shared.HereAsync()).ShouldBe(["a@hidden Edited here"]);
        (await Bob.GetAsync("hidden/a.ics", Ct))!.ShouldContain("SUMMARY:Bob's");
        (await servers.App.ScalarAsync<double>(
            """
            SELECT extract(epoch FROM max(o.retry_at) - clock_timestamp())::double precision
            FROM   lockstep.calendar_objects o JOIN lockstep.calendars c ON c.id = o.calendar_id WHERE c.integration_id = $1
            """, id)).ShouldBeGreaterThan(3600);
        // What its owner does is still read, and both versions are kept.
        await Bob.PutAsync("hidden/b.ics", DavProbe.Event("b@hidden", "New there"), Ct);
        await shared.FailedAsync("write_refused");
        (await shared.HereAsync()).ShouldBe(["a@hidden Edited here", "b@hidden New there"]);
    }
}
