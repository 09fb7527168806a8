using Lockstep.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

public sealed class RadicaleWriteTests(RadicaleServer radicale) : IClassFixture<RadicaleServer>
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private CaldavClient Client => Clients.For(radicale.Url);

    private DavProbe Other => radicale.As("alice");

    private async Task<Href> CalendarAsync(string name) => Href.Of(await Other.MakeCalendarAsync(name, Ct));

    [Fact]
    public async Task A_created_event_is_there_for_others_and_knows_its_etag()
    {
        var href = (await CalendarAsync("create")).Member("x.ics");

        var etag = (await Client.PutAsync(href, DavProbe.Event("x", "Mine"), null, Ct)).Value.ETag;

        (await Other.GetAsync("create/x.ics", Ct))!.ShouldContain("SUMMARY:Mine");
        (await Client.GetAsync(href, Ct)).Value.ETag.ShouldBe(etag);
    }

    [Fact]
    public async Task Creating_over_an_event_fails_and_changes_nothing()
    {
        var href = (await CalendarAsync("over")).Member("x.ics");
        await Other.PutAsync("over/x.ics", DavProbe.Event("x", "Theirs"), Ct);

        (await Client.PutAsync(href, DavProbe.Event("x", "Mine"), null, Ct)).Failure.ShouldBeOfType<CaldavFailure.PreconditionFailed>();

        (await Other.GetAsync("over/x.ics", Ct))!.ShouldContain("SUMMARY:Theirs");
    }

    [Fact]
    public async Task A_change_based_on_an_old_version_fails_and_changes_nothing()
    {
        var href = (await CalendarAsync("stale")).Member("x.ics");
        var seen = (await Client.PutAsync(href, DavProbe.Event("x", "One"), null, Ct)).Value.ETag!;
        await Other.PutAsync("stale/x.ics", DavProbe.Event("x", "Theirs"), Ct);

        (await Client.PutAsync(href, DavProbe.Event("x", "Two"), seen, Ct)).Failure.ShouldBeOfType<CaldavFailure.PreconditionFailed>();
        (await Client.DeleteAsync(href, seen, Ct)).Failure.ShouldBeOfType<CaldavFailure.PreconditionFailed>();

        (await Other.GetAsync("stale/x.ics", Ct))!.ShouldContain("SUMMARY:Theirs");
    }

    [Fact]
    public async Task A_change_based_on_the_current_version_is_stored()
    {
        var href = (await CalendarAsync("change")).Member("x.ics");
        var seen = (await Client.PutAsync(href, DavProbe.Event("x", "One"), null, Ct)).Value.ETag!;

        var next = (await Client.PutAsync(href, DavProbe.Event("x", "Two"), seen, Ct)).Value.ETag;

        next.ShouldNotBe(seen);
        (await Other.GetAsync("change/x.ics", Ct))!.ShouldContain("SUMMARY:Two");
    }

    [Fact]
    public async Task Deleting_twice_is_done_both_times()
    {
        var href = (await CalendarAsync("delete")).Member("x.ics");
        var seen = (await Client.PutAsync(href, DavProbe.Event("x", "One"), null, Ct)).Value.ETag!;

        (await Client.DeleteAsync(href, seen, Ct)).Value.WasThere.ShouldBeTrue();
        (await Other.ListAsync("delete", Ct)).ShouldBeEmpty();
        (await Client.DeleteAsync(href, seen, Ct)).Value.WasThere.ShouldBeFalse();
    }

    [Fact]
    public async Task The_same_uid_under_another_name_is_a_conflict()
    {
        var calendar = await CalendarAsync("twice");
        await Other.PutAsync("twice/x.ics", DavProbe.Event("same", "One"), Ct);

        var answer = await Client.PutAsync(calendar.Member("y.ics"), DavProbe.Event("same", "Two"), null, Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.Conflict>().Precondition.ShouldBe("no-uid-conflict");
    }

    [Fact]
    public async Task Garbage_is_rejected()
    {
        var calendar = await CalendarAsync("garbage");

        (await Client.PutAsync(calendar.Member("x.ics"), "no calendar", null, Ct)).Failure
            .ShouldBeOfType<CaldavFailure.Rejected>().Status.ShouldBe(400);
    }

    [Fact]
    public async Task Many_writes_in_a_row_survive_a_server_that_closes_every_connection()
    {
        var calendar = await CalendarAsync("row");
        var client = Client;

        for (var i = 0; i < 50; i++)
            (await client.PutAsync(calendar.Member($"e{i}.ics"), DavProbe.Event($"row-e{i}", "Row"), null, Ct)).Failure.ShouldBeNull();

        (await Other.ListAsync("row", Ct)).Count.ShouldBe(50);
    }

    [Fact]
    public async Task A_server_that_died_is_unreachable_and_never_an_empty_calendar()
    {
        await using var own = await RadicaleServer.StartAsync(Ct);
        var calendar = Href.Of(await own.As("alice").MakeCalendarAsync("lost", Ct));
        var client = Clients.For(own.Url);
        (await client.ListEtagsAsync(calendar, Ct)).Failure.ShouldBeNull();

        await own.KillAsync();
        (await client.ListEtagsAsync(calendar, Ct)).Failure.ShouldBeOfType<CaldavFailure.Unreachable>();

        await own.RestartAsync(Ct);
        (await client.ListEtagsAsync(calendar, Ct)).Failure.ShouldBeNull();
    }
}
