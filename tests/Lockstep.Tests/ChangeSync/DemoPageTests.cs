using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Microsoft.Playwright;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The TypeScript client where it lives: IndexedDB, Web Locks, a service worker, and a network that goes away.</summary>
public sealed class DemoPageTests(LockstepApp app, Browser browser, TypeScriptClient client) : IClassFixture<LockstepApp>
{
    private const string Shown = "[...document.querySelectorAll('#items li')].map(li => (li.querySelector('[type=checkbox]').checked ? '[x] ' : '[ ] ') + li.querySelector('.title').value)";

    [Fact]
    public async Task Two_browsers_share_a_list_one_of_them_offline_and_are_equal_afterwards()
    {
        await client.Built;
        await using var demo = await DemoServer.StartAsync(app.Url);
        var space = await SharedListAsync("ada", "bob");
        await using var ada = await OpenAsync(demo, "ada", 1280, ColorScheme.Light, space);
        await AddAsync(ada.Page, "Milk", "Bread");
        await using var bob = await OpenAsync(demo, "bob", 390, ColorScheme.Dark, space);
        await ShowsAsync(bob.Page, "[ ] Milk", "[ ] Bread");

        await bob.Page.Context.SetOfflineAsync(true);
        await bob.Page.GetByLabel("Bought: Milk").CheckAsync();
        await AddAsync(bob.Page, "Oranges \U0001F34A");
        await Assertions.Expect(bob.Page.Locator("#status")).ToContainTextAsync("Offline. As of");
        await Assertions.Expect(bob.Page.Locator("#status")).ToContainTextAsync("2 edits wait on this device.");
        await SeeAsync(bob, "shopping-390-offline");
        await RenameAsync(ada.Page, "Bread", "Rye bread");
        await AddAsync(ada.Page, "Salt");
        await Assertions.Expect(ada.Page.Locator("#status")).ToHaveTextAsync("In step with the server.");

        await bob.Page.Context.SetOfflineAsync(false);
        await ShowsAsync(ada.Page, "[x] Milk", "[ ] Rye bread", "[ ] Oranges \U0001F34A", "[ ] Salt");
        await ShowsAsync(bob.Page, "[x] Milk", "[ ] Rye bread", "[ ] Oranges \U0001F34A", "[ ] Salt");
        await Assertions.Expect(bob.Page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        await Assertions.Expect(bob.Page.Locator(".waits:visible")).ToHaveCountAsync(0);
        await SeeAsync(ada, "shopping-1280");
        await SeeAsync(bob, "shopping-390");
        Unhurt(ada);
        Unhurt(bob);
    }

    [Fact]
    public async Task The_page_opens_without_any_server_and_sends_afterwards_what_was_typed_meanwhile()
    {
        await client.Built;
        var demo = await DemoServer.StartAsync(app.Url);
        await using var visit = await OpenAsync(demo, "cat", 390, ColorScheme.Light);
        await AddAsync(visit.Page, "Milk");
        await Assertions.Expect(visit.Page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        await visit.Page.EvaluateAsync("navigator.serviceWorker.ready.then(() => new Promise(done => navigator.serviceWorker.controller ? done() : navigator.serviceWorker.addEventListener('controllerchange', () => done())))");
        await demo.DisposeAsync();

        await visit.Page.ReloadAsync();
        await ShowsAsync(visit.Page, "[ ] Milk");
        await AddAsync(visit.Page, "Typed in the tunnel");
        await Assertions.Expect(visit.Page.Locator("#status")).ToContainTextAsync("1 edit waits on this device.");
        await visit.Page.ReloadAsync();
        await ShowsAsync(visit.Page, "[ ] Milk", "[ ] Typed in the tunnel");

        await using var again = await DemoServer.StartAsync(app.Url, demo.Url.Port);
        await visit.Page.EvaluateAsync("dispatchEvent(new Event('online'))");
        await Assertions.Expect(visit.Page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        (await app.As("cat").PullAll("shopping")).Changes.Select(change => change.Value("title")!.GetValue<string>()).ShouldBe(["Milk", "Typed in the tunnel"]);
    }

    [Fact]
    public async Task Two_tabs_of_one_browser_send_each_edit_once_and_show_the_same()
    {
        await client.Built;
        await using var demo = await DemoServer.StartAsync(app.Url);
        await using var first = await OpenAsync(demo, "dee", 1280, ColorScheme.Light);
        var second = await first.Page.Context.NewPageAsync();
        var sent = new System.Collections.Concurrent.ConcurrentBag<long>();
        foreach (var page in new[] { first.Page, second })
            page.Request += (_, request) =>
            {
                if (request.Url.EndsWith("/push", StringComparison.Ordinal))
                    foreach (var mutation in JsonNode.Parse(request.PostData!)!["mutations"]!.AsArray())
                        sent.Add(mutation!["id"]!.GetValue<long>());
            };
        await second.GotoAsync(demo.Url.ToString());
        await Assertions.Expect(second.Locator("#status")).ToHaveTextAsync("In step with the server.");
        string[] names = ["one", "two", "three", "four", "five", "six"];
        for (var i = 0; i < names.Length; i++)
            await AddAsync(i % 2 == 0 ? first.Page : second, names[i]);
        foreach (var page in new[] { first.Page, second })
        {
            await ShowsAsync(page, [.. names.Select(name => $"[ ] {name}")]);
            await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        }
        sent.Order().ShouldBe(Enumerable.Range(1, names.Length).Select(id => (long)id));
        // The first tab holds the stream; when it is gone the other one takes it over.
        await first.Page.CloseAsync();
        await Assertions.Expect(second.Locator("#status")).ToHaveAttributeAsync("data-live", "true");
    }

    [Fact]
    public async Task What_was_removed_comes_back_and_an_ended_token_costs_no_edit()
    {
        await client.Built;
        await using var demo = await DemoServer.StartAsync(app.Url);
        await using var visit = await OpenAsync(demo, "eve", 390, ColorScheme.Light, worker: false);
        var page = visit.Page;
        await Assertions.Expect(page.GetByText("Nothing to buy.")).ToBeVisibleAsync();
        await SeeAsync(visit, "shopping-390-empty");
        await AddAsync(page, "Milk", "Bread");
        await page.GetByLabel("Remove Milk").ClickAsync();
        await ShowsAsync(page, "[ ] Bread");
        await SeeAsync(visit, "shopping-390-removed");
        await page.GetByRole(AriaRole.Button, new() { Name = "Undo" }).ClickAsync();
        await ShowsAsync(page, "[ ] Milk", "[ ] Bread");

        var fresh = app.Token("eve", JwtClaims.Authenticated, Duration.FromHours(2));
        await page.RouteAsync("**/v1/**", route => route.Request.Headers["authorization"] == $"Bearer {fresh}"
            ? route.ContinueAsync()
            : route.FulfillAsync(new() { Status = 401, ContentType = "application/problem+json", Body = """{"code":"token_expired","detail":"The token has expired."}""" }));
        await AddAsync(page, "Salt");
        await Assertions.Expect(page.Locator("#status")).ToContainTextAsync("Your token has ended. Paste a new one; nothing is lost.");
        await SeeAsync(visit, "shopping-390-token");
        await page.GetByLabel("Token", new() { Exact = true }).FillAsync(fresh);
        await page.GetByRole(AriaRole.Button, new() { Name = "Open my list" }).ClickAsync();
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        await ShowsAsync(page, "[ ] Milk", "[ ] Bread", "[ ] Salt");
        (await app.As("eve").PullAll("shopping")).Changes.Select(change => change.Value("title")?.GetValue<string>()).ShouldContain("Salt");
    }

    [Fact]
    public async Task The_store_in_IndexedDB_takes_a_failed_transaction_back_and_keeps_a_key_that_nobody_can_export()
    {
        await client.Built;
        await using var demo = await DemoServer.StartAsync(app.Url);
        await using var visit = await browser.OpenAsync(new BrowserNewContextOptions());
        await visit.Page.GotoAsync(demo.Url.ToString());
        (await visit.Page.EvaluateAsync<string>(
            """
            async () => {
              const { IndexedDbStore, importKey, newKeyBytes, sealField, openField } = await import("/client/index.js");
              const place = { app: "a", space: "", table: "t", id: "i", field: "f" };
              const store = await IndexedDbStore.open("contract");
              const key = await importKey(newKeyBytes());
              const text = await sealField(key, "k", place, "9007199254740993");
              await store.transact("readwrite", async (tx) => { await tx.putValue("key:s:1", key); await tx.putValue("key:s2:1", key); await tx.putValue("n", 1); });
              const failed = await store.transact("readwrite", async (tx) => { await tx.putValue("n", 2); throw new Error("no"); }).catch((error) => error.message);
              const record = (space, generation) => ({ space, table: "t", id: "i", state: { fields: new Map([["f", { json: "1", at: { ms: 1, counter: 0, clientId: "c" } }]]), writtenAt: null, deletedAt: null }, schemaVersion: 1, author: null, generation });
              await store.transact("readwrite", async (tx) => { for (const [space, generation] of [["", 1], ["s", 2], ["s2", 2]]) await tx.putRecord(record(space, generation)); });
              await store.close();

              const again = await IndexedDbStore.open("contract");
              const said = await again.transact("readwrite", async (tx) => {
                await tx.deleteSpace("s");
                await tx.deleteValues("key:s:");
                await tx.deleteBefore(2);
                const left = await tx.allRecords();
                return [await tx.value("n"), left.map((r) => r.space + r.state.fields.get("f").json), (await tx.recordsWithId("t", "i")).length, await tx.value("key:s:1") === undefined, (await tx.value("key:s2:1")).extractable];
              });
              const kept = await again.transact("readonly", (tx) => tx.value("key:s2:1"));
              const opened = await openField(kept, place, text);
              await again.destroy();
              return JSON.stringify([failed, ...said, opened]);
            }
            """)).ShouldBe("""["no",1,["s21"],1,true,false,"9007199254740993"]""");
    }

    private async Task<string> SharedListAsync(string owner, string member)
    {
        await app.As(member).Pull("shopping"); // Users exist from their first request on.
        var space = (await app.As(owner).PostAsync("/v1/workspaces", new { name = "Flat 4" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.As(owner).PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId(member), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        return space;
    }

    /// <param name="worker">Without it the test can answer in the server's place.</param>
    private async Task<BrowserPage> OpenAsync(DemoServer demo, string user, int width, ColorScheme scheme, string? space = null, bool worker = true)
    {
        var visit = await browser.OpenAsync(new BrowserNewContextOptions
        {
            ViewportSize = new ViewportSize { Width = width, Height = width < 900 ? 844 : 800 },
            ColorScheme = scheme,
            Locale = "en-GB",
            ServiceWorkers = worker ? ServiceWorkerPolicy.Allow : ServiceWorkerPolicy.Block,
            DeviceScaleFactor = width < 900 ? 2 : 1,
        });
        await visit.Page.GotoAsync(new Uri(demo.Url, $"#token={app.Token(user, JwtClaims.Authenticated)}").ToString());
        await Assertions.Expect(visit.Page.Locator("#status")).ToHaveTextAsync("In step with the server.");
        if (space is not null)
            await visit.Page.GetByLabel("List", new() { Exact = true }).SelectOptionAsync(space);
        return visit;
    }

    private static async Task AddAsync(IPage page, params string[] titles)
    {
        foreach (var title in titles)
        {
            await page.GetByLabel("What to buy").FillAsync(title);
            await page.Keyboard.PressAsync("Enter");
            await Assertions.Expect(page.GetByLabel($"Bought: {title}")).ToBeVisibleAsync();
        }
    }

    private static async Task RenameAsync(IPage page, string from, string to)
    {
        var title = page.Locator("#items li").Filter(new() { Has = page.GetByLabel($"Bought: {from}") }).Locator(".title");
        await title.FillAsync(to);
        await title.PressAsync("Enter");
    }

    private static async Task ShowsAsync(IPage page, params string[] items)
    {
        try
        {
            await page.WaitForFunctionAsync($"wanted => JSON.stringify({Shown}) === JSON.stringify(wanted)", items, new() { Timeout = 30_000 });
        }
        catch (TimeoutException)
        {
            (await page.EvaluateAsync<string[]>(Shown)).ShouldBe(items);
        }
    }

    /// <summary>Nothing to scroll sideways to; and a picture for people to look at, in artifacts/.</summary>
    private static async Task SeeAsync(BrowserPage visit, string name)
    {
        (await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth")).ShouldBe(0);
        await visit.Page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Repository.Root, "artifacts", "pages", $"{name}.png"), FullPage = true });
    }

    /// <summary>What could not be loaded while there was no network is no complaint.</summary>
    private static void Unhurt(BrowserPage visit) =>
        visit.Complaints.Where(line => !line.Contains("Failed to load resource", StringComparison.Ordinal)).ShouldBeEmpty();
}
