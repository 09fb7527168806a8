using System.Net;
using System.Text;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Whatever there is to connect is connected in the console too, for oneself.</summary>
public sealed class ConnectHereTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_console_offers_all_that_a_link_offers_and_each_choice_has_its_form()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(synced.App, "chooser");
        var page = await visitor.PageAsync("/console/connections/new");
        var offered = page.QuerySelectorAll<IHtmlAnchorElement>(".choices a").Select(link => link.GetAttribute("href")!).ToList();
        offered.Select(link => link.Split('=')[1]).ShouldBe(ConnectChoice.All.Select(choice => choice.Id), ignoreOrder: true);
        foreach (var link in offered)
        {
            var form = (await visitor.PageAsync(link)).QuerySelector("main form")!;
            form.GetAttribute("action").ShouldBeOneOf("/console/connections/find", "/console/connections/store");
            form.QuerySelectorAll("input:not([type=hidden])").ShouldNotBeEmpty(link);
        }
        await visitor.PageAsync("/console/connections/new?provider=nobody", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_calendar_by_its_address_is_looked_at_first_and_then_read_before_ones_eyes()
    {
        const string Feed = "/calendar/private-AddressMarker/basic.ics";
        synced.Fake.Answer(Feed, _ => new FakeAnswer(200, Encoding.UTF8.GetBytes(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261201T100000Z\r\nSUMMARY:One\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"), "text/calendar"));
        synced.Fake.Answer("/page", _ => FakeAnswer.Html());
        using var visitor = await ConsoleVisitor.SignInAsync(synced.App, "reader");
        var page = await visitor.PageAsync("/console/connections/new?provider=google");
        page.QuerySelector("h1")!.TextContent.ShouldBe("Connect Google Calendar");
        page = await visitor.FillAsync(page, "/store", status: HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("#secret-error")!.TextContent.ShouldBe("is missing.");
        page = await visitor.FillAsync(page, "/store", new() { ["secret"] = synced.Fake.At("/page").AbsoluteUri }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("[role=alert]")!.TextContent.ShouldContain("it may be the address of its web page");

        page = await visitor.FillAsync(page, "/store", new() { ["secret"] = synced.Fake.At(Feed).AbsoluteUri, ["label"] = "Club" });
        page.DocumentElement.OuterHtml.ShouldNotContain("AddressMarker");
        var feed = (await synced.App.As("reader").GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        (feed.Text("integrationType"), feed.Text("label")).ShouldBe(("ics", "Club"));
        await synced.App.As("reader").UntilAsync(feed.Id(), one => one["lastSyncAt"] is not null);
        page = await visitor.PageAsync($"/console/connections/{feed.Id()}/first-sync");
        page.QuerySelector("h1")!.TextContent.ShouldBe("It is in step");
        page.QuerySelector("#count")!.TextContent.ShouldBe("1 event");
        // Nothing is ever written to it, and nobody signs in to it.
        page.Body!.TextContent.ShouldNotContain("is written there");
        page = await visitor.PageAsync($"/console/connections/{feed.Id()}");
        page.Body!.TextContent.ShouldContain("by its address, read only");
        page.Body.TextContent.ShouldNotContain("password");
        page.DocumentElement.OuterHtml.ShouldNotContain("AddressMarker");

        // Once more is the same one, with its address anew.
        page = await visitor.FillAsync(await visitor.PageAsync("/console/connections/new?provider=ics"), "/store", new() { ["secret"] = synced.Fake.At(Feed).AbsoluteUri });
        page.QuerySelector("[role=status]")!.TextContent.ShouldStartWith("It was connected already.");
        (await synced.App.As("reader").GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_key_and_a_receiver_are_kept_say_how_software_reads_them_and_are_no_calendar()
    {
        using var visitor = await ConsoleVisitor.SignInAsync(synced.App, "keeper");
        var page = await visitor.PageAsync("/console/connections/new?provider=api_key");
        page = await visitor.FillAsync(page, "/store", new() { ["service"] = "Stripe", ["username"] = "shop" }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector<IHtmlInputElement>("#service")!.Value.ShouldBe("Stripe");
        page.QuerySelector("#secret-error")!.TextContent.ShouldBe("is missing.");
        page = await visitor.FillAsync(page, "/store", new() { ["secret"] = "sk_live_KeyMarker_0123456789" });
        page.QuerySelector("[role=status]")!.TextContent.ShouldBe("It is kept, sealed. Your software reads it over the API.");
        page.DocumentElement.OuterHtml.ShouldNotContain("KeyMarker");
        var key = (await synced.App.As("keeper").GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        page.Body!.TextContent.ShouldContain($"POST /v1/credentials/{key.Id("credentialId")}/reveal");
        page.QuerySelectorAll("#calendars, #history, #conflicts, form[action$='/sync']").ShouldBeEmpty();
        page.QuerySelector(".chip")!.TextContent.ShouldBe("Kept");
        await visitor.PageAsync($"/console/connections/{key.Id()}/first-sync", HttpStatusCode.NotFound);
        (await visitor.FillAsync(page, "/password", new() { ["password"] = "sk_live_KeyMarker_second_01" }))
            .QuerySelector("[role=status]")!.TextContent.ShouldBe("The new value is stored. The one before is kept among its versions, sealed.");

        page = await visitor.FillAsync(await visitor.PageAsync("/console/connections/new?provider=webhook"), "/store", new() { ["url"] = "nowhere" }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("#url-error").ShouldNotBeNull();
        await visitor.FillAsync(page, "/store", new() { ["url"] = "https://example.com/hooks" });
        var overview = await visitor.PageAsync("/console");
        overview.QuerySelector("#steps")!.TextContent.ShouldBe("Three steps to a page that others can book");
        var list = (await visitor.PageAsync("/console/connections")).QuerySelector("main .list")!.TextContent;
        list.ShouldContain("Key of Stripe, shop");
        list.ShouldContain("Webhook to example.com");
    }

    [Fact]
    public async Task An_event_that_is_in_no_calendar_says_so_and_is_put_into_one_when_there_is_one()
    {
        var owner = synced.App.As("early");
        var day = Provider.Monday;
        var made = await owner.PostAsync("/v1/events", new
        {
            summary = "Before any calendar",
            start = new { dateTime = $"{day.Text()}T09:00:00", timeZone = "Asia/Dubai" },
            end = new { dateTime = $"{day.Text()}T10:00:00", timeZone = "Asia/Dubai" },
        }).ShouldBeAsync(HttpStatusCode.Created);
        made["calendarId"].ShouldBeNull();
        using var visitor = await ConsoleVisitor.SignInAsync(synced.App, "early");
        var events = $"/console/events?month={day:yyyy-MM}";
        var page = await visitor.PageAsync(events);
        page.QuerySelector(".notice")!.TextContent.ShouldContain("One event of this month is kept here alone.");
        page.QuerySelector(".notice a")!.GetAttribute("href").ShouldBe("/console/connections/new");

        // Of a server of one's own its name is enough.
        await synced.Alice.MakeCalendarAsync("early", Ct, "Early");
        page = await visitor.FillAsync(await visitor.PageAsync("/console/connections/new?provider=radicale"), "/find", new()
        {
            ["url"] = synced.Radicale.Url.GetLeftPart(UriPartial.Authority),
            ["username"] = "alice",
            ["password"] = "alicepw",
        });
        var href = new Uri(synced.Radicale.Url, "/alice/early/").ToString();
        await visitor.FillAsync(page, "/connections", new() { ["write"] = href, ["read"] = href });
        var connection = (await owner.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Id();
        await owner.UntilAsync(connection, one => one["lastSyncAt"] is not null);
        page = await visitor.PageAsync(events);
        page.QuerySelector(".notice option")!.TextContent.ShouldStartWith("Early");

        page = await visitor.FillAsync(page, "/events/place");
        page.QuerySelector("[role=status]")!.TextContent.ShouldStartWith("They are in that calendar now");
        page.QuerySelectorAll(".notice.warn, li.kept").ShouldBeEmpty();
        await owner.SyncedAsync(connection);
        Directory.GetFiles(synced.Radicale.CalendarFolder("alice", "early"), "*.ics").Select(File.ReadAllText).ShouldHaveSingleItem().ShouldContain("Before any calendar");
    }
}
