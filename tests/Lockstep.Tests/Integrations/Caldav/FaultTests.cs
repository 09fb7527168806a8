using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>Two real servers, and everything that a network or a worse server can do in between: nothing is lost, nothing is doubled.</summary>
public sealed partial class FaultTests(TwoServers servers) : IClassFixture<TwoServers>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Whatever_the_address_answers_instead_nothing_is_deleted_here(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "instead", ("a.ics", DavProbe.Event("a@instead", "A")), ("b.ics", DavProbe.Event("b@instead", "B")));
        // Something to ask about, so that more than the poll meets the fault.
        await calendar.PutAsync("c.ics", DavProbe.Event("c@instead", "C"));
        Fault[] faults =
        [
            new Fault.Answer(404), new Fault.Answer(403), new Fault.Answer(500), new Fault.Answer(410), new Fault.Answer(200),
            new Fault.Answer(207, "<multistatus xmlns=\"DAV:\"/>", "application/xml"), Fault.Answer.Html(), Fault.Answer.Html(404), new Fault.CutBefore(), new Fault.Truncate(),
        ];
        foreach (var fault in faults)
        {
            foreach (var spared in new[] { 0, 1, 2 })
            {
                calendar.Proxy.Forget();
                calendar.Proxy.Do(passing => passing.Number > spared ? fault : Fault.None);
                await calendar.TriedAsync();
                string.Join(", ", await calendar.HereAsync()).ShouldBeOneOf("a@instead A, b@instead B", "a@instead A, b@instead B, c@instead C");
            }
        }
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("A", "B", "C");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_deletion_that_the_server_only_imagines_is_not_believed(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "phantom", ("a.ics", DavProbe.Event("a@phantom", "A")), ("b.ics", DavProbe.Event("b@phantom", "B")));
        var file = servers.At(server, "phantom").AbsolutePath + "a.ics";
        await calendar.PutAsync("b.ics", DavProbe.Event("b@phantom", "B changed"));
        calendar.Proxy.Do(passing => passing.Kind is "sync-collection" or "calendar-multiget"
            ? new Fault.Rewrite(body => LastTag().Replace(body,
                $"<D:response xmlns:D=\"DAV:\"><D:href>{file}</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>$0", 1))
            : Fault.None);

        await calendar.SyncedAsync();

        await calendar.ConvergedAsync("A", "B changed");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_calendar_that_comes_back_empty_keeps_its_events_here_until_somebody_agrees(Dav server)
    {
        var events = Enumerable.Range(0, 12).Select(n => ($"{n}.ics", DavProbe.Event($"{n}@restored", $"E{n:00}"))).ToArray();
        var calendar = await servers.SyncedAsync(server, "restored", events);
        await servers.Other(server).DeleteAsync("restored/", Ct);
        // The collection is gone: that is no list of deletions.
        (await calendar.TriedAsync())["error"].ShouldNotBeNull();
        (await calendar.HereAsync()).Length.ShouldBe(12);

        await servers.Other(server).MakeCalendarAsync("restored", Ct);
        (await calendar.FailedAsync("mass_delete")).Text("error").ShouldContain("12 of 12 events");

        (await calendar.HereAsync()).Length.ShouldBe(12);
        await calendar.Client.PostAsync($"/v1/integrations/{calendar.Id}/confirm-deletions", new { count = 12 }).ShouldBeAsync(HttpStatusCode.OK);
        await calendar.Client.UntilAsync(calendar.Id, integration => integration.Text("status") == "active");
        await calendar.ConvergedAsync();
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Deletions_here_in_small_portions_are_asked_about_as_well(Dav server)
    {
        var events = Enumerable.Range(0, 14).Select(n => ($"{n:00}.ics", DavProbe.Event($"{n}@portions", $"E{n:00}"))).ToArray();
        var calendar = await servers.SyncedAsync(server, "portions", events);
        for (var n = 0; n < 5; n++)
            await calendar.RemoveAsync($"E{n:00}");
        (await calendar.SyncedAsync()).Count("itemsPushed").ShouldBe(5);
        for (var n = 5; n < 10; n++)
            await calendar.RemoveAsync($"E{n:00}");

        await calendar.FailedAsync("mass_delete");

        (await calendar.FilesAsync()).Count.ShouldBe(9);
        await calendar.Client.PostAsync($"/v1/integrations/{calendar.Id}/confirm-deletions", new { count = 5 }).ShouldBeAsync(HttpStatusCode.OK);
        await calendar.Client.UntilAsync(calendar.Id, integration => integration.Text("status") == "active");
        await calendar.ConvergedAsync("E10", "E11", "E12", "E13");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Any_refusal_of_a_token_leads_to_a_comparison_of_everything(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "token", ("a.ics", DavProbe.Event("a@token", "A0")));
        Fault[] refusals =
        [
            // The server's own word for a token that it never gave.
            new Fault.Pass(), new Fault.Answer(400), new Fault.Answer(403), new Fault.Answer(404), new Fault.Answer(409), new Fault.Answer(410),
            new Fault.Answer(412), new Fault.Answer(500), new Fault.Answer(501), new Fault.Answer(502), Fault.Answer.Html(), new Fault.CutBefore(), new Fault.Truncate(),
        ];
        for (var n = 0; n < refusals.Length; n++)
        {
            await servers.App.ScalarAsync<long>(
                "WITH u AS (UPDATE lockstep.calendars SET sync_token = 'http://example.com/ns/sync/nonsense' WHERE integration_id = $1 RETURNING 1) SELECT count(*) FROM u",
                calendar.Id);
            await calendar.PutAsync("a.ics", DavProbe.Event("a@token", $"A{n + 1}"));
            calendar.Proxy.Do(passing => passing.Kind == "sync-collection" ? refusals[n] : Fault.None);

            await calendar.SyncedAsync();

            (await calendar.HereAsync()).ShouldBe([$"a@token A{n + 1}"]);
        }
        await calendar.ConvergedAsync($"A{refusals.Length}");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_multiget_that_stops_in_silence_is_noticed(Dav server)
    {
        var events = Enumerable.Range(0, 130).Select(n => ($"{n}.ics", DavProbe.Event($"{n}@capped", $"E{n:000}"))).ToArray();
        await servers.Other(server).MakeCalendarAsync("capped", Ct);
        foreach (var (file, ics) in events)
            await servers.Other(server).PutAsync($"capped/{file}", ics, Ct);
        servers.Proxy(server).Reset();
        servers.Proxy(server).Do(passing => passing.Kind switch
        {
            "calendar-query" or "sync-collection" => new Fault.Answer(403),
            "calendar-multiget" => new Fault.Rewrite(body => Capped(body, 30)),
            _ => Fault.None,
        });
        var calendar = await servers.ConnectAsync(server, "capped");
        await calendar.SyncedAsync();

        calendar.Proxy.Seen.Count(one => one.Request.Kind == "calendar-multiget").ShouldBeInRange(5, 6);
        calendar.Proxy.Seen.ShouldNotContain(one => one.Request.Kind == "GET");
        await calendar.ConvergedAsync([.. Enumerable.Range(0, 130).Select(n => $"E{n:000}")]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task One_resource_that_breaks_the_server_keeps_no_other_from_coming(Dav server)
    {
        var calendar = await servers.ConnectedAsync(server, "poison");
        await calendar.SyncedAsync();
        for (var n = 0; n < 40; n++)
            await calendar.PutAsync($"{n}.ics", DavProbe.Event($"{n}@poison", $"E{n:00}"));
        var broken = true;
        calendar.Proxy.Do(passing => broken && (passing.Kind is "calendar-query" or "sync-collection" || passing.Body.Contains("/17.ics") || passing.Path.EndsWith("/17.ics"))
            ? new Fault.Answer(500)
            : Fault.None);

        (await calendar.FailedAsync("events_unreadable")).Text("error").ShouldStartWith("1 events of calendar");

        (await calendar.HereAsync()).Length.ShouldBe(39);
        calendar.Proxy.Seen.Count.ShouldBeLessThan(30);
        // The place in the changes moved on; this one alone is asked for again.
        calendar.Proxy.Forget();
        await calendar.FailedAsync("events_unreadable");
        calendar.Proxy.Seen.Select(one => one.Request.Method).ShouldBe(["PROPFIND", "GET"]);
        broken = false;
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync([.. Enumerable.Range(0, 40).Select(n => $"E{n:00}")]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_text_that_is_no_event_is_set_aside_and_the_others_come(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "garbled");
        for (var n = 0; n < 10; n++)
            await calendar.PutAsync($"{n}.ics", DavProbe.Event($"{n}@garbled", $"E{n}"));
        calendar.Proxy.Do(_ => new Fault.Rewrite(body => body.Replace("UID:7@garbled", "UIX:7@garbled")));

        await calendar.SyncedAsync();

        (await calendar.HereAsync()).Length.ShouldBe(9);
        (await servers.App.ScalarAsync<string>(
            """
            SELECT o.reason FROM lockstep.calendar_objects o JOIN lockstep.calendars c ON c.id = o.calendar_id
            WHERE  c.integration_id = $1 AND o.state = 'quarantined' AND o.ics LIKE '%UIX:7@garbled%'
            """, calendar.Id)).ShouldBe("The event has no UID.");
        calendar.Proxy.Forget();
        await calendar.SyncedAsync();
        calendar.Proxy.Seen.Count.ShouldBe(1);

        calendar.Proxy.Reset();
        await calendar.PutAsync("7.ics", DavProbe.Event("7@garbled", "E7 mended"));
        await calendar.SyncedAsync();
        (await calendar.HereAsync()).ShouldContain("7@garbled E7 mended");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_write_whose_answer_is_lost_is_neither_doubled_nor_a_conflict_whatever_follows(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "lost", ("rich.ics", RichEvent.Ics), ("b.ics", DavProbe.Event("b@lost", "B")), ("c.ics", DavProbe.Event("c@lost", "C")));
        foreach (var summary in new[] { "New", "New, edited", "New, deleted" })
            await calendar.Client.MakeEventAsync(summary);
        await calendar.EditAsync("Weekly, rich", "Rich 2");
        await calendar.EditAsync("B", "B 2");
        await calendar.RemoveAsync("C");
        // Each answer is lost once: a run ends at the first, and the next one goes on.
        var lost = new HashSet<string>();
        calendar.Proxy.Do(passing => passing.IsWrite && lost.Add(passing.Path) ? new Fault.CutAfter() : Fault.None);
        for (var run = 0; lost.Count < 6; run++)
        {
            run.ShouldBeLessThan(10);
            await calendar.TriedAsync();
            // In between their owner goes on.
            if (lost.Count == 3)
            {
                await calendar.EditAsync("New, edited", "New, edited 2");
                await calendar.RemoveAsync("New, deleted");
                await calendar.EditAsync("Rich 2", "Rich 3");
            }
        }
        await calendar.SyncedAsync();

        await calendar.ConvergedAsync("New", "New, edited 2", "Rich 3", "B 2");
        (await calendar.ConflictsAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Somebody_who_is_always_quicker_costs_three_tries_a_run(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "quicker", ("a.ics", DavProbe.Event("a@quicker", "A")));
        await calendar.EditAsync("A", "Ours");
        var edits = 0;
        calendar.Proxy.Plan = async passing =>
        {
            // Older by its own stamp, so that ours goes on trying.
            if (passing.Method == "PUT")
                await calendar.PutAsync("a.ics", DavProbe.Event("a@quicker", $"Quicker {++edits}").Replace("DTSTAMP:", $"LAST-MODIFIED:2026010{edits}T000000Z\r\nDTSTAMP:", StringComparison.Ordinal));
            return Fault.None;
        };

        await calendar.FailedAsync("write_refused");

        calendar.Proxy.Writes.ShouldBe(3);
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("Ours");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_uid_that_another_client_used_meanwhile_is_one_event_in_the_end(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "uid");
        var uid = (await calendar.Client.MakeEventAsync("Ours")).Text("uid");
        var taken = 0;
        calendar.Proxy.Plan = async passing =>
        {
            if (passing.Method == "PUT" && Interlocked.Exchange(ref taken, 1) == 0)
                await calendar.PutAsync("other.ics", DavProbe.Event(uid, "Theirs"));
            return Fault.None;
        };

        // 409 here, a 412 inside a 207 there: neither is taken for success.
        await calendar.FailedAsync("write_refused");
        await calendar.SyncedAsync();

        (await calendar.FilesAsync()).ShouldBe(["other.ics"]);
        (await calendar.ConflictsAsync()).Count.ShouldBe(1);
        await calendar.ConvergedAsync((await calendar.HereAsync()).ShouldHaveSingleItem()[(uid.Length + 1)..]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_server_that_fails_on_writes_gets_them_later(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "later");
        for (var n = 0; n < 5; n++)
            await calendar.Client.MakeEventAsync($"E{n}");
        calendar.Proxy.Do(passing => passing.IsWrite ? new Fault.Answer(500) : Fault.None);
        for (var run = 0; run < 12; run++)
            (await calendar.TriedAsync())["error"].ShouldNotBeNull();
        calendar.Proxy.Writes.ShouldBeLessThanOrEqualTo(36);

        // However often it was refused: nothing is given up.
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("E0", "E1", "E2", "E3", "E4");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_throttled_run_stops_at_once_and_waits_as_long_as_it_is_told(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "busy", ("a.ics", DavProbe.Event("a@busy", "A")));
        await calendar.EditAsync("A", "A edited");
        await calendar.Client.MakeEventAsync("New");
        var until = TimeProvider.System.GetUtcNow().AddHours(2);
        calendar.Proxy.Forget();
        calendar.Proxy.Do(passing => passing.IsWrite
            ? new Fault.Answer(503, Headers: ("Retry-After", until.ToString("r", CultureInfo.InvariantCulture)))
            : Fault.None);

        await calendar.FailedAsync("caldav_throttled");

        calendar.Proxy.Writes.ShouldBe(1);
        calendar.Proxy.Forget();
        var problem = await calendar.Client.SyncAsync(calendar.Id).ShouldBeProblemAsync(429, "integration_throttled");
        DateTimeOffset.Parse(problem.Text("retryAt"), CultureInfo.InvariantCulture).ShouldBe(until, TimeSpan.FromMinutes(1));
        calendar.Proxy.Seen.ShouldBeEmpty();
        await servers.App.ScalarAsync<long>(
            "WITH u AS (UPDATE lockstep.integrations SET paused_until = now() WHERE id = $1 RETURNING 1) SELECT count(*) FROM u", calendar.Id);
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("A edited", "New");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_first_read_that_is_cut_goes_on_where_it_was(Dav server)
    {
        await servers.Other(server).MakeCalendarAsync("resumed", Ct);
        for (var n = 0; n < 250; n++)
            await servers.Other(server).PutAsync($"resumed/{n}.ics", DavProbe.Event($"{n}@resumed", $"E{n:000}", "20260302T090000Z"), Ct);
        servers.Proxy(server).Reset();
        // Every long answer breaks off in its middle, however often it is asked for; short ones pass.
        servers.Proxy(server).Do(passing => passing.Kind is "sync-collection" or "calendar-query" or "calendar-multiget" ? new Fault.Truncate() : Fault.None);
        var calendar = await servers.ConnectAsync(server, "resumed");
        await calendar.TriedAsync();
        calendar.Proxy.Reset();
        var before = (await calendar.HereAsync()).Length;
        await calendar.SyncedAsync();

        // What came before is not fetched again.
        calendar.Proxy.Seen.Where(one => one.Request.Kind == "calendar-multiget").Sum(one => Count(one.Request.Body, "<href>")).ShouldBeLessThanOrEqualTo(250 - before);
        calendar.Proxy.Seen.Count.ShouldBeLessThan(8);
        await calendar.ConvergedAsync([.. Enumerable.Range(0, 250).Select(n => $"E{n:000}")]);
    }

    /// <summary>For a PROPFIND of all members Radicale needs minutes when there are tens of thousands: none is sent.</summary>
    [Fact]
    [Trait("Category", "Long")]
    public async Task What_a_cut_first_read_missed_is_told_by_one_report()
    {
        await servers.Other(Dav.Radicale).MakeCalendarAsync("reported", Ct);
        for (var n = 0; n < 600; n++)
            await File.WriteAllTextAsync(Path.Combine(servers.RadicaleFolder("reported"), $"{n}.ics"), DavProbe.Event($"{n}@reported", $"E{n:000}", "20260302T090000Z"), Ct);
        var proxy = servers.Proxy(Dav.Radicale);
        proxy.Reset();
        // The half of the answer, and whole as HTTP: of a connection that breaks, what had come may be lost as well.
        proxy.Do(passing => passing.Kind == "sync-collection" ? new Fault.Rewrite(body => body[..(body.Length / 2)]) : IsListing(passing) ? new Fault.CutBefore() : Fault.None);
        var calendar = await servers.ConnectAsync(Dav.Radicale, "reported");
        await calendar.TriedAsync();
        var before = (await calendar.HereAsync()).Length;
        before.ShouldBeInRange(1, 599);

        proxy.Forget();
        proxy.Do(passing => IsListing(passing) ? new Fault.CutBefore() : Fault.None);
        await calendar.SyncedAsync();

        proxy.Seen.Count(one => one.Request.Kind == "sync-collection").ShouldBe(1);
        await calendar.ConvergedAsync([.. Enumerable.Range(0, 600).Select(n => $"E{n:000}")]);

        static bool IsListing(Passing passing) => passing.Kind == "PROPFIND" && passing.Body.Contains("getetag", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_dead_server_loses_nothing_and_its_calendar_is_not_taken_for_free(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "dead", ("a.ics", DavProbe.Event("a@dead", "A")));
        await servers.KillAsync(server);
        calendar.Proxy.Do(_ => new Fault.CutBefore());
        await calendar.Client.MakeEventAsync("Made meanwhile");
        await calendar.EditAsync("A", "A edited meanwhile");

        (await calendar.TriedAsync())["error"].ShouldNotBeNull();

        (await calendar.Client.IntegrationAsync(calendar.Id))["calendars"]![0]!["unreadableSince"].ShouldNotBeNull();
        await servers.RestartAsync(server, Ct);
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        (await calendar.Client.IntegrationAsync(calendar.Id))["calendars"]![0]!["unreadableSince"].ShouldBeNull();
        await calendar.ConvergedAsync("A edited meanwhile", "Made meanwhile");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task One_calendar_that_is_gone_stops_neither_the_others_nor_their_schedule(Dav server)
    {
        await servers.Other(server).MakeCalendarAsync("goneb", Ct);
        await servers.Other(server).PutAsync("goneb/b.ics", DavProbe.Event("b@gone", "B"), Ct);
        var calendar = await servers.SyncedAsync(server, "gonea", ("a.ics", DavProbe.Event("a@gone", "A")));
        await calendar.Client.PatchAsync(calendar.Id, $$$"""{"config":{"selectedCalendarIds":["{{{servers.At(server, "goneb")}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await calendar.SyncedAsync();
        await servers.Other(server).DeleteAsync("goneb/", Ct);
        await calendar.EditAsync("A", "A edited");

        for (var run = 0; run < 4; run++)
            (await calendar.FailedAsync("caldav_not_found")).Text("error").ShouldStartWith("1 of 2 calendars could not be read (goneb); the others were synced. ");
        (await servers.App.ScalarAsync<int>("SELECT failures FROM lockstep.integrations WHERE id = $1", calendar.Id)).ShouldBe(0);

        (await calendar.GetAsync("a.ics"))!.ShouldContain("SUMMARY:A edited");
        (await calendar.HereAsync()).ShouldBe(["a@gone A edited", "b@gone B"]);
        var integration = await calendar.Client.IntegrationAsync(calendar.Id);
        integration["calendars"]!.AsArray().Count(one => one!["unreadableSince"] is not null).ShouldBe(1);
        DateTimeOffset.Parse(integration.Text("nextSyncAt"), CultureInfo.InvariantCulture)
            .ShouldBeLessThan(TimeProvider.System.GetUtcNow().AddSeconds(3601));
    }

    private static string Capped(string multistatus, int most)
    {
        var responses = Response().Matches(multistatus);
        foreach (var response in responses.Skip(most))
            multistatus = multistatus.Replace(response.Value, "", StringComparison.Ordinal);
        return multistatus;
    }

    private static int Count(string text, string part) => (text.Length - text.Replace(part, "", StringComparison.Ordinal).Length) / part.Length;

    [GeneratedRegex(@"<(\w+:)?response>.*?</(\w+:)?response>", RegexOptions.Singleline)]
    private static partial Regex Response();

    [GeneratedRegex(@"</(\w+:)?multistatus>")]
    private static partial Regex LastTag();
}
