using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Microsoft.Playwright;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Every page behind a link with which an end user of another product connects an account, looked at as those of the console are. Pictures in artifacts/connect-pages.</summary>
[Trait("Category", "Long")]
public sealed class EveryConnectPageTests(SyncedApp synced, Browser browser) : IClassFixture<SyncedApp>
{
    private const string Product = "https://app.example.com/settings";

    [Theory]
    [InlineData(390)]
    [InlineData(1280)]
    public async Task Every_page_is_well_in_light_and_dark(int width)
    {
        if (!synced.App.Connect.Return.Any)
        {
            synced.App.Connect = new ConnectOptions { Return = ReturnAddresses.Parse("https://app.example.com", []), Attempts = 6, Most = 100 };
            await synced.App.RestartAsync();
        }
        var (calendar, user) = ($"linked{width}", await SeenAsync($"linker{width}"));
        await synced.Alice.MakeWorkAsync(calendar);
        await new PageTour(synced.App, browser, "connect-pages", Product: "app.example.com").WalkAsync(width, async look =>
        {
            await AccountAsync(look, user, calendar);
            await FormsAsync(look, user);
            await FirstSyncsAsync(look, user);
            await EndsAsync(look, user);
        });
    }

    private async Task AccountAsync(PageInspector look, Guid user, string calendar)
    {
        var page = look.Page;
        await look.AtAsync(await LinkAsync(user), "choose");
        await look.PressAsync("iCloud caldav.icloud.com");
        await look.HereAsync("account-icloud");
        await look.PressAsync("Choose something else");
        await look.PressAsync("Another calendar server by domain or address");
        await page.Locator("form").GetByLabel("Server").FillAsync("http://127.0.0.1:9/");
        await page.Locator("form").GetByLabel("User name").FillAsync("alice");
        await page.Locator("form").GetByLabel("Password").FillAsync("wrong");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("account-not-allowed");
        await page.Locator("form").GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.Locator("form").GetByLabel("Password").FillAsync("wrong");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("account-refused");
        await page.Locator("form").GetByLabel("Password").FillAsync("alicepw");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("calendars");
        await page.EvaluateAsync("() => { document.querySelector('input[name=account]').value = '00000000-0000-7000-8000-000000000000'; }");
        await look.PressAsync("Connect");
        await look.HereAsync("too-late");
        await page.Locator("form").GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.Locator("form").GetByLabel("Password").FillAsync("alicepw");
        await look.PressAsync("Find my calendars");
        foreach (var box in await page.GetByRole(AriaRole.Checkbox).AllAsync())
            await box.SetCheckedAsync((await box.GetAttributeAsync("value"))!.Contains(calendar, StringComparison.Ordinal));
        await page.Locator("form").GetByLabel("New events go to").SelectOptionAsync(new SelectOptionValue { Value = new Uri(synced.Radicale.Url, $"/alice/{calendar}/").ToString() });
        await look.PressAsync("Connect");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("It is connected", new() { Timeout = 60_000 });
        await look.HereAsync("first-sync-done");
        await page.GetByRole(AriaRole.Link, new() { Name = "Go back to app.example.com" }).ClickAsync();
        await page.WaitForURLAsync("https://app.example.com/**");
    }

    private async Task FormsAsync(PageInspector look, Guid user)
    {
        var page = look.Page;
        await look.AtAsync(await LinkAsync(user, "icloud", "google", "ics", "api_key:Stripe", "api_key", "webhook"), "choose-anything");
        await look.PressAsync("Google Calendar read only, by its secret address");
        await look.HereAsync("google");
        await page.Locator("form").GetByLabel("Address of the calendar").FillAsync("my calendar");
        await look.PressAsync("Connect");
        await look.HereAsync("google-no-address");
        synced.Fake.Answer("/page", _ => FakeAnswer.Html());
        await page.Locator("form").GetByLabel("Address of the calendar").FillAsync(synced.Fake.At("/page").AbsoluteUri);
        await look.PressAsync("Connect");
        await look.HereAsync("google-no-calendar");
        foreach (var (button, name) in new[] { ("Calendar by its address read only", "feed"), ("Stripe API key", "key-of-stripe"), ("API key of any service", "key"), ("Webhook your own receiver", "webhook") })
        {
            await look.PressAsync("Choose something else");
            await look.PressAsync(button);
            await look.HereAsync(name);
        }
        await page.Locator("form").GetByLabel("Address of the receiver").FillAsync("not an address");
        await look.PressAsync("Connect");
        await look.HereAsync("webhook-refused");
        await page.GetByRole(AriaRole.Button, new() { Name = "Cancel and go back to app.example.com" }).ClickAsync();
        await page.WaitForURLAsync("https://app.example.com/**outcome=cancelled**");
    }

    /// <summary>One that takes its time, one that is tried again, and one that its owner has to mend.</summary>
    private async Task FirstSyncsAsync(PageInspector look, Guid user)
    {
        using var held = new ManualResetEventSlim();
        foreach (var (name, next) in new (string, Func<FakeAnswer>)[]
        {
            ("first-sync-running", () => { held.Wait(TimeSpan.FromMinutes(2)); return Calendar; }),
            ("first-sync-tried-again", () => FakeAnswer.Empty(500)),
            ("first-sync-stopped", () => FakeAnswer.Empty(403)),
        })
        {
            var (path, asked) = ($"/{name}-{user:N}.ics", 0);
            synced.Fake.Answer(path, _ => Interlocked.Increment(ref asked) == 1 ? Calendar : next());
            await look.Page.GotoAsync(new Uri(synced.App.Url, await LinkAsync(user, "ics")).ToString());
            await look.Page.Locator("form").GetByLabel("Address of the calendar").FillAsync(synced.Fake.At(path).AbsoluteUri);
            await look.PressAsync("Connect");
            await Assertions.Expect(look.Page.Locator("main")).ToContainTextAsync(name == "first-sync-running" ? "0 of 1 calendar read" : "could not be read yet", new() { Timeout = 60_000 });
            // It would load itself again under the eyes of the inspector.
            await look.AtAsync(new Uri(look.Page.Url).AbsolutePath + "?still=1", name);
        }
        held.Set();
    }

    private async Task EndsAsync(PageInspector look, Guid user)
    {
        await look.AtAsync($"/connect/{ConnectLink.New()}", "unknown");
        var late = await LinkAsync(user);
        await synced.App.CommandAsync("UPDATE lockstep.connect_sessions SET expires_at = now() - interval '1 second' WHERE outcome IS NULL AND key_hash IS NULL");
        await look.AtAsync(late, "expired");
        var used = await LinkAsync(user);
        await look.Page.GotoAsync(new Uri(synced.App.Url, used).ToString());
        await look.PressAsync("iCloud caldav.icloud.com");
        await synced.App.CommandAsync("UPDATE lockstep.connect_sessions SET outcome = 'cancelled', finished_at = now() WHERE outcome IS NULL AND key_hash IS NOT NULL");
        await look.PressAsync("Choose something else");
        await look.HereAsync("done-before");
        await look.AtAsync(used, "opened-before");
        await synced.App.CommandAsync("UPDATE lockstep.connect_sessions SET finished_at = now() - interval '2 hours' WHERE watch_hash IS NOT NULL");
        var open = await LinkAsync(user);
        await look.Page.GotoAsync(new Uri(synced.App.Url, open).ToString());
        await synced.App.CommandAsync("REVOKE EXECUTE ON FUNCTION lockstep.use_connect_session(bytea, bytea, interval) FROM lockstep_service");
        try
        {
            await look.PressAsync("iCloud caldav.icloud.com");
            await look.HereAsync("fault-of-the-server");
        }
        finally
        {
            await synced.App.CommandAsync("GRANT EXECUTE ON FUNCTION lockstep.use_connect_session(bytea, bytea, interval) TO lockstep_service");
        }
    }

    private static FakeAnswer Calendar => new(200, Encoding.UTF8.GetBytes(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261201T100000Z\r\nSUMMARY:One\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"), "text/calendar");

    private async Task<Guid> SeenAsync(string name)
    {
        await synced.App.As(name).GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK);
        return synced.App.UserId(name);
    }

    private async Task<string> LinkAsync(Guid user, params string[] types)
    {
        JsonNode made = await synced.App.AsService().PostAsync("/v1/connect-sessions", new { userId = user, integrationTypes = types.Length == 0 ? null : types, returnUrl = Product, state = "7" }).ShouldBeAsync(HttpStatusCode.Created);
        return new Uri(made.Text("url")).AbsolutePath;
    }
}
