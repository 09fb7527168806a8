using System.Globalization;
using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>What has to hold of two-way sync, on both servers, while nothing fails.</summary>
public sealed class ScenarioTests(TwoServers servers, ITestOutputHelper output) : IClassFixture<TwoServers>
{
    private const int IdleCycles = 100;

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Every_event_of_another_client_arrives_once_in_three_requests(Dav server)
    {
        var events = Enumerable.Range(0, 230).Select(n => ($"{n}.ics", DavProbe.Event($"{n}@first", $"Event {n:000}"))).ToArray();
        await servers.Other(server).MakeCalendarAsync("first", Ct);
        foreach (var (file, ics) in events)
            await servers.Other(server).PutAsync($"first/{file}", ics, Ct);
        servers.Proxy(server).Reset();

        var calendar = await servers.ConnectAsync(server, "first");
        await calendar.Client.UntilAsync(calendar.Id, integration => integration["lastSyncAt"] is not null);

        // Radicale sends the texts with the changes; from Xandikos one query fetches them all.
        servers.Proxy(server).Seen.Select(one => one.Request.Kind).ShouldBe(
            server == Dav.Radicale ? ["PROPFIND", "sync-collection"] : ["PROPFIND", "sync-collection", "calendar-query"]);
        await calendar.ConvergedAsync([.. Enumerable.Range(0, 230).Select(n => $"Event {n:000}")]);
        (await calendar.HereAsync()).ShouldBe(Enumerable.Range(0, 230).Select(n => $"{n}@first Event {n:000}").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task An_event_added_during_the_first_sync_is_there_after_the_next_poll(Dav server)
    {
        await servers.Other(server).MakeCalendarAsync("during", Ct);
        await servers.Other(server).PutAsync("during/a.ics", DavProbe.Event("a@during", "A"), Ct);
        var added = 0;
        servers.Proxy(server).Reset();
        servers.Proxy(server).Plan = async passing =>
        {
            // Between the place in the changes and the texts.
            if (passing.Kind is "calendar-multiget" or "sync-collection" && Interlocked.Exchange(ref added, 1) == 0)
                await servers.Other(server).PutAsync("during/b.ics", DavProbe.Event("b@during", "B"), Ct);
            return Fault.None;
        };
        var calendar = await servers.ConnectAsync(server, "during");
        await calendar.SyncedAsync();
        await calendar.SyncedAsync();

        await calendar.ConvergedAsync("A", "B");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_change_shows_within_one_cycle_and_a_deletion_leaves_a_tombstone(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "cycle", ("a.ics", DavProbe.Event("a@cycle", "A")), ("b.ics", DavProbe.Event("b@cycle", "B")));
        var gone = (await calendar.EventAsync("B")).Id();
        await calendar.PutAsync("a.ics", DavProbe.Event("a@cycle", "A changed"));
        await calendar.DeleteAsync("b.ics");
        calendar.Proxy.Forget();

        (await calendar.SyncedAsync()).Count("itemsPulled").ShouldBe(2);

        // One poll, one report (two where texts come apart), and the question whether it is really gone.
        calendar.Proxy.Seen.Select(one => one.Request.Kind).ShouldBe(server == Dav.Radicale
            ? ["PROPFIND", "sync-collection", "GET"]
            : ["PROPFIND", "sync-collection", "GET", "GET"]);
        await calendar.Client.GetAsync($"/v1/events/{gone}", Ct).ShouldBeProblemAsync(404, "not_found");
        (await servers.App.ScalarAsync<bool>("SELECT deleted FROM lockstep.events WHERE id = $1", gone)).ShouldBeTrue();
        (await servers.App.ScalarAsync<bool>("SELECT deleted FROM lockstep.sync_records WHERE record_id = $1", gone.ToString())).ShouldBeTrue();
        await calendar.ConvergedAsync("A changed");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_renamed_resource_stays_the_same_event(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "renamed", ("old.ics", DavProbe.Event("a@renamed", "A")));
        var id = (await calendar.EventAsync("A")).Id();
        await calendar.DeleteAsync("old.ics");
        await calendar.PutAsync("new.ics", DavProbe.Event("a@renamed", "A"));

        await calendar.SyncedAsync();

        (await calendar.EventAsync("A")).Id().ShouldBe(id);
        await calendar.EditAsync("A", "A edited");
        await calendar.SyncedAsync();
        (await calendar.FilesAsync()).ShouldBe(["new.ics"]);
        await calendar.ConvergedAsync("A edited");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Where_only_the_summary_is_changed_everything_else_survives(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "rich", ("rich.ics", RichEvent.Ics));
        var before = RichEvent.Lines((await calendar.GetAsync("rich.ics"))!);
        before.ShouldContain(line => line.Contains("X-PRIVATE"));

        await calendar.EditAsync("Weekly, rich", "Weekly; changed");
        (await calendar.SyncedAsync()).Count("itemsPushed").ShouldBe(1);

        var after = RichEvent.Lines((await calendar.GetAsync("rich.ics"))!);
        after.Except(before).ShouldBe([@"VCALENDAR/VEVENT/SUMMARY;LANGUAGE=en:Weekly\; changed"]);
        before.Except(after).ShouldBe([@"VCALENDAR/VEVENT/SUMMARY;LANGUAGE=en:Weekly\, rich"]);
        await calendar.ConvergedAsync(@"Weekly; changed");
    }

    [Theory]
    [InlineData(Dav.Radicale, true)]
    [InlineData(Dav.Radicale, false)]
    [InlineData(Dav.Xandikos, true)]
    [InlineData(Dav.Xandikos, false)]
    public async Task Both_edited_the_later_wins_on_both_sides_and_the_loser_can_be_brought_back(Dav server, bool theirsIsLater)
    {
        var calendar = await servers.SyncedAsync(server, $"both{theirsIsLater}", ("a.ics", DavProbe.Event("a@both", "A")));
        var matter = (await calendar.Client.PostAsync("/v1/matters", new { title = "Case" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var id = (await calendar.EventAsync("A")).Id();
        await calendar.Client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{id}", $$"""{"matterId":"{{matter}}"}""").ShouldBeAsync(HttpStatusCode.OK);
        await calendar.EditAsync("A", "Ours");
        var theirs = Modified("a@both", "Theirs", UpdatedAt(await calendar.EventAsync("Ours")).AddSeconds(theirsIsLater ? 5 : -5));
        await calendar.PutAsync("a.ics", theirs);

        await calendar.SyncedAsync();

        var (winner, loser) = theirsIsLater ? ("Theirs", "Ours") : ("Ours", "Theirs");
        var conflict = (await calendar.ConflictsAsync()).ShouldHaveSingleItem()!;
        conflict.Text("winner").ShouldBe(theirsIsLater ? "remote" : "local");
        conflict["local"]!.Text("ics").ShouldContain("SUMMARY:Ours");
        conflict["remote"]!.Text("ics").ShouldContain("SUMMARY:Theirs");
        var timeline = await calendar.Client.GetAsync($"/v1/matters/{matter}/timeline", Ct).ShouldBeAsync(HttpStatusCode.OK);
        timeline["items"]!.AsArray().ShouldContain(line => line!.Text("kind") == "conflict" && line!.Id("conflictId") == conflict.Id());
        await calendar.ConvergedAsync(winner);

        await calendar.Client.PostAsync($"/v1/conflicts/{conflict.Id()}/restore", new { }).ShouldBeAsync(HttpStatusCode.OK);
        (await calendar.SyncedAsync()).Count("itemsPushed").ShouldBe(1);
        await calendar.ConvergedAsync(loser);
        (await calendar.ConflictsAsync()).Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Of_two_edits_of_the_same_second_the_same_one_wins_whoever_made_it(Dav server)
    {
        var winners = new List<string>();
        foreach (var (ours, theirs) in new[] { ("One", "Two"), ("Two", "One") })
        {
            var calendar = await servers.SyncedAsync(server, $"tie{ours}", ("a.ics", DavProbe.Event("a@tie", "A")));
            await calendar.EditAsync("A", ours);
            await calendar.PutAsync("a.ics", Modified("a@tie", theirs, UpdatedAt(await calendar.EventAsync(ours))));

            await calendar.SyncedAsync();

            (await calendar.ConflictsAsync()).Count.ShouldBe(1);
            winners.Add((await calendar.HereAsync()).ShouldHaveSingleItem());
            await calendar.ConvergedAsync(winners[^1]["a@tie ".Length..]);
        }
        winners[0].ShouldBe(winners[1]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_stamp_ten_years_ahead_does_not_win_for_ever(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "ahead", ("a.ics", DavProbe.Event("a@ahead", "A")));
        var ahead = TimeProvider.System.GetUtcNow().AddYears(10);
        await calendar.PutAsync("a.ics", Modified("a@ahead", "From the future", ahead));
        await calendar.SyncedAsync();

        // Alone, a later edit here is simply written.
        await calendar.EditAsync("From the future", "Now");
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("Now");

        // Against another edit with such a stamp, the server's own clock decides: that edit came first. Without such a clock it
        // counts from when it was seen, and the next edit here is later than that.
        await calendar.PutAsync("a.ics", Modified("a@ahead", "From the future again", ahead));
        await AnotherSecondAsync();
        await calendar.EditAsync("Now", "Later");
        await calendar.SyncedAsync();

        (await calendar.ConflictsAsync()).ShouldHaveSingleItem()!.Text("winner").ShouldBe(server == Dav.Radicale ? "local" : "remote");
        await calendar.EditAsync((await calendar.HereAsync())[0]["a@ahead ".Length..], "Last word");
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync("Last word");
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task An_edit_survives_a_deletion_on_either_side(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "survive", ("a.ics", DavProbe.Event("a@survive", "A")), ("b.ics", DavProbe.Event("b@survive", "B")));
        await calendar.EditAsync("A", "A edited here");
        await calendar.DeleteAsync("a.ics");
        await calendar.RemoveAsync("B");
        await calendar.PutAsync("b.ics", DavProbe.Event("b@survive", "B edited there"));

        await calendar.SyncedAsync();

        var conflicts = await calendar.ConflictsAsync();
        conflicts.Select(conflict => (conflict!.Text("winner"), conflict!["local"]!["ics"] is null, conflict!["remote"]!["ics"] is null)).Order()
            .ShouldBe([("local", false, true), ("remote", true, false)]);
        await calendar.ConvergedAsync("A edited here", "B edited there");

        // The deletions are what lost: brought back, they delete.
        foreach (var conflict in conflicts)
            await calendar.Client.PostAsync($"/v1/conflicts/{conflict!.Id()}/restore", new { }).ShouldBeAsync(HttpStatusCode.NoContent);
        await calendar.SyncedAsync();
        await calendar.ConvergedAsync();
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task An_idle_poll_is_one_small_request_and_writes_nothing_however_often(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "idle", ("a.ics", DavProbe.Event("a@idle", "A")));
        // Our own write comes back once, and is recognised.
        await calendar.EditAsync("A", "A edited");
        await calendar.SyncedAsync();
        (await calendar.SyncedAsync()).Count("itemsPulled").ShouldBe(0);
        calendar.Proxy.Forget();

        for (var cycle = 0; cycle < IdleCycles; cycle++)
            await calendar.SyncedAsync();

        var (up, down) = (calendar.Proxy.Seen.Sum(one => one.BytesUp), calendar.Proxy.Seen.Sum(one => one.BytesDown));
        output.WriteLine($"{server}: {IdleCycles} idle cycles, {calendar.Proxy.Seen.Count} requests, {calendar.Proxy.Writes} writes, {up} bytes up and {down} down (bodies)");
        calendar.Proxy.Writes.ShouldBe(0);
        calendar.Proxy.Seen.Select(one => one.Request.Method).ShouldBe(Enumerable.Repeat("PROPFIND", IdleCycles));
        calendar.Proxy.Seen.ShouldAllBe(one => one.BytesUp + one.BytesDown < 1500);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Several_calendars_of_one_home_are_polled_in_one_request(Dav server)
    {
        await servers.Other(server).MakeCalendarAsync("homeb", Ct);
        await servers.Other(server).MakeCalendarAsync("homec", Ct);
        await servers.Other(server).PutAsync("homec/c.ics", DavProbe.Event("c@home", "C"), Ct);
        var calendar = await servers.SyncedAsync(server, "homea", ("a.ics", DavProbe.Event("a@home", "A")));
        await calendar.Client.PatchAsync(calendar.Id,
            $$$"""{"config":{"selectedCalendarIds":["{{{servers.At(server, "homeb")}}}","{{{servers.At(server, "homec")}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await calendar.SyncedAsync();
        (await calendar.HereAsync()).ShouldBe(["a@home A", "c@home C"]);
        await calendar.SyncedAsync();
        calendar.Proxy.Forget();

        for (var cycle = 0; cycle < 5; cycle++)
            await calendar.SyncedAsync();

        calendar.Proxy.Seen.Select(one => one.Request.Method).ShouldBe(Enumerable.Repeat("PROPFIND", 5));
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task An_audit_finds_what_the_server_forgot_to_tell(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "audit", ("a.ics", DavProbe.Event("a@audit", "A")), ("b.ics", DavProbe.Event("b@audit", "B")));
        var lost = (await calendar.EventAsync("B")).Id();
        // As if a change had never been told: the mirror says nothing of it, and its place in the changes is the latest.
        (await servers.App.ScalarAsync<long>("WITH d AS (DELETE FROM lockstep.events WHERE id = $1 RETURNING 1) SELECT count(*) FROM d", lost)).ShouldBe(1);
        await calendar.SyncedAsync();
        (await calendar.HereAsync()).ShouldBe(["a@audit A"]);

        await servers.App.ScalarAsync<long>(
            "WITH u AS (UPDATE lockstep.calendars SET audited_at = now() - interval '16 hours' WHERE integration_id = $1 RETURNING 1) SELECT count(*) FROM u", calendar.Id);
        calendar.Proxy.Forget();
        await calendar.SyncedAsync();

        await calendar.ConvergedAsync("A", "B");
        calendar.Proxy.Forget();
        await calendar.SyncedAsync();
        calendar.Proxy.Seen.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Names_with_every_odd_character_make_the_round(Dav server)
    {
        var calendar = await servers.SyncedAsync(server, "odd",
            ("a%40example.com%20%C3%BC%2Bb.ics", DavProbe.Event("a@odd", "A")), ("plain.ics", DavProbe.Event("b@odd", "B")));

        await calendar.EditAsync("A", "A edited");
        await calendar.RemoveAsync("B");
        await calendar.SyncedAsync();

        (await calendar.FilesAsync()).ShouldBe(["a@example.com ü+b.ics"]);
        (await servers.App.ScalarAsync<long>(
            "SELECT count(*) FROM lockstep.calendar_objects o JOIN lockstep.calendars c ON c.id = o.calendar_id WHERE c.integration_id = $1", calendar.Id)).ShouldBe(1);
    }

    /// <summary>An event as another client writes it, which says when.</summary>
    private static string Modified(string uid, string summary, DateTimeOffset at) => DavProbe.Event(uid, summary).Replace(
        "DTSTAMP:", $"LAST-MODIFIED:{at.UtcDateTime.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture)}\r\nDTSTAMP:", StringComparison.Ordinal);

    private static DateTimeOffset UpdatedAt(System.Text.Json.Nodes.JsonNode one) =>
        DateTimeOffset.Parse(one.Text("updatedAt"), CultureInfo.InvariantCulture);

    /// <summary>Stamps of servers have whole seconds.</summary>
    private async Task AnotherSecondAsync()
    {
        var begin = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() == begin)
            await tick.WaitForNextTickAsync(Ct);
    }
}
