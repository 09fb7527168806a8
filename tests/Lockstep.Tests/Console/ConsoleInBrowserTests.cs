using System.Net;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>The walk of somebody new, in Chromium, beside a real Radicale: a picture of each step is kept in artifacts/walk. Every page in light and dark and on
/// every screen is the business of <see cref="EveryConsolePageTests"/>.</summary>
public sealed class ConsoleInBrowserTests(SyncedApp synced, Browser browser) : IClassFixture<SyncedApp>
{
    private const string Password = "a long enough password";
    private const string Calendar = "walk";
    private const string Email = "walter@example.com";

    private int steps;

    private static LocalDate First => Provider.Monday.PlusDays(-7);

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task From_signing_in_over_a_first_sync_a_booking_and_a_conflict_to_the_activity()
    {
        var user = (await synced.App.Services.GetRequiredService<LocalAccounts>().Create(Email, Password, Ct)).ShouldBeOfType<AccountOutcome.Created>().User;
        await FillCalendarAsync();
        var owner = synced.App.AsService(user.Value);
        await using var visit = await browser.OpenAsync(Screen(1280));
        var page = visit.Page;

        await SignInAsync(visit);
        await ConnectAsync(visit);
        await PublishAsync(visit);
        var connection = (await owner.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Id();
        var booked = await BookAsVisitorAsync();
        await owner.SyncedAsync(connection);
        Directory.GetFiles(synced.Radicale.CalendarFolder("alice", Calendar), "*.ics").Select(File.ReadAllText)
            .Count(text => text.Contains("SUMMARY:Booked: Vera Visitor", StringComparison.Ordinal)).ShouldBe(1);
        await MenuAsync(page, "Bookings");
        await Assertions.Expect(page.GetByText("Vera Visitor")).ToBeVisibleAsync();
        await SeeAsync(visit, "bookings");
        var start = booked.InZone(Provider.Dubai).LocalDateTime;
        await page.GotoAsync(Address($"/console/sharing/why?day={start.Date.Text()}&at={start.Hour:00}:{start.Minute:00}"));
        await Assertions.Expect(page.GetByText("was booked on your page")).ToBeVisibleAsync();
        await SeeAsync(visit, "why-not");

        await QuarrelAsync(visit, owner, connection);
        await RotateAsync(visit);

        // The activity knows all of it.
        await MenuAsync(page, "Activity");
        foreach (var deed in new[] { "You rotated a credential", "You read a credential", "You stored a credential", "A visitor booked a time", "You connected an account", "You signed in to the console" })
            await Assertions.Expect(page.Locator(".list").GetByText(deed).First).ToBeVisibleAsync();
        await SeeAsync(visit, "activity");
        await page.GetByLabel("What", new() { Exact = true }).SelectOptionAsync("CREDENTIAL_ROTATED");
        await PressAsync(page, "Filter");
        await Assertions.Expect(page.Locator(".list > li")).ToHaveCountAsync(1);
        await MenuAsync(page, "Overview");
        await SeeAsync(visit, "overview");
        await PressAsync(page, "Sign out");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("You are signed out.");
        NothingElseHappened(visit);
    }

    private async Task SignInAsync(BrowserPage visit)
    {
        var page = visit.Page;
        await page.GotoAsync(Address("/console"));
        await page.GetByLabel("E-mail").FillAsync(Email);
        await page.GetByLabel("Password").FillAsync("not the password");
        await PressAsync(page, "Sign in");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("No account has this e-mail and password");
        await SeeAsync(visit, "sign-in-refused");
        await page.GetByLabel("Password").FillAsync(Password);
        await PressAsync(page, "Sign in");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Overview");
        await SeeAsync(visit, "overview-new");
    }

    /// <summary>With a wrong password first; then the first sync, which the page follows by itself.</summary>
    private async Task ConnectAsync(BrowserPage visit)
    {
        var page = visit.Page;
        await page.GetByRole(AriaRole.Link, new() { Name = "Connect a calendar" }).First.ClickAsync();
        await SeeAsync(visit, "providers");
        await page.GetByRole(AriaRole.Link, new() { Name = "Radicale" }).ClickAsync();
        await page.GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.GetByLabel("User name").FillAsync("alice");
        await page.GetByLabel("Password").FillAsync("wrong");
        await PressAsync(page, "Find my calendars");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("refused the user name or password");
        await SeeAsync(visit, "password-refused");
        await page.GetByLabel("Password").FillAsync("alicepw");
        await PressAsync(page, "Find my calendars");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Choose calendars");
        await page.GetByLabel("What you call it").FillAsync("My Radicale");
        await SeeAsync(visit, "choose-calendars");
        (await page.ContentAsync()).ShouldNotContain("alicepw");
        await PressAsync(page, "Connect and sync");
        await PictureAsync(page, "first-sync-begins");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("It is in step", new() { Timeout = 30_000 });
        await Assertions.Expect(page.Locator("#count")).ToHaveTextAsync("40 events");
        await SeeAsync(visit, "first-sync-done");
        await page.GetByRole(AriaRole.Link, new() { Name = "See your events" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Meeting 1", new() { Exact = false }).Locator("visible=true").First).ToBeVisibleAsync();
        await SeeAsync(visit, "events");
    }

    private async Task PublishAsync(BrowserPage visit)
    {
        var page = visit.Page;
        await MenuAsync(page, "Sharing page");
        await page.GetByLabel("Address").FillAsync(Calendar);
        await page.GetByLabel("Your name on it").FillAsync("Walter Walker");
        await page.GetByLabel("On the page").CheckAsync();
        await PressAsync(page, "Preview");
        await Assertions.Expect(page.FrameLocator("iframe").Locator("h1")).ToContainTextAsync("Walter Walker");
        await Assertions.Expect(page.FrameLocator("iframe").Locator(".slots :is(a, span)").First).ToBeVisibleAsync();
        await SeeAsync(visit, "sharing-preview");
        await page.GetByLabel("Visitors can see the page").CheckAsync();
        await PressAsync(page, "Save");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("Your page is public.");
        await SeeAsync(visit, "published");
    }

    /// <summary>Somebody else, on a phone.</summary>
    /// <returns>The time that was taken.</returns>
    private async Task<Instant> BookAsVisitorAsync()
    {
        await using var visitor = await browser.OpenAsync(Screen(390));
        var page = visitor.Page;
        await page.GotoAsync(Address($"/c/{Calendar}"));
        await SeeAsync(visitor, "visitor-times");
        await page.Locator(".slots a").First.ClickAsync();
        await page.GetByLabel("Your name").FillAsync("Vera Visitor");
        await page.GetByLabel("E-mail or phone").FillAsync("vera@example.com");
        await SeeAsync(visitor, "visitor-form");
        var at = await page.Locator("input[name=at]").First.InputValueAsync();
        await PressAsync(page, "Book this time");
        await Assertions.Expect(page.Locator("h2")).ToHaveTextAsync("It is booked");
        await SeeAsync(visitor, "visitor-booked");
        NothingElseHappened(visitor);
        return NodaTime.Text.InstantPattern.General.Parse(at).Value;
    }

    /// <summary>An event is changed here and there; the loser is brought back.</summary>
    private async Task QuarrelAsync(BrowserPage visit, HttpClient owner, Guid connection)
    {
        var page = visit.Page;
        var listed = await owner.GetAsync($"/v1/events?from={First.Text()}T00:00:00Z&to={First.PlusDays(20).Text()}T00:00:00Z").ShouldBeAsync(HttpStatusCode.OK);
        var disputed = listed["items"]!.AsArray().First(item => item!.Text("summary") == "Meeting 1")!;
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/events/{disputed.Id()}", """{"summary":"Meeting 1 moved here","location":"Room 4"}""").ShouldBeAsync(HttpStatusCode.OK);
        await synced.Alice.PutAsync($"{Calendar}/0.ics", DavProbe.Event($"{Calendar}-0", "Meeting 1 moved there", $"{First:yyyyMMdd}T100000Z", $"{First:yyyyMMdd}T110000Z"), Ct);
        await page.GotoAsync(Address($"/console/connections/{connection}"));
        await PressAsync(page, "Sync now");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("A sync has begun");
        await owner.SyncedAsync(connection);
        await MenuAsync(page, "Overview");
        await Assertions.Expect(page.GetByText("changed on both sides this week")).ToBeVisibleAsync();
        await SeeAsync(visit, "overview-conflict");
        await page.GetByRole(AriaRole.Link, new() { Name = "My Radicale" }).First.ClickAsync();
        await Assertions.Expect(page.Locator(".version")).ToHaveCountAsync(2);
        await SeeAsync(visit, "conflict");
        await page.GetByRole(AriaRole.Button, new() { Name = "Bring" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("The other version is back");
        await SeeAsync(visit, "conflict-restored");
        await owner.SyncedAsync(connection);
        (await synced.Alice.GetAsync($"{Calendar}/0.ics", Ct)).ShouldNotBeNull().ShouldContain("SUMMARY:Meeting 1 moved here");
    }

    private async Task RotateAsync(BrowserPage visit)
    {
        var page = visit.Page;
        await page.GotoAsync(Address("/console/credentials/new"));
        await page.GetByLabel("Name").FillAsync("Production key");
        await page.GetByLabel("Provider").FillAsync("stripe");
        await page.Locator("#value").FillAsync("sk_live_walk_0123456789abcdef");
        await PressAsync(page, "Store it");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Production key");
        (await page.ContentAsync()).ShouldNotContain("sk_live_walk");
        await page.GetByLabel("What do you need it for?").FillAsync("Checking the webhook of order 7");
        await PressAsync(page, "Show the value once");
        await Assertions.Expect(page.Locator("#value")).ToHaveValueAsync("sk_live_walk_0123456789abcdef");
        await SeeAsync(visit, "credential-revealed");
        await page.GetByRole(AriaRole.Link, new() { Name = "Hide it now" }).ClickAsync();
        (await page.ContentAsync()).ShouldNotContain("sk_live_walk");
        await page.GetByLabel("New value").FillAsync("sk_live_walk_second_0123456789");
        await PressAsync(page, "Rotate");
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("The new value is in use");
        await SeeAsync(visit, "credential-rotated");
    }

    private async Task FillCalendarAsync()
    {
        await synced.Alice.MakeCalendarAsync(Calendar, Ct, "Work");
        for (var i = 0; i < 40; i++)
        {
            var (day, hour) = (First.PlusDays(i % 14), 8 + (i / 14 * 2));
            await synced.Alice.PutAsync($"{Calendar}/{i}.ics", DavProbe.Event($"{Calendar}-{i}", $"Meeting {i + 1}", $"{day:yyyyMMdd}T{hour:00}0000Z", $"{day:yyyyMMdd}T{hour + 1:00}0000Z"), Ct);
        }
    }

    private string Address(string path) => new Uri(synced.App.Url, path).ToString();

    private static Task PressAsync(IPage page, string button) => page.GetByRole(AriaRole.Button, new() { Name = button, Exact = true }).ClickAsync();

    private static async Task MenuAsync(IPage page, string entry)
    {
        await page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link, new() { Name = entry, Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync(entry);
    }

    /// <summary>A picture and a run of axe; every second step in the dark.</summary>
    private async Task SeeAsync(BrowserPage visit, string name)
    {
        await visit.Page.EmulateMediaAsync(new() { ColorScheme = steps % 2 == 0 ? ColorScheme.Light : ColorScheme.Dark, ReducedMotion = ReducedMotion.Reduce });
        await PictureAsync(visit.Page, name);
        (await Axe.FaultsAsync(visit.Page)).ShouldBeEmpty(name);
    }

    private async Task PictureAsync(IPage page, string name) =>
        await page.ScreenshotAsync(new() { Path = Path.Combine(Repository.Root, "artifacts", "walk", $"{++steps:00}-{name}.png") });

    private static BrowserNewContextOptions Screen(int width) => new()
    {
        ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
        Locale = "en-GB",
        TimezoneId = "Asia/Dubai",
    };

    /// <summary>A refused form is a failed load to the browser's console.</summary>
    private void NothingElseHappened(BrowserPage visit)
    {
        visit.Complaints.ShouldAllBe(line => line.Contains("the server responded with a status of 4", StringComparison.Ordinal));
        visit.Requests.ShouldAllBe(request => request.Authority == synced.App.Url.Authority || request.Scheme == "data");
    }
}
