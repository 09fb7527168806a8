using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class PageInBrowserTests(LockstepApp app, Browser browser) : IClassFixture<LockstepApp>
{
    [Theory]
    [InlineData(1280, ColorScheme.Light, true)]
    [InlineData(1280, ColorScheme.Dark, false)]
    [InlineData(390, ColorScheme.Light, false)]
    [InlineData(390, ColorScheme.Dark, true)]
    public async Task A_visitor_finds_a_time_on_any_screen_with_or_without_script(int width, ColorScheme scheme, bool script)
    {
        await PublishAsync("layla");
        await using var visit = await browser.OpenAsync(Visitor(width, scheme, script, "Europe/Berlin"));
        await visit.Page.GotoAsync(new Uri(app.Url, "/c/layla-nasser").ToString());
        await visit.SeeAsync($"page-{width}-{scheme}", script);

        var days = visit.Page.Locator(width < 900 ? ".strip ol a" : ".month td a");
        await Assertions.Expect(visit.Page.Locator(width < 900 ? ".month" : ".strip")).ToBeHiddenAsync();
        (await days.First.GetAttributeAsync("aria-current")).ShouldBe("date");
        (await visit.Page.Locator(".times .zone").InnerTextAsync()).ShouldBe(script ? "Berlin time" : "Dubai time");

        await days.Last.ClickAsync();
        await Assertions.Expect(days.Last).ToHaveAttributeAsync("aria-current", "date");
        var slot = visit.Page.Locator(".slots a").First;
        await Assertions.Expect(slot).ToBeVisibleAsync();
        (await slot.GetAttributeAsync("href")).ShouldNotBeNull().ShouldStartWith("https://wa.me/971501234567?text=Hello");
        NothingElseHappened(visit);
    }

    [Fact]
    public async Task The_zone_is_changed_with_the_keyboard_alone_and_stays_for_the_next_day()
    {
        await PublishAsync("layla");
        await using var visit = await browser.OpenAsync(Visitor(390, ColorScheme.Light, false, "Asia/Dubai"));
        var day = Provider.Monday.PlusDays(1).Text();
        await visit.Page.GotoAsync(new Uri(app.Url, $"/c/layla-nasser?day={day}").ToString());
        await visit.Page.Locator("summary").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.SeeAsync("page-390-zones", script: false);
        await visit.Page.Locator("select").SelectOptionAsync("Asia/Tokyo");
        await visit.Page.Locator("select").FocusAsync();
        await visit.Page.Keyboard.PressAsync("Tab");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(visit.Page.Locator(".times .zone")).ToHaveTextAsync("Tokyo time");
        visit.Page.Url.ShouldEndWith($"?day={day}&tz=Asia%2FTokyo");
        await visit.Page.Locator(".strip ol a").Nth(1).ClickAsync();
        await Assertions.Expect(visit.Page.Locator(".times .zone")).ToHaveTextAsync("Tokyo time");
        await visit.SeeAsync("page-390-tokyo", script: false);
        NothingElseHappened(visit);
    }

    [Fact]
    public async Task Months_are_turned_and_the_first_free_day_of_each_is_chosen()
    {
        await PublishAsync("layla");
        await using var visit = await browser.OpenAsync(Visitor(1280, ColorScheme.Light, true, "Asia/Dubai"));
        await visit.Page.GotoAsync(new Uri(app.Url, "/c/layla-nasser").ToString());
        var month = await visit.Page.Locator(".turn h2").InnerTextAsync();
        await visit.Page.Locator(".turn a[rel=next]").ClickAsync();
        await Assertions.Expect(visit.Page.Locator(".turn h2")).Not.ToHaveTextAsync(month);
        (await visit.Page.Locator(".month td a").First.GetAttributeAsync("aria-current")).ShouldBe("date");
        await visit.Page.Locator(".turn a[rel=prev]").ClickAsync();
        await Assertions.Expect(visit.Page.Locator(".turn h2")).ToHaveTextAsync(month);
        NothingElseHappened(visit);
    }

    [Theory]
    [InlineData(1280, ColorScheme.Dark)]
    [InlineData(390, ColorScheme.Light)]
    public async Task A_page_that_cannot_confirm_and_one_that_is_not_there_are_calm(int width, ColorScheme scheme)
    {
        await app.As("omar").PublishAsync("omar");
        await app.MirrorAsync("omar", null);
        await using var visit = await browser.OpenAsync(Visitor(width, scheme, true, "Asia/Dubai"));
        await visit.Page.GotoAsync(new Uri(app.Url, "/c/omar").ToString());
        await Assertions.Expect(visit.Page.GetByText("Times cannot be confirmed right now")).ToBeVisibleAsync();
        await visit.SeeAsync($"unconfirmed-{width}-{scheme}");
        NothingElseHappened(visit);

        await using var lost = await browser.OpenAsync(Visitor(width, scheme, true, "Asia/Dubai"));
        await lost.Page.GotoAsync(new Uri(app.Url, "/c/nobody").ToString());
        await Assertions.Expect(lost.Page.GetByRole(AriaRole.Heading)).ToHaveTextAsync("There is no page here");
        await lost.SeeAsync($"lost-{width}-{scheme}");
    }

    private static BrowserNewContextOptions Visitor(int width, ColorScheme scheme, bool script, string zone) => new()
    {
        ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
        ColorScheme = scheme,
        JavaScriptEnabled = script,
        TimezoneId = zone,
        Locale = "en-GB",
        DeviceScaleFactor = width < 900 ? 2 : 1,
    };

    /// <summary>Somebody with office hours and a few meetings, so that the page looks as it does in life.</summary>
    private async Task PublishAsync(string subject)
    {
        var owner = app.As(subject);
        await owner.PublishAsync("layla-nasser", body =>
        {
            body["settings"]!["profile"] = new JsonObject { ["name"] = "Layla Nasser", ["about"] = "Family law. A first talk about your case, in Arabic, English or French." };
            body["settings"]!["workingHours"] = new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4, 5), ["start"] = "09:00", ["end"] = "18:00" };
            body["settings"]!["whatsapp"]!["messageTemplate"] = "Hello Layla, I would like to talk on {date} at {time}.";
        });
        if ((await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.events WHERE user_id = $1", app.UserId(subject))) > 0)
            return;
        await owner.TakeAsync("Court", Provider.Monday, "09:00", "18:00");
        await owner.TakeAsync("Lunch", Provider.Monday, "12:30", "13:30", "RRULE:FREQ=DAILY;COUNT=60");
        await owner.TakeAsync("Office", Provider.Monday.PlusDays(1), "15:00", "16:00", "RRULE:FREQ=WEEKLY;COUNT=8");
    }

    private void NothingElseHappened(BrowserPage visit)
    {
        visit.Complaints.ShouldBeEmpty();
        visit.Requests.ShouldAllBe(request => request.Authority == app.Url.Authority || request.Scheme == "data");
    }
}
