using System.Net;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>Every page of the console, empty, full and in trouble, in light and dark, on a phone and on a desk: nothing that axe finds, nothing that moves while it
/// loads, nothing of another site, under 100 KB, to be walked through by the keyboard. Pictures in artifacts/console.</summary>
[Trait("Category", "Long")]
public sealed class EveryConsolePageTests(SyncedApp synced, Browser browser) : IClassFixture<SyncedApp>
{
    private const string Password = "a long enough password";

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(390)]
    [InlineData(1280)]
    public async Task Every_page_is_well_in_light_and_dark(int width)
    {
        var (email, calendar) = ($"looker{width}@example.com", $"look{width}");
        var user = (await synced.App.Services.GetRequiredService<LocalAccounts>().Create(email, Password, Ct)).ShouldBeOfType<AccountOutcome.Created>().User;
        await synced.Alice.MakeWorkAsync(calendar);
        await new PageTour(synced.App, browser, "console").WalkAsync(width, async look =>
        {
            var owner = synced.App.AsService(user.Value);
            await SignInAsync(look, email);
            await EmptyAsync(look, owner);
            await ConnectAsync(look, calendar);
            var connection = (await owner.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!.Id();
            await KeptAsync(look);
            await SharingAsync(look, owner, connection, calendar);
            await ConnectionAsync(look, owner, connection, calendar);
            await CredentialsAsync(look, owner);
            await WorkspacesAsync(look, email);
            await TheRestAsync(look);
            await HandedOverAsync(look, user.Value);
            await OperatorAsync(look, email);
            await TroubleAsync(look, email);
        });
    }

    private static async Task SignInAsync(PageInspector look, string email)
    {
        await look.AtAsync("/console/connections/new", "sign-in");
        await look.Page.Locator("form").GetByLabel("E-mail").FillAsync(email);
        await look.Page.Locator("form").GetByLabel("Password").FillAsync("not the password");
        await look.PressAsync("Sign in");
        await look.HereAsync("sign-in-refused");
        await look.Page.GetByText("Sign in with a token instead").ClickAsync();
        await look.Page.Locator("form").GetByLabel("Token").FillAsync("no token");
        await look.PressAsync("Sign in with the token");
        await look.HereAsync("sign-in-token-refused");
        await look.Page.Locator("form").GetByLabel("E-mail").FillAsync(email);
        await look.Page.Locator("form").GetByLabel("Password").FillAsync(Password);
        await look.PressAsync("Sign in");
        await look.HereAsync("providers");
    }

    private static async Task EmptyAsync(PageInspector look, HttpClient owner)
    {
        foreach (var name in new[] { "", "connections", "events", "sharing", "sharing/why", "bookings", "credentials", "workspaces", "activity" })
            await look.AtAsync($"/console/{name}".TrimEnd('/'), $"{(name.Length == 0 ? "overview" : name.Replace('/', '-'))}-empty");
        await owner.PostAsync("/v1/events", new { summary = "Before any calendar", start = new { dateTime = $"{Provider.Monday.Text()}T20:00:00Z" }, end = new { dateTime = $"{Provider.Monday.Text()}T21:00:00Z" } }).ShouldBeAsync(HttpStatusCode.Created);
        await look.AtAsync($"/console/events?month={Provider.Monday:yyyy-MM}", "events-kept-here");
    }

    /// <summary>What is no account to sign in to: addresses, keys, receivers.</summary>
    private async Task KeptAsync(PageInspector look)
    {
        var page = look.Page;
        await look.AtAsync("/console/connections/new?provider=nextcloud", "account-nextcloud");
        await look.AtAsync("/console/connections/new?provider=google", "google");
        synced.Fake.Answer("/page", _ => FakeAnswer.Html());
        await page.Locator("form").GetByLabel("Address of the calendar").FillAsync(synced.Fake.At("/page").AbsoluteUri);
        await look.PressAsync("Connect and sync");
        await look.HereAsync("google-no-calendar");
        await look.AtAsync("/console/connections/new?provider=webhook", "webhook");
        await look.AtAsync("/console/connections/new?provider=api_key", "key");
        await page.Locator("form").GetByLabel("Service").FillAsync("Stripe");
        await page.Locator("form").GetByLabel("Key", new() { Exact = true }).FillAsync("sk_live_0123456789abcdefgh");
        await look.PressAsync("Keep it");
        await look.HereAsync("key-kept");
        await look.AtAsync("/console/connections", "connections-and-key");
    }

    private async Task ConnectAsync(PageInspector look, string calendar)
    {
        var page = look.Page;
        await look.AtAsync("/console/connections/new?provider=fastmail", "account-fastmail");
        await look.AtAsync("/console/connections/new?provider=other", "account-other");
        await page.Locator("form").GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.Locator("form").GetByLabel("User name").FillAsync("alice");
        await page.Locator("form").GetByLabel("Password").FillAsync("wrong");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("account-refused");
        await page.Locator("form").GetByLabel("Password").FillAsync("alicepw");
        await look.PressAsync("Find my calendars");
        foreach (var box in await page.GetByRole(AriaRole.Checkbox).AllAsync())
            await box.SetCheckedAsync((await box.GetAttributeAsync("value"))!.Contains(calendar, StringComparison.Ordinal));
        await page.Locator("form").GetByLabel("New events go to").SelectOptionAsync(new SelectOptionValue { Value = new Uri(synced.Radicale.Url, $"/alice/{calendar}/").ToString() });
        await page.Locator("form").GetByLabel("What you call it").FillAsync("My Radicale");
        await look.HereAsync("choose");
        await look.PressAsync("Connect and sync");
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("It is in step", new() { Timeout = 60_000 });
        await look.HereAsync("first-sync");
        await look.AtAsync("/console/connections", "connections");
        await look.AtAsync($"/console/events?month={Provider.Monday:yyyy-MM}", "events-to-place");
        await page.GetByLabel("Put it into").SelectOptionAsync(new SelectOptionValue { Index = 0 });
        await look.PressAsync("Put it there");
        await look.HereAsync("events");
    }

    private async Task SharingAsync(PageInspector look, HttpClient owner, Guid connection, string slug)
    {
        var page = look.Page;
        await page.GotoAsync(new Uri(synced.App.Url, "/console/sharing").ToString());
        await page.Locator("form").GetByLabel("Address").FillAsync("Not an address!");
        await page.Locator("#start0").FillAsync("25:00");
        await look.PressAsync("Save");
        await look.HereAsync("sharing-refused");
        await page.Locator("form").GetByLabel("Address").FillAsync(slug);
        await page.Locator("#start0").FillAsync("09:00");
        await page.Locator("form").GetByLabel("Your name on it").FillAsync("Layla Looker");
        await page.Locator("form").GetByLabel("Visitors can see the page").CheckAsync();
        await page.Locator("form").GetByLabel("On the page").CheckAsync();
        await page.GetByText("Length, pauses and notice").ClickAsync();
        await page.Locator("form").GetByLabel("Free after").FillAsync("15");
        await look.PressAsync("Save");
        await look.HereAsync("sharing");
        await look.AtAsync("/console/sharing/preview", "sharing-preview");
        using (var visitor = new BookingVisitor(synced.App.Url))
        {
            await visitor.BookAsync(slug, BookingVisitor.At(Provider.Monday, "13:00"), "Vera Visitor", "vera@example.com", "It is about the lease of the shop, which ends in June.");
            await visitor.BookAsync(slug, BookingVisitor.At(Provider.Monday, "14:30"), "Sam Visitor");
        }
        await owner.SyncedAsync(connection);
        await look.AtAsync("/console/bookings", "bookings");
        await page.GetByText("Call off").First.ClickAsync();
        await look.HereAsync("bookings-call-off");
        await look.PressAsync("Call it off");
        await look.HereAsync("bookings-called-off");
        var day = Provider.Monday.Text();
        foreach (var (time, name) in new[] { ("14:30", "booked"), ("10:30", "busy"), ("12:00", "offered"), ("20:00", "outside"), ("14:00", "buffer") })
            await look.AtAsync($"/console/sharing/why?day={day}&at={time}", $"why-{name}");
        await look.AtAsync("/console/sharing/why?day=someday&at=soon", "why-unreadable");
    }

    private async Task ConnectionAsync(PageInspector look, HttpClient owner, Guid connection, string calendar)
    {
        var day = Provider.Monday;
        var listed = await owner.GetAsync($"/v1/events?from={day.Text()}T00:00:00Z&to={day.PlusDays(1).Text()}T00:00:00Z").ShouldBeAsync(HttpStatusCode.OK);
        var disputed = listed["items"]!.AsArray().First(item => item!.Text("summary") == "Meeting 1")!;
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/events/{disputed.Id()}", """{"summary":"Meeting 1 moved here","location":"Room 4"}""").ShouldBeAsync(HttpStatusCode.OK);
        await synced.Alice.PutAsync($"{calendar}/0.ics", DavProbe.Event($"{calendar}-0", "Meeting 1 moved there", $"{day:yyyyMMdd}T100000Z", $"{day:yyyyMMdd}T110000Z"), Ct);
        await owner.SyncedAsync(connection);
        await look.AtAsync("/console", "overview-conflict");
        await look.AtAsync($"/console/connections/{connection}", "connection-conflict");
        await look.FollowAsync(look.Page.GetByRole(AriaRole.Button, new() { Name = "Bring" }));
        await look.HereAsync("connection-restored");
        await look.PressAsync("Pause");
        await look.HereAsync("connection-paused");
        await look.PressAsync("Resume");
        await look.Page.GetByText("Change the password").ClickAsync();
        await look.Page.Locator("form").GetByLabel("New password").FillAsync("wrong");
        await look.PressAsync("Store it and sync");
        await owner.UntilAsync(connection, integration => integration.Text("status") == "error");
        await look.AtAsync($"/console/connections/{connection}", "connection-stopped");
        await look.AtAsync("/console/connections", "connections-stopped");
        await look.AtAsync("/console", "overview-trouble");
        await look.Page.GotoAsync(new Uri(synced.App.Url, $"/console/connections/{connection}").ToString());
        await look.PressAsync("Sync now");
        await look.HereAsync("connection-sync-refused");
        await look.Page.GetByText("Disconnect", new() { Exact = true }).ClickAsync();
        await look.Page.Locator("form").GetByLabel("Type My Radicale").FillAsync("Something else");
        await look.PressAsync("Disconnect My Radicale");
        await look.HereAsync("connection-remove-refused");
    }

    private static async Task CredentialsAsync(PageInspector look, HttpClient owner)
    {
        var page = look.Page;
        await look.AtAsync("/console/credentials/new", "credential-new");
        await page.Locator("form").GetByLabel("Name").FillAsync("Production key");
        await page.Locator("form").GetByLabel("Provider").FillAsync("stripe");
        await page.Locator("#value").FillAsync("sk_live_look_0123456789abcdef");
        await look.PressAsync("Store it");
        await look.HereAsync("credential");
        var path = new Uri(page.Url).AbsolutePath;
        await page.Locator("form").GetByLabel("What do you need it for?").FillAsync("Checking the webhook of order 7");
        await look.PressAsync("Show the value once");
        await look.HereAsync("credential-revealed");
        await page.GotoAsync(new Uri(new Uri(page.Url), path).ToString());
        await page.Locator("form").GetByLabel("New value").FillAsync("sk_live_look_second_0123456789");
        await look.PressAsync("Rotate");
        await look.HereAsync("credential-rotated");
        await page.GetByText("Revoke or delete").ClickAsync();
        await page.Locator("form").GetByLabel("to revoke it").FillAsync("another");
        await look.PressAsync("Revoke Production key");
        await look.HereAsync("credential-revoke-refused");
        await page.GetByText("Revoke or delete").ClickAsync();
        await page.Locator("form").GetByLabel("to revoke it").FillAsync("Production key");
        await look.PressAsync("Revoke Production key");
        await look.HereAsync("credential-revoked");
        await owner.StoreAsync("soon over", "sk_live_0123456789abcdefgh");
        await look.AtAsync("/console/credentials", "credentials");
        await look.AtAsync("/console/credentials?name=nothing-like-it", "credentials-none");
    }

    private async Task WorkspacesAsync(PageInspector look, string email)
    {
        var page = look.Page;
        await page.GotoAsync(new Uri(synced.App.Url, "/console/workspaces").ToString());
        await page.Locator("form").GetByLabel("Name").FillAsync("Back office");
        await look.PressAsync("Make the workspace");
        await look.HereAsync("workspace-new");
        await page.Locator("form").GetByLabel("E-mail").FillAsync("guest@example.com");
        await look.PressAsync("Invite");
        await look.HereAsync("workspace-invited");
        var id = Guid.Parse(new Uri(page.Url).Segments[^1]);
        var colleague = $"colleague-{email}";
        await synced.App.As(colleague).GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await synced.App.ScalarAsync<Guid>("INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'member') RETURNING user_id", id, synced.App.UserId(colleague));
        await look.AtAsync($"/console/workspaces/{id}", "workspace");
        await Assertions.Expect(page.GetByText(colleague).First).ToBeVisibleAsync();
        await page.Locator("summary", new() { HasTextString = "Change" }).First.ClickAsync();
        await look.HereAsync("workspace-change");
        await page.GetByText("Delete this workspace").ClickAsync();
        await page.Locator("form").GetByLabel("Type Back office").FillAsync("Front office");
        await look.PressAsync("Delete Back office");
        await look.HereAsync("workspace-delete-refused");
        await look.AtAsync("/console/workspaces", "workspaces");
        // Whose a new thing is to be is asked once there is a workspace.
        await look.AtAsync("/console/credentials/new", "credential-new-whose");
        await page.GotoAsync(new Uri(synced.App.Url, "/console/connections/new?provider=other").ToString());
        await page.Locator("form").GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/bob/").ToString());
        await page.Locator("form").GetByLabel("User name").FillAsync("bob");
        await page.Locator("form").GetByLabel("Password").FillAsync("bobpw");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("account-without-calendars");
        await page.Locator("form").GetByLabel("Server").FillAsync(new Uri(synced.Radicale.Url, "/alice/").ToString());
        await page.Locator("form").GetByLabel("User name").FillAsync("alice");
        await page.Locator("form").GetByLabel("Password").FillAsync("alicepw");
        await look.PressAsync("Find my calendars");
        await look.HereAsync("choose-whose");
        await page.EvaluateAsync("() => { document.querySelector('input[name=account]').value = '00000000-0000-7000-8000-000000000000'; }");
        await look.PressAsync("Connect and sync");
        await look.HereAsync("wizard-too-late");
    }

    /// <summary>By the link that the operator's product asks for, and by one that was used.</summary>
    private async Task HandedOverAsync(PageInspector look, Guid user)
    {
        var link = (await synced.App.AsService(user).PostAsync("/v1/console/sign-in-links", new { }).ShouldBeAsync(HttpStatusCode.Created)).Text("path");
        await look.AtAsync(link, "handed-over");
        await look.PressAsync("Continue");
        await Assertions.Expect(look.Page.Locator("h1")).ToHaveTextAsync("Overview");
        await look.PressAsync("Sign out");
        await look.AtAsync(link, "handed-over-before");
        await look.Page.GotoAsync(new Uri(synced.App.Url, "/console/sign-in").ToString());
    }

    /// <summary>Too many tries, and a fault of the server.</summary>
    private async Task TroubleAsync(PageInspector look, string email)
    {
        var page = look.Page;
        await look.PressAsync("Sign out");
        using (var guesser = new ConsoleVisitor(synced.App.Url))
            for (var i = 0; i < SignInBrake.TriesAMinute; i++)
                (await guesser.PostAsync("/console/sign-in", new() { ["email"] = email, ["password"] = "a guess" })).Dispose();
        await page.Locator("form").GetByLabel("E-mail").FillAsync(email);
        await page.Locator("form").GetByLabel("Password").FillAsync(Password);
        await look.PressAsync("Sign in");
        await look.HereAsync("sign-in-too-often");
        using (var person = await ConsoleVisitor.SignInAsync(synced.App, email))
            await page.Context.AddCookiesAsync([new Microsoft.Playwright.Cookie { Name = person.Cookie!.Split('=')[0], Value = person.Cookie.Split('=')[1], Url = synced.App.Url.ToString() }]);
        await synced.App.WithoutAsync("integrations", () => look.AtAsync("/console/connections", "fault-of-the-server"));
    }

    private static async Task TheRestAsync(PageInspector look)
    {
        await look.AtAsync("/console/activity", "activity");
        await look.Page.Locator("summary").First.ClickAsync();
        await look.HereAsync("activity-details");
        await look.AtAsync("/console/activity?action=API_TOKEN_REVOKED", "activity-none");
        await look.AtAsync("/console/activity?from=someday", "activity-refused");
        await look.AtAsync("/console/nowhere", "not-found");
        await look.AtAsync("/console", "overview");
        await look.Page.EvaluateAsync("() => { for (const token of document.getElementsByName('token')) token.value = 'not ours'; }");
        await look.PressAsync("Sign out");
        await look.HereAsync("form-from-elsewhere");
        await look.Page.GotoAsync(new Uri(new Uri(look.Page.Url), "/console").ToString());
        await look.PressAsync("Sign out");
        await look.HereAsync("signed-out");
    }

    private async Task OperatorAsync(PageInspector look, string email)
    {
        await look.Page.GetByText("Sign in with a token instead").ClickAsync();
        await look.Page.Locator("form").GetByLabel("Token").FillAsync(synced.App.Token("ops", "service_role"));
        await look.PressAsync("Sign in with the token");
        await Assertions.Expect(look.Page.Locator("h1")).ToHaveTextAsync("System");
        await look.HereAsync("system");
        await look.AtAsync("/console/system/changes", "changes-scopes");
        await look.AtAsync($"/console/system/changes?find={Uri.EscapeDataString(email)}", "changes-found");
        await look.FollowAsync(look.Page.Locator(".list a").First);
        await look.HereAsync("changes");
        await look.AtAsync("/console/system/changes?find=nobody-like-it", "changes-none");
        await look.AtAsync("/console/activity", "operator-activity");
        await look.AtAsync("/console/credentials", "operator-elsewhere");
    }
}
