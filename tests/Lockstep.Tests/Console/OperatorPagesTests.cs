using System.Net;
using AngleSharp.Dom;
using Lockstep.Tests.Support;
using Lockstep.Tests.Vault;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.ConsolePages;

/// <summary>What an operator sees of everybody: numbers, names and times, never a value.</summary>
public sealed class OperatorPagesTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task The_system_page_names_this_node_how_the_sync_keeps_up_and_what_waits_for_a_newer_key()
    {
        await app.As("sealer").StoreAsync("k", "sk_live_0123456789abcdefgh");
        // As a node that was killed, a slow hour, and a server that fails would have left them.
        await app.ScalarAsync<Guid>("INSERT INTO lockstep.nodes (id, name, version, started_at, seen_at) VALUES (gen_random_uuid(), 'gone-node', '0.1.0', now(), now() - interval '10 minutes') RETURNING id");
        await app.ScalarAsync<double>("INSERT INTO lockstep.sync_lag (quarter, waiting, longest) VALUES (date_bin('15 minutes', now() - interval '3 hours', '2000-01-01'), 3, 240) RETURNING longest");
        await app.ScalarAsync<Guid>(
            """
            INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config, status, last_sync_error_code, next_sync_at)
            VALUES (gen_random_uuid(), $1, 'caldav', 'Mine', 'me', '{"url": "https://dav.example.net/me/", "username": "me", "calendarPath": "", "selectedCalendarIds": []}', 'error', 'unreachable', now() + interval '1 day') RETURNING id
            """, app.UserId("sealer"));
        // Another node works on one, as its lease says.
        await app.ScalarAsync<Guid>("UPDATE lockstep.integrations SET lease_owner = 'other:7:0190', lease_until = now() + interval '5 minutes' WHERE user_id = $1 RETURNING id", app.UserId("sealer"));
        await app.ScalarAsync<Guid>("INSERT INTO lockstep.nodes (id, name, version, started_at, seen_at) VALUES (gen_random_uuid(), 'other, process 7', '0.1.1', now(), now()) RETURNING id");
        using var visitor = await ConsoleVisitor.SignInAsync(app, "ops", "service_role");
        var page = await UntilAsync(visitor, "/console/system", one => one.QuerySelectorAll("[aria-labelledby=nodes] li").Length == 3);
        page.QuerySelector("#nodes")!.TextContent.ShouldBe("2 nodes");
        var other = page.QuerySelectorAll("[aria-labelledby=nodes] li").Single(node => node.TextContent.Contains("other, process 7", StringComparison.Ordinal)).TextContent;
        other.ShouldContain("version 0.1.1");
        other.ShouldContain("syncs 1 connection at this moment");
        page.QuerySelectorAll("[aria-labelledby=nodes] .chip").Select(chip => chip.TextContent).ShouldBe(["There", "There", "Silent"]);
        page.QuerySelectorAll("rect.badbar").Length.ShouldBe(1);
        page.Body!.TextContent.ShouldContain("4 minutes at most");
        page.Body!.TextContent.ShouldContain("dav.example.net");
        page.QuerySelector("progress")!.GetAttribute("value").ShouldBe(page.QuerySelector("progress")!.GetAttribute("max"));
        page.Body!.TextContent.ShouldContain("No fallback backlog");

        var keys = app.Keys!;
        app.Keys = LockstepApp.RingOf([Lockstep.Crypto.MasterKey.Generate("test-2"), .. keys.Keys]);
        await app.RestartAsync();
        using var later = await ConsoleVisitor.SignInAsync(app, "ops", "service_role");
        var rekeying = await later.PageAsync("/console/system");
        rekeying.QuerySelector("progress")!.GetAttribute("value").ShouldBe("0");
        rekeying.Body!.TextContent.ShouldContain("lockstep rekey brings the others under it");
    }

    [Fact]
    public async Task The_change_log_tells_which_record_changed_by_whom_and_never_what_it_says()
    {
        await app.As("writer").PostAsync("/v1/sync/notes/push", new
        {
            clientId = "phone",
            mutations = new[]
            {
                new { id = 1, table = "pages", recordId = "page-1", op = "insert", fields = new { title = new { value = "A private title", at = "2026-03-01T09:00:01.000Z" } } },
                new { id = 2, table = "pages", recordId = "page-2", op = "insert", fields = new { title = new { value = "A private title", at = "2026-03-01T09:00:02.000Z" } } },
            },
        }).ShouldBeAsync(HttpStatusCode.OK);
        using var visitor = await ConsoleVisitor.SignInAsync(app, "ops", "service_role");
        var scopes = await visitor.PageAsync("/console/system/changes?find=WRITER%40");
        var link = scopes.QuerySelector(".list a")!;
        link.TextContent.ShouldBe("writer@example.com");
        var path = link.GetAttribute("href")!;
        var changes = await visitor.PageAsync(path);
        changes.QuerySelectorAll("[aria-label=Changes] li").Length.ShouldBe(2);
        changes.QuerySelector("[aria-label=Changes] li")!.TextContent.ShouldContain("page-2");
        changes.Body!.TextContent.ShouldContain("title");
        changes.Body!.TextContent.ShouldContain("phone");
        changes.Body!.TextContent.ShouldNotContain("private");
        (await visitor.PageAsync($"{path}?record=page-1")).QuerySelectorAll("[aria-label=Changes] li").Length.ShouldBe(1);
        (await visitor.PageAsync($"{path}?before=2")).QuerySelectorAll("[aria-label=Changes] li").Length.ShouldBe(1);
        (await visitor.PageAsync($"{path}?record=%00")).Body!.TextContent.ShouldContain("page-1");
        (await visitor.PageAsync("/console/system/changes?find=nobody-like-it")).QuerySelectorAll(".list a").ShouldBeEmpty();
        using var person = await ConsoleVisitor.SignInAsync(app, "writer");
        await person.PageAsync(path, HttpStatusCode.NotFound);
        await person.PageAsync("/console/system/changes", HttpStatusCode.NotFound);
    }

    private static async Task<AngleSharp.Html.Dom.IHtmlDocument> UntilAsync(ConsoleVisitor visitor, string path, Func<AngleSharp.Html.Dom.IHtmlDocument, bool> holds)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; look < 200; look++)
        {
            var page = await visitor.PageAsync(path);
            if (holds(page))
                return page;
            await tick.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
        throw new ShouldAssertException($"{path} never came to it: {visitor.Last}");
    }
}
