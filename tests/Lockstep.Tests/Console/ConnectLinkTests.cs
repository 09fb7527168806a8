using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Web;
using AngleSharp.Dom;
using AngleSharp.Html.Dom;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Integrations;
using Lockstep.Tests.Support;
using Lockstep.Tests.Tenancy.ApiTokens;
using Microsoft.Playwright;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>End users of another product connect an account by a link, without an account of the console, without cookie and without script.</summary>
public sealed class ConnectLinkTests : IClassFixture<SyncedApp>, IAsyncLifetime
{
    private const string Product = "https://app.example.com/settings?tab=calendars";

    private readonly SyncedApp synced;
    private readonly Browser browser;

    public ConnectLinkTests(SyncedApp synced, Browser browser)
    {
        (this.synced, this.browser) = (synced, browser);
    }

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        if (synced.App.Connect.Return.Any)
            return;
        synced.App.Connect = new ConnectOptions
        {
            Return = ReturnAddresses.Parse("https://app.example.com https://other.example.com/back/", []),
            FrameOrigins = new HashSet<string> { "https://app.example.com" },
            Most = 3,
            Attempts = 3,
        };
        await synced.App.RestartAsync();
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_link_leads_from_the_product_to_a_synced_account_and_back()
    {
        await synced.Alice.MakeCalendarAsync("linked", Ct, "Linked");
        var user = await SeenAsync("linked");
        var session = await LinkAsync(new { userId = user, returnUrl = Product, state = "row 7&x=1" });
        session.Text("status").ShouldBe("pending");
        using var visitor = new ConsoleVisitor(synced.App.Url);

        var page = await visitor.PageAsync(PathOf(session));
        page.Body!.TextContent.ShouldContain("app.example.com asks to connect");
        page.Body.TextContent.ShouldContain("For linked@example.com");
        HeadersAreTight(visitor.Last);
        page = await SendAsync(visitor, page, "account", new() { ["choice"] = "radicale" });
        page = await SendAsync(visitor, page, "find", new() { ["url"] = synced.Radicale.Url.ToString(), ["username"] = "alice", ["password"] = "wrong-PasswordMarker" }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("[role=alert]")!.TextContent.ShouldContain("refused the user name or password");
        page.DocumentElement.OuterHtml.ShouldNotContain("PasswordMarker");
        page = await SendAsync(visitor, page, "find", new() { ["password"] = "alicepw" });
        page.QuerySelector("h1")!.TextContent.ShouldBe("Choose calendars");
        page.DocumentElement.OuterHtml.ShouldNotContain("alicepw");
        HeadersAreTight(visitor.Last);
        var href = new Uri(synced.Radicale.Url, "/alice/linked/").ToString();
        using var watch = await FormAsync(visitor, page, "finish", new() { ["write"] = href, ["read"] = href });

        // The first sync before one's eyes, with the way back at any time.
        watch.StatusCode.ShouldBe(HttpStatusCode.SeeOther);
        var progress = watch.Headers.Location!.ToString();
        progress.ShouldStartWith("/connect/progress/");
        var back = await SyncedAsync(visitor, progress);
        visitor.Last.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        visitor.Last.Headers.Contains("Set-Cookie").ShouldBeFalse();
        var address = new Uri(back);
        var query = HttpUtility.ParseQueryString(address.Query);
        address.GetLeftPart(UriPartial.Path).ShouldBe("https://app.example.com/settings");
        query.AllKeys.ShouldBe(["tab", "outcome", "connectSessionId", "integrationId", "state"]);
        (query["outcome"], query["state"], query["connectSessionId"]).ShouldBe(("connected", "row 7&x=1", session.Id().ToString()));
        back.ShouldNotContain(PathOf(session)[9..]);
        var ended = await synced.App.AsService().GetAsync($"/v1/connect-sessions/{session.Id()}").ShouldBeAsync(HttpStatusCode.OK);
        ended.Text("status").ShouldBe("connected");
        ended.Id("integrationId").ToString().ShouldBe(query["integrationId"]);
        ended["url"].ShouldBeNull();
        // The first sync began by itself.
        var synchronised = await synced.App.As("linked").UntilAsync(ended.Id("integrationId"), one => one["lastSyncAt"] is not null);
        synchronised["config"]!.Text("calendarPath").ShouldBe(href);
        var audit = await synced.App.As("linked").GetAsync("/v1/activity").ShouldBeAsync(HttpStatusCode.OK);
        var lines = audit["items"]!.AsArray().Select(line => (Action: line!.Text("action"), Actor: line!.Text("actor"))).ToList();
        lines.ShouldContain(("CONNECT_SESSION_CREATED", "service:backend@example.com"));
        lines.ShouldContain(line => line.Action == "CONNECT_SESSION_OPENED");
        lines.ShouldContain(("CONNECT_SESSION_FINISHED", $"connect:{session.Id()}"));
        lines.ShouldContain(("INTEGRATION_CREATED", $"connect:{session.Id()}"));
        // The link has done its work.
        (await visitor.PageAsync(PathOf(session), HttpStatusCode.Gone)).QuerySelector("h1")!.TextContent.ShouldBe("This link was opened before");
        (await SendAsync(visitor, page, "finish", status: HttpStatusCode.Gone)).QuerySelector("a.button")!.GetAttribute("href")!.ShouldContain("outcome=connected");
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.connect_sessions s WHERE s::text LIKE '%' || $1 || '%'", PathOf(session)[9..])).ShouldBe(0);

        // Whoever connects the same account once more gives it a new sign-in, and has one account all the same.
        page = await visitor.PageAsync(PathOf(await LinkAsync(new { userId = user, integrationTypes = new[] { "radicale" }, returnUrl = Product })));
        page.QuerySelector("h1")!.TextContent.ShouldBe("Sign in to Radicale");
        page = await SendAsync(visitor, page, "find", new() { ["url"] = synced.Radicale.Url.ToString(), ["username"] = "alice", ["password"] = "alicepw" });
        using var again = await FormAsync(visitor, page, "finish", new() { ["write"] = href, ["read"] = href });
        (await SyncedAsync(visitor, again.Headers.Location!.ToString())).ShouldContain($"integrationId={query["integrationId"]}");
        await synced.App.ScalarAsync<int>("UPDATE lockstep.connect_sessions SET finished_at = now() - interval '61 minutes' WHERE id = $1 RETURNING 1", session.Id());
        (await visitor.PageAsync(progress, HttpStatusCode.Gone)).QuerySelector("a.button")!.GetAttribute("href")!.ShouldBe(back);
        await visitor.PageAsync($"/connect/progress/{ConnectLink.New()}", HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_address_of_a_calendar_and_a_key_take_one_form_each_and_stand_in_no_page()
    {
        const string Feed = "/calendar/ical/private-AddressMarker/basic.ics";
        synced.Fake.Answer(Feed, _ => new FakeAnswer(200, Encoding.UTF8.GetBytes(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20261201T100000Z\r\nSUMMARY:One\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"), "text/calendar"));
        synced.Fake.Answer("/gone.ics", _ => FakeAnswer.Empty(404));
        synced.Fake.Answer("/page", _ => FakeAnswer.Html());
        var user = await SeenAsync("feeder");
        using var visitor = new ConsoleVisitor(synced.App.Url);

        var session = await LinkAsync(new { userId = user, integrationTypes = new[] { "google", "ics", "api_key:Stripe", "webhook" }, returnUrl = Product });
        var page = await visitor.PageAsync(PathOf(session));
        page.QuerySelectorAll<IHtmlButtonElement>("button[name=choice]").Select(button => button.Value).ShouldBe(["google", "ics", "webhook", "api_key:Stripe"]);
        page = await SendAsync(visitor, page, "account", new() { ["choice"] = "google" });
        page.QuerySelector("h1")!.TextContent.ShouldBe("Connect Google Calendar");
        (await SendAsync(visitor, page, "store", status: HttpStatusCode.UnprocessableEntity)).QuerySelector("[role=alert]")!.TextContent.ShouldContain("address is missing.");
        page = await SendAsync(visitor, page, "store", new() { ["secret"] = synced.Fake.At("/gone.ics").AbsoluteUri }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("[role=alert]")!.TextContent.ShouldContain("has no calendar under this address");
        page = await SendAsync(visitor, page, "store", new() { ["secret"] = synced.Fake.At("/page").AbsoluteUri }, HttpStatusCode.UnprocessableEntity);
        page.QuerySelector("[role=alert]")!.TextContent.ShouldContain("it may be the address of its web page");
        using (var watch = await FormAsync(visitor, page, "store", new() { ["secret"] = synced.Fake.At(Feed).AbsoluteUri }))
            (await SyncedAsync(visitor, watch.Headers.Location!.ToString())).ShouldContain("outcome=connected");
        var feed = (await synced.App.As("feeder").GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]![0]!;
        (feed.Text("integrationType"), feed.Text("label"), feed["config"]!["private"]!.GetValue<bool>()).ShouldBe(("ics", "Google Calendar", true));

        var keys = new List<string>();
        foreach (var value in new[] { "sk_live_KeyMarker_0123456789", "sk_live_KeyMarker_second_01" })
        {
            page = await visitor.PageAsync(PathOf(await LinkAsync(new { userId = user, integrationTypes = new[] { "api_key:Stripe" }, returnUrl = Product })));
            page.QuerySelector("h1")!.TextContent.ShouldBe("Connect Stripe");
            page.QuerySelector("#service").ShouldBeNull();
            (await SendAsync(visitor, page, "store", new() { ["username"] = "sk_live_KeyMarker_0123456789" }, HttpStatusCode.UnprocessableEntity)).QuerySelector("[role=alert]")!.TextContent.ShouldContain("key is missing.");
            page = await SendAsync(visitor, page, "store", new() { ["username"] = "a\u0007b", ["secret"] = value }, HttpStatusCode.UnprocessableEntity);
            page.QuerySelector("#username-error").ShouldNotBeNull();
            page.DocumentElement.OuterHtml.ShouldNotContain("KeyMarker");
            using var back = await FormAsync(visitor, page, "store", new() { ["username"] = "shop", ["secret"] = value });
            keys.Add(HttpUtility.ParseQueryString(new Uri(back.Headers.Location!.ToString()).Query)["integrationId"]!);
        }
        keys.Distinct().Count().ShouldBe(1);
        var key = await synced.App.As("feeder").IntegrationAsync(Guid.Parse(keys[0]));
        (key["config"]!.Text("service"), key.Text("externalUsername")).ShouldBe(("Stripe", "Stripe:shop"));
        (await synced.App.As("feeder").GetAsync($"/v1/credentials/{key.Id("credentialId")}").ShouldBeAsync(HttpStatusCode.OK)).Count("version").ShouldBe(2);
    }

    [Fact]
    public async Task A_link_belongs_to_the_page_that_opened_it_first_and_looking_at_it_opens_nothing()
    {
        var session = await LinkAsync(new { userId = await SeenAsync("once"), returnUrl = Product });
        using var first = new ConsoleVisitor(synced.App.Url);
        using var second = new ConsoleVisitor(synced.App.Url);
        var page = await first.PageAsync(PathOf(session));
        var other = await second.PageAsync(PathOf(session));

        await SendAsync(first, page, "account", new() { ["choice"] = "icloud" });
        await SendAsync(second, other, "account", new() { ["choice"] = "icloud" }, HttpStatusCode.Gone);
        // Sent again by the page that has it, after going back in the browser.
        (await SendAsync(first, page, "account", new() { ["choice"] = "fastmail" })).QuerySelector("h1")!.TextContent.ShouldBe("Sign in to Fastmail");
        var key = page.QuerySelector<IHtmlInputElement>("input[name=key]")!.Value;
        using (var forged = await first.PostAsync("/connect/account", new() { ["link"] = ConnectLink.New(), ["key"] = key, ["choice"] = "icloud" }))
            await ConsoleVisitor.ReadAsync(forged, HttpStatusCode.NotFound);
        using (var elsewhere = await first.PostAsync("/connect/cancel", new() { ["link"] = PathOf(session)[9..], ["key"] = key }, site: "cross-site"))
            await ConsoleVisitor.ReadAsync(elsewhere, HttpStatusCode.Forbidden);
        foreach (var path in new[] { "/connect/none", $"/connect/{ConnectLink.New()}", "/connect/" + new string('a', 43) })
            await first.PageAsync(path, HttpStatusCode.NotFound);

        using var cancelled = await FormAsync(first, page, "cancel", []);
        cancelled.Headers.Location!.ToString().ShouldBe($"{Product}&outcome=cancelled&connectSessionId={session.Id()}");
        (await synced.App.AsService().GetAsync($"/v1/connect-sessions/{session.Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("status").ShouldBe("cancelled");
    }

    [Fact]
    public async Task A_link_ends_with_its_time_with_too_many_attempts_and_when_it_is_taken_back()
    {
        var user = await SeenAsync("ends");
        using var visitor = new ConsoleVisitor(synced.App.Url);

        var late = await LinkAsync(new { userId = user, returnUrl = Product });
        await ForceAsync("UPDATE lockstep.connect_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", late.Id());
        (await visitor.PageAsync(PathOf(late), HttpStatusCode.Gone)).QuerySelector("a.button")!.GetAttribute("href")!.ShouldContain("outcome=expired");
        (await synced.App.AsService().GetAsync($"/v1/connect-sessions/{late.Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("status").ShouldBe("expired");

        var guessed = await LinkAsync(new { userId = user, returnUrl = Product });
        var page = await SendAsync(visitor, await visitor.PageAsync(PathOf(guessed)), "account", new() { ["choice"] = "radicale" });
        for (var i = 0; i < 3; i++)
            page = await SendAsync(visitor, page, "find", new() { ["url"] = synced.Radicale.Url.ToString(), ["username"] = "alice", ["password"] = "guess" }, HttpStatusCode.UnprocessableEntity);
        using (var over = await FormAsync(visitor, page, "find", new() { ["url"] = synced.Radicale.Url.ToString(), ["username"] = "alice", ["password"] = "alicepw" }))
            over.Headers.Location!.ToString().ShouldContain("outcome=failed");
        (await synced.App.AsService().GetAsync($"/v1/connect-sessions/{guessed.Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("failure").ShouldBe("too_many_attempts");

        var taken = await LinkAsync(new { userId = user, returnUrl = Product });
        await synced.App.AsService().DeleteAsync($"/v1/connect-sessions/{taken.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        await visitor.PageAsync(PathOf(taken), HttpStatusCode.Gone);

        for (var i = 0; i < 3; i++)
            await LinkAsync(new { userId = user, returnUrl = Product });
        await synced.App.AsService().PostAsync("/v1/connect-sessions", new { userId = user, returnUrl = Product }).ShouldBeProblemAsync(429, "too_many_connect_sessions");
    }

    [Fact]
    public async Task Who_may_make_a_link_and_for_whom()
    {
        var owner = synced.App.As("linkmaker");
        var user = await SeenAsync("linkmaker");
        var other = await SeenAsync("somebody");
        (await owner.PostAsync("/v1/connect-sessions", new { returnUrl = Product }).ShouldBeAsync(HttpStatusCode.Created)).Id("userId").ShouldBe(user);
        await owner.PostAsync("/v1/connect-sessions", new { userId = other, returnUrl = Product }).ShouldBeProblemAsync(404, "unknown_user");
        var (token, _) = await synced.App.WithTokenAsync(owner, "connect:create");
        var made = await token.PostAsync("/v1/connect-sessions", new { returnUrl = Product }).ShouldBeAsync(HttpStatusCode.Created);
        await token.GetAsync($"/v1/connect-sessions/{made.Id()}").ShouldBeAsync(HttpStatusCode.OK);
        var (reader, _) = await synced.App.WithTokenAsync(owner, "integrations:write");
        await reader.PostAsync("/v1/connect-sessions", new { returnUrl = Product }).ShouldBeProblemAsync(403, "scope_required");
        await synced.App.As("somebody").GetAsync($"/v1/connect-sessions/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        await synced.App.As("somebody").DeleteAsync($"/v1/connect-sessions/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        await synced.App.Anonymous().PostAsync("/v1/connect-sessions", new { returnUrl = Product }).ShouldBeProblemAsync(401, "token_missing");

        var service = synced.App.AsService();
        await service.PostAsync("/v1/connect-sessions", new { returnUrl = Product }).ShouldBeProblemAsync(422, "invalid_request");
        await service.PostAsync("/v1/connect-sessions", new { userId = Guid.CreateVersion7(), returnUrl = Product }).ShouldBeProblemAsync(404, "unknown_user");
        await service.PostAsync("/v1/connect-sessions", new { userId = user, workspaceId = Guid.CreateVersion7(), returnUrl = Product }).ShouldBeProblemAsync(404, "not_found");
        var workspace = await owner.WorkspaceAsync();
        (await service.PostAsync("/v1/connect-sessions", new { userId = user, workspaceId = workspace, returnUrl = Product }).ShouldBeAsync(HttpStatusCode.Created)).Id("workspaceId").ShouldBe(workspace);
        await service.PostAsync("/v1/connect-sessions", new { userId = other, workspaceId = workspace, returnUrl = Product }).ShouldBeProblemAsync(404, "not_found");
        // Somebody who was never here is the same user when he comes.
        var fresh = await service.PostAsync("/v1/connect-sessions", new { subject = "newcomer@example.com", returnUrl = Product }).ShouldBeAsync(HttpStatusCode.Created);
        fresh.Id("userId").ShouldBe(synced.App.UserId("newcomer"));
        var wrong = await service.PostAsync("/v1/connect-sessions", new
        {
            userId = user,
            integrationTypes = new[] { "fax", "api_key:" },
            returnUrl = "https://app.example.com.evil.example/",
            state = "a\nb",
            expiresInSeconds = 5,
        }).ShouldBeProblemAsync(422, "invalid_request");
        wrong["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["integrationTypes[0]", "integrationTypes[1]", "returnUrl", "state", "expiresInSeconds"], ignoreOrder: true);
        var few = await LinkAsync(new { userId = other, integrationTypes = new[] { "icloud", "nextcloud" }, returnUrl = Product });
        using var visitor = new ConsoleVisitor(synced.App.Url);
        var page = await visitor.PageAsync(PathOf(few));
        page.QuerySelectorAll<IHtmlButtonElement>("button[name=choice]").Select(button => button.Value).ShouldBe(["icloud", "nextcloud"]);
        (await SendAsync(visitor, page, "account", new() { ["choice"] = "radicale" })).QuerySelector("h1")!.TextContent.ShouldBe("Connect your calendar");
    }

    [Theory]
    [InlineData("https://app.example.com/", true)]
    [InlineData("https://app.example.com/a/b?c=d", true)]
    [InlineData("https://APP.example.com:443/a", true)]
    [InlineData("https://other.example.com/back/home", true)]
    [InlineData("https://other.example.com/back", false)]
    [InlineData("https://other.example.com/back/../admin", false)]
    [InlineData("https://other.example.com/back/%2e%2e/admin", false)]
    [InlineData("https://other.example.com/backup", false)]
    [InlineData("http://app.example.com/", false)]
    [InlineData("https://app.example.com:8443/", false)]
    [InlineData("https://me@app.example.com/", false)]
    [InlineData("https://app.example.com@evil.example/", false)]
    [InlineData("https://app.example.com\\@evil.example/", false)]
    [InlineData("https://app.example.com/#a", false)]
    [InlineData("//app.example.com/", false)]
    [InlineData("javascript:alert(1)", false)]
    public void A_return_address_is_one_that_the_operator_has_named(string url, bool allowed)
    {
        var errors = new Server.Http.FieldErrors();
        var found = synced.App.Connect.Return.Check(url, "returnUrl", errors);
        (found is not null).ShouldBe(allowed);
        errors.Any.ShouldBe(!allowed);
    }

    [Fact]
    public async Task On_a_phone_without_script_an_account_is_connected_in_three_pages_and_its_first_sync_is_seen()
    {
        await synced.Alice.MakeCalendarAsync("phone", Ct, "Phone");
        var session = await LinkAsync(new { userId = await SeenAsync("phone"), integrationTypes = new[] { "radicale", "icloud", "nextcloud" }, returnUrl = Product, state = "7" });
        await using var visit = await browser.OpenAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = 390, Height = 844 },
            DeviceScaleFactor = 2,
            Locale = "en-GB",
            JavaScriptEnabled = false,
        });
        var page = visit.Page;
        await page.RouteAsync("https://app.example.com/**", route => route.FulfillAsync(new() { ContentType = "text/html", Body = "<title>The product</title>" }));

        await page.GotoAsync(session.Text("url"));
        await visit.SeeAsync("1-choose", script: false, folder: "connect");
        await page.GetByRole(AriaRole.Button, new() { Name = "Radicale" }).ClickAsync();
        await page.GetByLabel("Server").FillAsync(synced.Radicale.Url.ToString());
        await page.GetByLabel("User name").FillAsync("alice");
        await page.GetByLabel("Password").FillAsync("alicepw");
        await visit.SeeAsync("2-account", script: false, folder: "connect");
        await page.GetByRole(AriaRole.Button, new() { Name = "Find my calendars" }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("Choose calendars");
        await visit.SeeAsync("3-calendars", script: false, folder: "connect");
        await page.GetByRole(AriaRole.Button, new() { Name = "Connect", Exact = true }).ClickAsync();
        await Assertions.Expect(page.Locator("h1")).ToHaveTextAsync("It is connected", new() { Timeout = 60_000 });
        await visit.SeeAsync("4-first-sync", script: false, folder: "connect");
        await page.GetByRole(AriaRole.Link, new() { Name = "Go back to app.example.com" }).ClickAsync();

        await page.WaitForURLAsync("https://app.example.com/settings**");
        HttpUtility.ParseQueryString(new Uri(page.Url).Query)["outcome"].ShouldBe("connected");
        visit.Complaints.ShouldBeEmpty();
        visit.Requests.ShouldAllBe(request => request.Authority == synced.App.Url.Authority || request.Host == "app.example.com" || request.Scheme == "data");
    }

    private static string PathOf(JsonNode session) => new Uri(session.Text("url")).AbsolutePath;

    /// <summary>Nothing is kept, nothing of the address goes elsewhere, and only the product shows it in a frame.</summary>
    private static void HeadersAreTight(HttpResponseMessage answer)
    {
        answer.Headers.GetValues("Referrer-Policy").ShouldBe(["no-referrer"]);
        answer.Headers.CacheControl!.NoStore.ShouldBeTrue();
        answer.Headers.Contains("Set-Cookie").ShouldBeFalse();
        answer.Headers.Contains("X-Frame-Options").ShouldBeFalse();
        answer.Headers.GetValues("Content-Security-Policy").Single().ShouldContain("form-action 'self' https://app.example.com; base-uri 'none'; frame-ancestors https://app.example.com");
    }

    private async Task<Guid> SeenAsync(string name)
    {
        await synced.App.As(name).GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK);
        return synced.App.UserId(name);
    }

    private Task<JsonNode> LinkAsync(object request) => synced.App.AsService().PostAsync("/v1/connect-sessions", request).ShouldBeAsync(HttpStatusCode.Created);

    private async Task ForceAsync(string sql, Guid id)
    {
        await using var connection = await synced.App.ConnectAsync();
#pragma warning disable CA2100 // Written in this test.
        await using var command = new Npgsql.NpgsqlCommand(sql, connection) { Parameters = { new() { Value = id } } };
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync(Ct);
    }

    /// <summary>Waits as a browser does: by the page's own word.</summary>
    /// <returns>The way back to the product.</returns>
    private async Task<string> SyncedAsync(ConsoleVisitor visitor, string progress)
    {
        for (var look = 0; look < 60; look++)
        {
            var page = await visitor.PageAsync(progress);
            var back = page.QuerySelector("a.button")!.GetAttribute("href")!;
            if (!visitor.Last.Headers.TryGetValues("Refresh", out var seconds))
            {
                page.QuerySelector("h1")!.TextContent.ShouldBe("It is connected");
                return back;
            }
            page.QuerySelector("progress").ShouldNotBeNull();
            await Task.Delay(TimeSpan.FromSeconds(int.Parse(seconds.Single(), System.Globalization.CultureInfo.InvariantCulture)), Ct);
        }
        throw new TimeoutException("The first sync did not end.");
    }

    private static async Task<IHtmlDocument> SendAsync(
        ConsoleVisitor visitor, IHtmlDocument page, string action, Dictionary<string, string>? given = null, HttpStatusCode status = HttpStatusCode.OK)
    {
        using var answer = await FormAsync(visitor, page, action, given ?? []);
        return await ConsoleVisitor.ReadAsync(answer, status);
    }

    /// <summary>Sends the form of that page with what stands in it, and what is given over it.</summary>
    private static Task<HttpResponseMessage> FormAsync(ConsoleVisitor visitor, IHtmlDocument page, string action, Dictionary<string, string> given)
    {
        var form = page.QuerySelectorAll<IHtmlFormElement>("form").First(one => one.GetAttribute("action")!.EndsWith("/" + action, StringComparison.Ordinal));
        var fields = form.QuerySelectorAll<IHtmlInputElement>("input[name]").Where(input => input.Type != "checkbox" || input.IsChecked)
            .GroupBy(input => input.Name!).ToDictionary(group => group.Key, group => group.Last().Value);
        foreach (var (name, value) in given)
            fields[name] = value;
        return visitor.PostAsync(form.GetAttribute("action")!, fields);
    }
}
