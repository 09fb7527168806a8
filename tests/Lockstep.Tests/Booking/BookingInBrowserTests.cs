using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class BookingInBrowserTests(LockstepApp app, Browser browser) : IClassFixture<LockstepApp>
{
    [Theory]
    [InlineData(1280, ColorScheme.Light, true)]
    [InlineData(390, ColorScheme.Dark, true)]
    [InlineData(390, ColorScheme.Light, false)]
    public async Task A_visitor_takes_a_time_moves_it_and_gives_it_back_with_and_without_script(int width, ColorScheme scheme, bool script)
    {
        var slug = $"rana-{width}-{scheme}-{script}".ToLowerInvariant();
        var look = $"{width}-{scheme}{(script ? "" : "-plain")}";
        await app.As(slug).TakeBookingsAsync(slug, body =>
        {
            body["settings"]!["profile"] = new JsonObject { ["name"] = "Rana Haddad", ["about"] = "Tax advice for small companies. Half an hour, by phone or here in the office." };
            body["settings"]!["workingHours"] = new JsonObject
            {
                ["ranges"] = new JsonArray(
                    new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4, 5), ["start"] = "09:00", ["end"] = "12:30" },
                    new JsonObject { ["days"] = new JsonArray(1, 2, 3, 4), ["start"] = "14:00", ["end"] = "18:00" }),
            };
        });
        await using var visit = await browser.OpenAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
            ColorScheme = scheme,
            JavaScriptEnabled = script,
            TimezoneId = "Europe/Berlin",
            Locale = "en-GB",
            DeviceScaleFactor = width < 900 ? 2 : 1,
        });
        var page = visit.Page;
        await page.GotoAsync(new Uri(app.Url, $"/c/{slug}?day={Provider.Monday.Text()}&tz=Europe/Berlin").ToString());
        await visit.SeeAsync($"take-{look}", script);
        var at = BookingVisitor.At(Provider.Monday, "10:00");
        await page.Locator($".slots a[href*='{at}']").ClickAsync();
        await visit.SeeAsync($"form-{look}", script);

        await page.Keyboard.PressAsync("Tab");
        await page.GetByRole(AriaRole.Button, new() { Name = "Book this time" }).ClickAsync();
        await Assertions.Expect(page.Locator("#name-error")).ToBeVisibleAsync();
        await visit.SeeAsync($"form-wrong-{look}", script);

        // From field to field and off, by the keyboard alone.
        await page.Locator("#name").FocusAsync();
        await page.Keyboard.TypeAsync("Sam Visitor");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("sam@example.com");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("It is about last year.");
        using (var quicker = new BookingVisitor(app.Url))
            await quicker.BookAsync(slug, at, "Quick Visitor", "quick@example.com");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("h2")).ToHaveTextAsync("Sorry, that time has just gone");
        await visit.SeeAsync($"gone-{look}", script);
        (await page.Locator(".near button").CountAsync()).ShouldBe(3);

        await page.Locator(".near button").First.ClickAsync();
        await Assertions.Expect(page.Locator("h2")).ToHaveTextAsync("It is booked");
        await page.GetByText("Cancel this booking").ClickAsync();
        await visit.SeeAsync($"booked-{look}", script);

        await page.GetByRole(AriaRole.Link, new() { Name = "Choose another time" }).ClickAsync();
        await visit.SeeAsync($"move-{look}", script);
        await page.Locator(".slots a").Last.ClickAsync();
        await visit.SeeAsync($"move-confirm-{look}", script);
        await page.GetByRole(AriaRole.Button, new() { Name = "Move my booking" }).ClickAsync();
        await Assertions.Expect(page.Locator("h2")).ToHaveTextAsync("It is moved");

        await page.GetByText("Cancel this booking").ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Yes, cancel it" }).ClickAsync();
        await Assertions.Expect(page.Locator("h2")).ToHaveTextAsync("This booking was cancelled");
        await visit.SeeAsync($"cancelled-{look}", script);

        // A refused form is a failed load to the browser's console, and nothing else is there.
        visit.Complaints.ShouldAllBe(line => line.Contains("the server responded with a status of 4", StringComparison.Ordinal));
        visit.Requests.ShouldAllBe(request => request.Authority == app.Url.Authority || request.Scheme == "data");
    }
}
