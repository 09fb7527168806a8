using Lockstep.Server.Tenancy;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>The walk of somebody new, in Chromium: each page is looked at in light and dark, and its picture kept in artifacts/console.</summary>
public sealed class ConsoleInBrowserTests(SyncedApp synced, Browser browser) : IClassFixture<SyncedApp>
{
    private const string Password = "a long enough password";
    private const int MostBytes = 100_000;

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1280, true)]
    [InlineData(390, false)]
    public async Task From_signing_in_to_the_activity_on_any_screen_with_or_without_script(int width, bool script)
    {
        var (email, calendar) = ($"walker{width}@example.com", $"walk{width}");
        var user = (await synced.App.Services.GetRequiredService<LocalAccounts>().Create(email, Password, Ct)).ShouldBeOfType<AccountOutcome.Created>().User;
        var alice = synced.Alice;
        await alice.MakeCalendarAsync(calendar, Ct, "Work");
        var today = Provider.Monday.PlusDays(-7);
        for (var i = 0; i < 40; i++)
            await alice.PutAsync($"{calendar}/{i}.ics", DavProbe.Event($"{calendar}-{i}", $"Meeting {i + 1}", $"{today.PlusDays(i % 14):yyyyMMdd}T{8 + (i / 14 * 2):00}0000Z", $"{today.PlusDays(i % 14):yyyyMMdd}T{9 + (i / 14 * 2):00}0000Z"), Ct);
        await using var visit = await browser.OpenAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
            JavaScriptEnabled = script,
            Locale = "en-GB",
            DeviceScaleFactor = width < 900 ? 2 : 1,
        });
        var page = visit.Page;
        var weights = new Dictionary<string, long>(StringComparer.Ordinal);
        page.Response += (_, response) => Note(response, weights);
        Task SeeAsync(string name) => LookAsync(visit, $"{name}-{width}", script);

        // Sign in, and back to where one wanted to go.
        await page.GotoAsync(Address("/console/connections/new"));
        await SeeAsync("01-sign-in");
        await page.GetByLabel("E-mail").FillAsync(email);
        await page.GetByLabel("Password").FillAsync("not the password");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("No account has this e-mail and password");
        await SeeAsync("02-sign-in-refused");
        await page.GetByLabel("Password").FillAsync(Password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Connect a calendar");
        await page.GetByRole(AriaRole.Link, new() { Name = "Overview" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Overview");
        await SeeAsync("03-overview-empty");
        foreach (var (link, name) in new[] { ("Connections", "04-connections-empty"), ("Events", "05-events-empty"), ("Credentials", "06-credentials-empty") })
        {
            await page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link, new() { Name = link, Exact = true }).ClickAsync();
            await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync(link);
            await SeeAsync(name);
        }

        // Connect a Radicale: a wrong password first.
        await page.GotoAsync(Address("/console/connections/new"));
        await SeeAsync("07-providers");
        await page.GetByRole(AriaRole.Link, new() { Name = "Radicale" }).ClickAsync();
        await page.GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.GetByLabel("User name").FillAsync("alice");
        await page.GetByLabel("Password").FillAsync("wrong");
        await page.GetByRole(AriaRole.Button, new() { Name = "Find my calendars" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("refused the user name or password");
        await SeeAsync("08-account-refused");
        await page.GetByLabel("Password").FillAsync("alicepw");
        await page.GetByRole(AriaRole.Button, new() { Name = "Find my calendars" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Choose calendars");
        foreach (var box in await page.GetByRole(AriaRole.Checkbox).AllAsync())
            await box.SetCheckedAsync((await box.GetAttributeAsync("value"))!.Contains(calendar, StringComparison.Ordinal));
        await page.GetByLabel("New events go to").SelectOptionAsync(new SelectOptionValue { Value = new Uri(synced.Radicale.Url, $"/alice/{calendar}/").ToString() });
        await page.GetByLabel("What you call it").FillAsync("My Radicale");
        await SeeAsync("09-choose");
        (await page.ContentAsync()).ShouldNotContain("alicepw");
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect and sync" }).ClickAsync();

        // The first sync, which the page follows by itself.
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("It is in step", new() { Timeout = 30_000 });
        await Assertions.Expect(page.Locator("#count")).ToHaveTextAsync("40 events");
        await SeeAsync("10-first-sync");
        await page.GetByRole(AriaRole.Link, new() { Name = "See your events" }).ClickAsync();
        await Assertions.Expect(page.GetByText("Meeting 1", new() { Exact = false }).Locator("visible=true").First).ToBeVisibleAsync();
        await SeeAsync("11-events");

        // A conflict, and its loser brought back.
        var owner = synced.App.AsService(user.Value);
        var connection = (await owner.GetAsync("/v1/integrations").ShouldBeAsync(System.Net.HttpStatusCode.OK))["items"]![0]!.Id();
        var listed = await owner.GetAsync($"/v1/events?from={today:yyyy-MM-dd}T00:00:00Z&to={today.PlusDays(20):yyyy-MM-dd}T00:00:00Z").ShouldBeAsync(System.Net.HttpStatusCode.OK);
        var disputed = listed["items"]!.AsArray().First(item => item!.Text("summary") == "Meeting 1")!;
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/events/{disputed.Id()}", """{"summary":"Meeting 1 moved here","location":"Room 4"}""").ShouldBeAsync(System.Net.HttpStatusCode.OK);
        await alice.PutAsync($"{calendar}/0.ics", DavProbe.Event($"{calendar}-0", "Meeting 1 moved there", $"{today:yyyyMMdd}T100000Z", $"{today:yyyyMMdd}T110000Z"), Ct);
        await page.GotoAsync(Address($"/console/connections/{connection}"));
        await page.GetByRole(AriaRole.Button, new() { Name = "Sync now" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("A sync has begun");
        await owner.SyncedAsync(connection);
        await page.GotoAsync(Address("/console"));
        await Assertions.Expect(page.GetByText("changed on both sides this week")).ToBeVisibleAsync();
        await SeeAsync("12-overview-conflict");
        await page.GotoAsync(Address($"/console/connections/{connection}"));
        await Assertions.Expect(page.Locator(".version")).ToHaveCountAsync(2);
        await SeeAsync("13-connection-conflict");
        await page.GetByRole(AriaRole.Button, new() { Name = "Bring" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("The other version is back");
        await SeeAsync("14-connection-restored");

        // A credential: stored, revealed with a purpose, rotated.
        await page.GotoAsync(Address("/console/credentials/new"));
        await page.GetByLabel("Name").FillAsync("Production key");
        await page.GetByLabel("Provider").FillAsync("stripe");
        await page.Locator("#value").FillAsync("sk_live_walk_0123456789abcdef");
        await SeeAsync("15-credential-new");
        await page.GetByRole(AriaRole.Button, new() { Name = "Store it" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Production key");
        (await page.ContentAsync()).ShouldNotContain("sk_live_walk");
        await SeeAsync("16-credential");
        await page.GetByLabel("What do you need it for?").FillAsync("Checking the webhook of order 7");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show the value once" }).ClickAsync();
        await Assertions.Expect(page.Locator("#value")).ToHaveValueAsync("sk_live_walk_0123456789abcdef");
        await SeeAsync("17-credential-revealed");
        await page.GetByRole(AriaRole.Link, new() { Name = "Hide it now" }).ClickAsync();
        (await page.ContentAsync()).ShouldNotContain("sk_live_walk");
        await page.GetByLabel("New value").FillAsync("sk_live_walk_second_0123456789");
        await page.GetByRole(AriaRole.Button, new() { Name = "Rotate" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToContainTextAsync("The new value is in use");
        await SeeAsync("18-credential-rotated");
        await page.GotoAsync(Address("/console/credentials"));
        await SeeAsync("19-credentials");

        // The activity knows all of it.
        await page.GetByRole(AriaRole.Navigation).GetByRole(AriaRole.Link, new() { Name = "Activity" }).ClickAsync();
        foreach (var deed in new[] { "rotated a credential", "read a credential", "stored a credential", "connected an account", "signed in to the console" })
            await Assertions.Expect(page.Locator(".list").GetByText(deed).First).ToBeVisibleAsync();
        await SeeAsync("20-activity");
        await page.GetByLabel("What", new() { Exact = true }).SelectOptionAsync("CREDENTIAL_ROTATED");
        await page.GetByRole(AriaRole.Button, new() { Name = "Filter" }).ClickAsync();
        await Assertions.Expect(page.Locator(".list > li")).ToHaveCountAsync(1);
        await page.GotoAsync(Address("/console"));
        await SeeAsync("21-overview");
        await page.GotoAsync(Address("/console/nowhere"));
        await SeeAsync("22-not-found");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Status)).ToHaveTextAsync("You are signed out.");
        await SeeAsync("23-signed-out");

        // A refused form is a failed load to the browser's console, and nothing else is there.
        visit.Complaints.ShouldAllBe(line => line.Contains("the server responded with a status of 4", StringComparison.Ordinal));
        visit.Requests.ShouldAllBe(request => request.Authority == synced.App.Url.Authority || request.Scheme == "data");
        foreach (var (path, bytes) in weights)
            bytes.ShouldBeLessThan(MostBytes, path);
        TestContext.Current.TestOutputHelper!.WriteLine($"{weights.Count} addresses, the heaviest {weights.MaxBy(one => one.Value)}");
    }

    private string Address(string path) => new Uri(synced.App.Url, path).ToString();

    /// <summary>In light and in dark.</summary>
    private static async Task LookAsync(BrowserPage visit, string name, bool script)
    {
        foreach (var scheme in new[] { ColorScheme.Light, ColorScheme.Dark })
        {
            await visit.Page.EmulateMediaAsync(new() { ColorScheme = scheme, ReducedMotion = ReducedMotion.Reduce });
            await visit.SeeAsync($"{name}-{scheme}", script, "console");
        }
    }

    private static void Note(IResponse response, Dictionary<string, long> weights)
    {
        if (response.Headers.TryGetValue("content-length", out var length) && long.TryParse(length, out var bytes))
            lock (weights)
                weights[new Uri(response.Url).AbsolutePath] = bytes;
    }
}
