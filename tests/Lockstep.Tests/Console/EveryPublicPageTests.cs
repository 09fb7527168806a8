using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Support;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Every page that visitors can meet, looked at as those of the console are. Pictures in artifacts/public.</summary>
[Trait("Category", "Long")]
public sealed class EveryPublicPageTests(LockstepApp app, Browser browser) : IClassFixture<LockstepApp>
{
    private const int MostForms = 40;

    [Theory]
    [InlineData(390)]
    [InlineData(1280)]
    public async Task Every_page_is_well_in_light_and_dark(int width)
    {
        // More than a walk sends, and little enough to send too many at its end; each walk counts anew.
        app.BookingLimit = MostForms;
        await app.RestartAsync();
        var slug = $"rana-{width}";
        var owner = app.As(slug);
        await owner.TakeBookingsAsync(slug, body =>
        {
            body["settings"]!["profile"] = new JsonObject { ["name"] = "Rana Haddad", ["about"] = "Tax advice for small companies. Half an hour, by phone or here in the office." };
            body["settings"]!["workingHours"] = new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4, 5), ["start"] = "09:00", ["end"] = "18:00" };
        });
        await new PageTour(app, browser, "public", "Europe/Berlin").WalkAsync(width, async look =>
        {
            await look.AtAsync($"/c/{slug}?day={Provider.Monday.Text()}&tz=Europe/Berlin", "times");
            await look.Page.Locator(".zones summary").ClickAsync();
            await look.HereAsync("zones");
            await look.AtAsync($"/c/{slug}?month={Provider.Monday.PlusMonths(1):yyyy-MM}", "next-month");
            await look.AtAsync($"/c/{slug}?day={Provider.Monday.PlusDays(5).Text()}", "a-day-off");
            await TakeAsync(look, slug);
            await OthersAsync(look, slug, width);
            await TooOftenAsync(look, slug);
        });
    }

    /// <summary>From the form to the cancelled booking, with all that can go wrong.</summary>
    private async Task TakeAsync(PageInspector look, string slug)
    {
        var page = look.Page;
        await look.AtAsync($"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "10:00")}&tz=Europe/Berlin", "form");
        await look.PressAsync("Book this time");
        await look.HereAsync("form-wrong");
        await page.GetByLabel("Your name").FillAsync("Vera Visitor");
        await page.GetByLabel("E-mail or phone").FillAsync("vera@example.com");
        using var quicker = new BookingVisitor(app.Url);
        await quicker.BookAsync(slug, BookingVisitor.At(Provider.Monday, "10:00"), "Quick Visitor", "quick@example.com");
        await look.PressAsync("Book this time");
        await look.HereAsync("gone");
        await look.FollowAsync(page.Locator(".near button").First);
        await look.HereAsync("booked");
        var booking = new Uri(page.Url).AbsolutePath;
        await page.GetByText("Cancel this booking").ClickAsync();
        await look.HereAsync("booked-cancel");
        await look.AtAsync($"{booking}/move", "move");
        await look.FollowAsync(page.Locator(".slots a").Last);
        await look.HereAsync("move-confirm");
        await look.PressAsync("Move my booking");
        await look.HereAsync("moved");
        await look.AtAsync($"{booking}/move?at={BookingVisitor.At(Provider.Monday, "10:00")}", "move-gone");
        await page.GotoAsync(new Uri(app.Url, booking).ToString());
        await page.GetByText("Cancel this booking").ClickAsync();
        await look.PressAsync("Yes, cancel it");
        await look.HereAsync("cancelled");
        await look.AtAsync($"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "03:00")}", "form-not-offered");
        await look.AtAsync("/c/booking/nothing", "booking-unknown");
        foreach (var hour in new[] { "11:00", "11:30", "12:00", "12:30", "13:00" })
            using ((await quicker.SendAsync($"/c/{slug}/book", await quicker.FormAsync(slug, BookingVisitor.At(Provider.Monday, hour), "Many Times", "many@example.com"))))
            {
            }
        await page.GotoAsync(new Uri(app.Url, $"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "14:00")}").ToString());
        await page.GetByLabel("Your name").FillAsync("Many Times");
        await page.GetByLabel("E-mail or phone").FillAsync("many@example.com");
        await look.PressAsync("Book this time");
        await look.HereAsync("too-many");
    }

    /// <summary>A fault of the server, while a page is looked at and while a form is sent.</summary>
    private async Task FaultAsync(PageInspector look, string slug)
    {
        await look.Page.GotoAsync(new Uri(app.Url, $"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "15:00")}").ToString());
        await look.Page.GetByLabel("Your name").FillAsync("Vera Visitor");
        await look.Page.GetByLabel("E-mail or phone").FillAsync("vera@example.com");
        await app.WithoutAsync("providers", async () =>
        {
            await look.PressAsync("Book this time");
            await look.HereAsync("fault-while-booking");
            await look.AtAsync($"/c/{slug}?day={Provider.Monday.Text()}", "fault-of-the-server");
        });
    }

    /// <summary>More forms from one network than a person sends.</summary>
    private async Task TooOftenAsync(PageInspector look, string slug)
    {
        await look.Page.GotoAsync(new Uri(app.Url, $"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "15:30")}").ToString());
        using (var program = new BookingVisitor(app.Url))
            for (var i = 0; i < MostForms; i++)
                (await program.SendAsync($"/c/{slug}/book", new Dictionary<string, string>())).Dispose();
        await look.PressAsync("Book this time");
        await look.HereAsync("too-often");
    }

    private async Task OthersAsync(PageInspector look, string slug, int width)
    {
        await look.AtAsync("/c/nobody-here", "not-found");
        await app.As($"omar-{width}").PublishAsync($"omar-{width}");
        await app.MirrorAsync($"omar-{width}", null);
        await look.AtAsync($"/c/omar-{width}", "unconfirmed");
        await app.As($"huda-{width}").PublishAsync($"huda-{width}");
        await look.AtAsync($"/c/huda-{width}", "whatsapp");
        await app.As($"full-{width}").PublishAsync($"full-{width}", body => body["settings"]!["slots"] = new JsonObject { ["horizonDays"] = 7 });
        await app.As($"full-{width}").PostAsync("/v1/events", new
        {
            summary = "Away",
            start = new { date = Provider.Monday.PlusDays(-30).Text() },
            end = new { date = Provider.Monday.PlusDays(60).Text() },
        }).ShouldBeAsync(HttpStatusCode.Created);
        await look.AtAsync($"/c/full-{width}", "nothing-free");
        await look.Page.GotoAsync(new Uri(app.Url, $"/c/{slug}/book?at={BookingVisitor.At(Provider.Monday, "15:00")}").ToString());
        await look.Page.EvaluateAsync("() => { document.querySelector('form.details').setAttribute('action', location.pathname.replace('/book', '-nobody/book')); }");
        await look.PressAsync("Book this time");
        await look.HereAsync("form-of-nobody");
        await look.AtAsync($"/c/{slug}/book", "form-without-time");
        await FaultAsync(look, slug);
    }
}
