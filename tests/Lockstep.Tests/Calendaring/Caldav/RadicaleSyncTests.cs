using Lockstep.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

public sealed class RadicaleSyncTests(RadicaleServer radicale) : IClassFixture<RadicaleServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private CaldavClient Client => Clients.For(radicale.Url);

    private DavProbe Other => radicale.As("alice");

    private async Task<Href> CalendarAsync(string name, int events)
    {
        var calendar = Href.Of(await Other.MakeCalendarAsync(name, Ct));
        for (var i = 0; i < events; i++)
            await Other.PutAsync($"{name}/e{i}.ics", DavProbe.Event($"{name}-e{i}", $"Event {i}"), Ct);
        return calendar;
    }

    [Fact]
    public async Task A_first_sync_brings_every_event_with_its_text_in_one_request()
    {
        var calendar = await CalendarAsync("first", 5);

        var report = (await Client.SyncCollectionAsync(calendar, null, Ct)).Value;

        report.Changes.Count.ShouldBe(5);
        report.Changes.ShouldAllBe(c => c.State == MemberState.Changed && c.ETag != null);
        var text = report.Changes.Single(c => c.Href.Name == "e3.ics").Ics!;
        text.ShouldStartWith("BEGIN:VCALENDAR\r\n");
        text.ShouldContain("\r\nSUMMARY:Event 3\r\n");
        text.Replace("\r\n", "").ShouldNotContain("\n");
        report.SyncToken.ShouldNotBeNull();
        report.Truncated.ShouldBeFalse();
    }

    [Fact]
    public async Task A_later_sync_brings_what_changed_and_what_went()
    {
        var calendar = await CalendarAsync("later", 3);
        var token = (await Client.SyncCollectionAsync(calendar, null, Ct)).Value.SyncToken;
        (await Client.SyncCollectionAsync(calendar, token, Ct)).Value.Changes.ShouldBeEmpty();
        await Other.PutAsync("later/e1.ics", DavProbe.Event("later-e1", "Changed"), Ct);
        await Other.PutAsync("later/new.ics", DavProbe.Event("later-new", "New"), Ct);
        await Other.DeleteAsync("later/e0.ics", Ct);

        var report = (await Client.SyncCollectionAsync(calendar, token, Ct)).Value;

        report.Changes.Select(c => (c.Href.Name, c.State)).Order().ShouldBe(
            [("e0.ics", MemberState.Removed), ("e1.ics", MemberState.Changed), ("new.ics", MemberState.Changed)]);
        report.Changes.Single(c => c.Href.Name == "e1.ics").Ics!.ShouldContain("SUMMARY:Changed");
        report.SyncToken.ShouldNotBe(token);
    }

    [Theory]
    [InlineData("http://radicale.org/ns/sync/0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("no token & <no> sense")]
    public async Task A_token_that_the_server_forgot_is_recognised(string token)
    {
        var calendar = await CalendarAsync($"bogus{token.Length}", 1);

        (await Client.SyncCollectionAsync(calendar, token, Ct)).Failure.ShouldBeOfType<CaldavFailure.TokenInvalid>();
    }

    [Fact]
    public async Task A_poll_of_the_home_shows_which_calendar_changed()
    {
        var one = await CalendarAsync("pollone", 1);
        var two = await CalendarAsync("polltwo", 1);
        var home = Href.Of(Other.Home);
        var before = (await Client.PollHomeAsync(home, Ct)).Value.Calendars;
        await Other.PutAsync("polltwo/more.ics", DavProbe.Event("more", "More"), Ct);

        var after = (await Client.PollHomeAsync(home, Ct)).Value.Calendars;

        after.Single(c => c.Href.Equals(one)).ShouldBe(before.Single(c => c.Href.Equals(one)));
        after.Single(c => c.Href.Equals(two)).ShouldNotBe(before.Single(c => c.Href.Equals(two)));
        (await Client.PollCalendarAsync(two, Ct)).Value.Calendars.ShouldHaveSingleItem().ShouldBe(after.Single(c => c.Href.Equals(two)));
    }

    [Fact]
    public async Task The_list_of_etags_leaves_the_collection_out()
    {
        var calendar = await CalendarAsync("etags", 2);

        var members = (await Client.ListEtagsAsync(calendar, Ct)).Value.Members;

        members.Select(m => m.Href.Name).Order().ShouldBe(["e0.ics", "e1.ics"]);
        members.ShouldAllBe(m => m.ETag != null && m.LastModified != null);
    }

    [Fact]
    public async Task A_multiget_tells_what_is_gone()
    {
        var calendar = await CalendarAsync("multi", 2);
        Href[] asked = [calendar.Member("e0.ics"), calendar.Member("e1.ics"), calendar.Member("never.ics")];

        var report = (await Client.MultigetAsync(calendar, asked, Ct)).Value;

        report.Objects.Select(o => o.Href).ShouldBe(asked[..2], ignoreOrder: true);
        report.Objects.ShouldAllBe(o => o.ETag != null && o.Ics.StartsWith("BEGIN:VCALENDAR\r\n"));
        report.Gone.Concat(report.Unanswered).ShouldBe(asked[2..]);
        report.Unreadable.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_unknown_calendar_is_not_found()
    {
        var answer = await Client.ListEtagsAsync(Href.Of(new Uri(radicale.Url, "/alice/never/")), Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.NotFound>();
    }

    [Fact]
    public async Task A_name_with_blanks_and_an_at_sign_survives_the_round()
    {
        var calendar = await CalendarAsync("names", 0);
        var href = calendar.Member("a b@example.com ü.ics");
        (await Client.PutAsync(href, DavProbe.Event("named", "Named"), null, Ct)).Value.ShouldNotBeNull();

        var listed = (await Client.ListEtagsAsync(calendar, Ct)).Value.Members.ShouldHaveSingleItem().Href;

        listed.ShouldBe(href);
        (await Client.GetAsync(listed, Ct)).Value.Ics.ShouldContain("SUMMARY:Named");
    }
}
