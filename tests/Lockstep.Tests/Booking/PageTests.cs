using System.Net;
using System.Text.Json.Nodes;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class PageTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task The_first_free_day_is_chosen_and_each_time_opens_WhatsApp_with_the_message_filled_in()
    {
        await app.As("doctor").PublishAsync("dr-amal-haddad");
        var page = await Page("/c/dr-amal-haddad");
        page.Title.ShouldBe("Book a time with Dr Amal Haddad");
        var chosen = page.QuerySelectorAll(".strip a").First(day => day.HasAttribute("aria-current"));
        chosen.ShouldBe(page.QuerySelector(".strip a"));
        var monday = Provider.Monday;
        var links = (await Page($"/c/dr-amal-haddad?day={monday.Text()}")).QuerySelectorAll<IHtmlAnchorElement>(".slots a").ToList();
        links.Count.ShouldBe(6);
        links[1].Href.ShouldBe("https://wa.me/971501234567?text=" + Uri.EscapeDataString(
            $"Hi & hello! May I come on {monday.ToString("dddd d MMMM yyyy", null)} at 09:30?"));
    }

    [Fact]
    public async Task Times_are_in_the_visitors_zone_with_dates_where_zones_differ_and_the_message_tells_both_clocks()
    {
        await app.As("far").PublishAsync("far");
        var monday = Provider.Monday;
        // 09:00 in Dubai is the evening before in Honolulu.
        var page = await Page($"/c/far?day={monday.PlusDays(-1).Text()}&tz=Pacific%2FHonolulu");
        page.QuerySelector(".times .zone")!.TextContent.ShouldBe("Honolulu time");
        page.QuerySelector(".slots a")!.TextContent.ShouldBe("19:00 " + monday.PlusDays(-1).ToString("ddd d MMM", null));
        Uri.UnescapeDataString(page.QuerySelector<IHtmlAnchorElement>(".slots a")!.Href).ShouldContain(
            $"on {monday.PlusDays(-1).ToString("dddd d MMMM yyyy", null)} at 19:00 Honolulu time (09:00 on {monday.ToString("dddd d MMMM", null)} Dubai time)?");
        (await Page($"/c/far?day={monday.Text()}&tz=Asia%2FMuscat")).QuerySelector(".slots small").ShouldBeNull();
    }

    [Fact]
    public async Task Hours_and_dates_are_written_as_the_visitors_region_writes_them()
    {
        await app.As("locale").PublishAsync("locale");
        var page = await Page($"/c/locale?day={Provider.Monday.Text()}", "en-US,en;q=0.9");
        page.QuerySelector(".slots a")!.TextContent.ShouldBe("9:00\u00a0AM");
        page.QuerySelector("#day")!.TextContent.ShouldBe(Provider.Monday.ToString("dddd, MMMM d", null));
        page.QuerySelector(".month th abbr")!.GetAttribute("title").ShouldBe("Sunday");
        (await Page("/c/locale", "de-DE,de;q=0.9,en;q=0.8")).QuerySelector(".slots a")!.TextContent.ShouldNotContain("M");
    }

    [Fact]
    public async Task A_calendar_that_was_not_read_lately_leaves_no_time_and_a_way_to_ask()
    {
        await app.As("unread").PublishAsync("unread");
        await app.MirrorAsync("unread", 120);
        var page = await Page("/c/unread");
        page.QuerySelector(".notice h2")!.TextContent.ShouldBe("Times cannot be confirmed right now");
        page.QuerySelectorAll(".slots, .month, .strip, .zones").ShouldBeEmpty();
        page.QuerySelector<IHtmlAnchorElement>(".notice a")!.Href.ShouldStartWith("https://wa.me/971501234567?text=Hello");
    }

    [Fact]
    public async Task A_day_on_which_nothing_is_free_leads_to_the_next_one()
    {
        var owner = app.As("full");
        await owner.PublishAsync("full");
        await owner.TakeAsync("All of it", Provider.Monday, "08:00", "13:00");
        var page = await Page($"/c/full?day={Provider.Monday.Text()}");
        page.QuerySelectorAll(".slots").ShouldBeEmpty();
        page.QuerySelector(".none a")!.GetAttribute("href").ShouldBe($"?day={Provider.Monday.PlusDays(1).Text()}");
        page.QuerySelectorAll(".month td a").ShouldNotContain(day => day.GetAttribute("href") == $"?day={Provider.Monday.Text()}");
    }

    [Fact]
    public async Task Without_WhatsApp_the_times_are_told_but_lead_nowhere()
    {
        await app.As("quiet").PublishAsync("quiet", body => body["settings"]!["whatsapp"]!["enabled"] = false);
        var text = (await Page("/c/quiet")).DocumentElement.OuterHtml;
        text.ShouldNotContain("wa.me");
        text.ShouldNotContain("971501234567");
    }

    [Fact]
    public async Task What_an_owner_or_a_visitor_writes_stays_text()
    {
        const string Hostile = """</title><script>alert(1)</script><img src=x onerror="alert(2)">'`&quot;""";
        await app.As("hostile").PublishAsync("hostile", body =>
        {
            body["settings"]!["profile"] = new JsonObject { ["name"] = "</h1><b>Bold", ["about"] = Hostile };
            body["settings"]!["whatsapp"]!["messageTemplate"] = "\"><script>{date}</script>{time}";
        });
        var page = await Page($"/c/hostile?day={Uri.EscapeDataString(Hostile)}&tz={Uri.EscapeDataString(Hostile)}&month={Uri.EscapeDataString("\"><b>")}");
        page.QuerySelectorAll("script").Length.ShouldBe(1);
        page.QuerySelectorAll("img, .who b, [onerror]").ShouldBeEmpty();
        page.QuerySelector(".about")!.TextContent.ShouldBe(Hostile);
        page.QuerySelector<IHtmlAnchorElement>(".slots a")!.Href.ShouldStartWith("https://wa.me/971501234567?text=%22%3E%3Cscript%3E");
    }

    [Fact]
    public async Task It_is_one_small_answer_that_lets_nothing_else_in()
    {
        await app.As("small").PublishAsync("small", body => body["settings"]!["workingHours"]!["end"] = "24:00");
        using var response = await app.Anonymous().GetAsync("/c/small");
        (await response.Content.ReadAsByteArrayAsync()).Length.ShouldBeLessThan(100_000);
        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        policy.ShouldContain("default-src 'none'");
        policy.ShouldContain("frame-ancestors 'none'");
        policy.ShouldNotContain("unsafe");
        response.Headers.GetValues("X-Content-Type-Options").ShouldBe(["nosniff"]);
        response.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        response.Headers.CacheControl!.MaxAge.ShouldBe(TimeSpan.FromSeconds(15));
        response.Headers.Vary.ShouldBe(["Accept-Language"]);
    }

    [Fact]
    public async Task What_has_not_changed_is_not_sent_again_and_what_has_is_sent_at_once()
    {
        var owner = app.As("tagged");
        await owner.PublishAsync("tagged");
        var path = $"/c/tagged?day={Provider.Monday.Text()}";
        using var first = await app.Anonymous().GetAsync(path);
        var tag = first.Headers.ETag!;
        async Task<HttpResponseMessage> AgainAsync(HttpMethod method)
        {
            var request = new HttpRequestMessage(method, path);
            request.Headers.IfNoneMatch.Add(tag);
            return await app.Anonymous().SendAsync(request);
        }
        // The page says as of which minute it is, so at the turn of one it may be another.
        using var same = await AgainAsync(HttpMethod.Get);
        if (same.StatusCode != HttpStatusCode.NotModified)
            same.Headers.ETag.ShouldNotBe(tag);
        await owner.TakeAsync("Court", Provider.Monday, "09:00", "10:00");
        using var changed = await AgainAsync(HttpMethod.Get);
        changed.StatusCode.ShouldBe(HttpStatusCode.OK);
        (await changed.Content.ReadAsStringAsync()).ShouldNotContain(BookingVisitor.At(Provider.Monday, "09:00"));
        using var head = await app.Anonymous().SendAsync(new HttpRequestMessage(HttpMethod.Head, path));
        head.StatusCode.ShouldBe(HttpStatusCode.OK);
        head.Headers.ETag.ShouldNotBeNull();
        head.Content.Headers.ContentLength.ShouldBe((await changed.Content.ReadAsByteArrayAsync()).Length);
        (await app.Anonymous().SendAsync(new HttpRequestMessage(HttpMethod.Head, "/c/nobody-at-all"))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
    }

    private async Task<IHtmlDocument> Page(string path, string? language = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (language is not null)
            request.Headers.Add("Accept-Language", language);
        using var response = await app.Anonymous().SendAsync(request);
        var text = await response.Content.ReadAsStringAsync();
        response.StatusCode.ShouldBe(HttpStatusCode.OK, text);
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/html; charset=utf-8");
        return new HtmlParser().ParseDocument(text);
    }
}
