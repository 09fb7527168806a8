using Lockstep.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.Caldav;

public sealed class RadicaleDiscoveryTests(RadicaleServer radicale) : IClassFixture<RadicaleServer>, IAsyncLifetime
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var alice = radicale.As("alice");
        if ((await alice.GetAsync("work/", Ct)) is not null)
            return;
        await alice.MakeCalendarAsync("work", Ct, "Work & play", color: "#ff0000ff");
        await alice.MakeCalendarAsync("todo", Ct, "Tasks", component: "VTODO");
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData("/")]
    [InlineData("/alice/")]
    [InlineData("/alice/work/")]
    [InlineData("/nothing/here/")]
    public async Task The_calendars_are_found_from_whatever_address_is_given(string path)
    {
        var found = (await Clients.For(new Uri(radicale.Url, path)).DiscoverAsync(Ct)).Value;

        found.Homes.ShouldHaveSingleItem().Path.ShouldBe("/alice/");
        found.Principal!.Path.ShouldBe("/alice/");
        found.Calendars.Select(c => c.Href.ToString()).ShouldBe(
            [new Uri(radicale.Url, "/alice/todo/").AbsoluteUri, new Uri(radicale.Url, "/alice/work/").AbsoluteUri], ignoreOrder: true);
    }

    [Fact]
    public async Task A_calendar_comes_with_its_name_colour_and_components()
    {
        var found = (await Clients.For(radicale.Url).DiscoverAsync(Ct)).Value;

        var work = found.Calendars.Single(c => c.Href.Name == "work");
        work.Name.ShouldBe("Work & play");
        work.Color.ShouldBe("#FF0000");
        work.Components.ShouldBe(["VEVENT"]);
        work.ReadOnly.ShouldBeFalse();
        work.IsWritable.ShouldBeTrue();
        work.Ctag.ShouldNotBeNull();
        work.ReportsChanges.ShouldBeTrue();
    }

    [Fact]
    public async Task A_task_list_is_listed_but_no_place_for_events()
    {
        var found = (await Clients.For(radicale.Url).DiscoverAsync(Ct)).Value;

        var tasks = found.Calendars.Single(c => c.Href.Name == "todo");
        tasks.Components.ShouldBe(["VTODO"]);
        tasks.IsWritable.ShouldBeFalse();
    }

    [Fact]
    public async Task A_refused_password_is_said_without_the_password()
    {
        var answer = await Clients.For(radicale.Url, password: "marker-secret").DiscoverAsync(Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.Unauthorized>();
        answer.Failure!.ToString().ShouldNotContain("marker-secret");
        Should.Throw<InvalidOperationException>(() => answer.Value).ToString().ShouldNotContain("marker-secret");
    }

    [Fact]
    public async Task A_calendar_of_somebody_else_is_not_served()
    {
        await radicale.As("bob").MakeCalendarAsync("own", Ct);

        var answer = await Clients.For(radicale.Url).ListEtagsAsync(Href.Of(new Uri(radicale.Url, "/bob/own/")), Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.Forbidden>();
    }

    [Fact]
    public async Task Nobody_listening_is_unreachable()
    {
        var answer = await Clients.For(new Uri($"http://127.0.0.1:{ServerProcess.FreePort()}/")).DiscoverAsync(Ct);

        answer.Failure.ShouldBeOfType<CaldavFailure.Unreachable>().Reason.ShouldBe(UnreachableReason.ConnectionFailed);
    }
}
