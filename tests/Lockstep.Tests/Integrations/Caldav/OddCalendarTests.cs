using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>Servers that leave out what Radicale and Xandikos both give, and resources that only other programs write.</summary>
public sealed class OddCalendarTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private static int made;

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_ctag_and_token_each_poll_compares_and_writes_nothing()
    {
        var (server, client, id) = await ConnectedAsync(fake => fake.TellsNoState = true, ("a.ics", DavProbe.Event("a@state", "A")));
        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
        server.Members["a.ics"] = ("\"2\"", DavProbe.Event("a@state", "A changed"));
        server.Members["b.ics"] = ("\"3\"", DavProbe.Event("b@state", "B"));

        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(2);

        (await client.SummariesAsync()).ShouldBe(["A changed", "B"]);
        await EditAsync(client, "B", "B edited");
        await client.SyncedAsync(id);
        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
        (server.Puts, server.Members["b.ics"].Ics.Contains("SUMMARY:B edited", StringComparison.Ordinal)).ShouldBe((1, true));
    }

    [Fact]
    public async Task A_put_that_is_answered_without_an_etag_is_known_by_its_text_and_not_repeated()
    {
        var (server, client, id) = await ConnectedAsync(fake => fake.TellsNoETagOfPut = true, ("a.ics", DavProbe.Event("a@noetag", "A")));
        server.Serve($"{(await client.MakeEventAsync("Made here")).Id()}.ics");
        await EditAsync(client, "A", "A edited");
        await client.SyncedAsync(id);
        for (var run = 0; run < 3; run++)
            (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
        server.Puts.ShouldBe(2);

        await EditAsync(client, "A edited", "A edited again");
        await client.SyncedAsync(id);

        (server.Puts, server.Members["a.ics"].Ics.Contains("A edited again", StringComparison.Ordinal)).ShouldBe((3, true));
        (await client.GetAsync($"/v1/integrations/{id}/conflicts").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task A_server_that_compares_weak_tags_letter_by_letter_gets_them_as_it_spells_them()
    {
        var (server, client, id) = await ConnectedAsync(fake => fake.IsWeak = true, ("a.ics", DavProbe.Event("a@weak", "A")));
        server.Members["a.ics"] = ("W/\"7\"", DavProbe.Event("a@weak", "A2"));
        await client.SyncedAsync(id);
        await EditAsync(client, "A2", "A edited");

        await client.SyncedAsync(id);

        (server.Puts, server.Members["a.ics"].Ics.Contains("SUMMARY:A edited", StringComparison.Ordinal)).ShouldBe((1, true));
        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
    }

    [Fact]
    public async Task Where_there_are_no_etags_everything_is_read_and_nothing_written_over_blindly()
    {
        var (server, client, id) = await ConnectedAsync(fake => fake.TellsNoETags = true, ("a.ics", DavProbe.Event("a@blind", "A")));
        server.Members["a.ics"] = ("\"2\"", DavProbe.Event("a@blind", "A changed"));
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["A changed"]);
        await EditAsync(client, "A changed", "A edited");

        var entry = await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);

        entry.Text("errorCode").ShouldBe("write_refused");
        entry.Text("error").ShouldContain("gives no ETag");
        server.Puts.ShouldBe(0);
        (await client.SummariesAsync()).ShouldBe(["A edited"]);
    }

    [Fact]
    public async Task Changes_that_come_in_portions_are_followed_to_their_end()
    {
        var (server, client, id) = await ConnectedAsync(
            fake => fake.ChangesAtOnce = 3, [.. Enumerable.Range(0, 10).Select(n => ($"{n}.ics", DavProbe.Event($"{n}@more", $"E{n}")))]);
        (await client.SummariesAsync()).Length.ShouldBe(10);
        server.Members.Remove("3.ics");
        server.Members["4.ics"] = ("\"99\"", DavProbe.Event("4@more", "E4 changed"));
        server.Log.AddRange(["3.ics", "5.ics", "5.ics", "6.ics", "4.ics"]);

        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(2);

        var summaries = await client.SummariesAsync();
        summaries.ShouldNotContain("E3");
        summaries.ShouldContain("E4 changed");
        summaries.Length.ShouldBe(9);
    }

    /// <summary>A text, and whether it is an event of ours.</summary>
    public static TheoryData<string, bool, string> Resources => new()
    {
        { "folded.ics", true, "UID:folded\r\nDTSTART:20260303T100000Z\r\nDTEND:20260303T110000Z\r\nDESCRIPTION:" + new string('x', 300) + "\r\nX-LONG;X-P=\"a;b:c\":kept" },
        { "duration.ics", true, "UID:duration\r\nDTSTART;TZID=Europe/Berlin:20260303T100000\r\nDURATION:PT90M" },
        { "instant.ics", true, "UID:instant\r\nDTSTART:20260303T100000Z" },
        { "day.ics", true, "UID:day\r\nDTSTART;VALUE=DATE:20260303" },
        { "negative.ics", true, "UID:negative\r\nDTSTART:20260303T100000Z\r\nDURATION:-PT1H" },
        { "backwards.ics", true, "UID:backwards\r\nDTSTART:20260303T100000Z\r\nDTEND:20260303T090000Z" },
        { "mars.ics", true, "UID:mars\r\nDTSTART;TZID=Mars/Olympus Mons:20260303T100000\r\nDTEND;TZID=Mars/Olympus Mons:20260303T110000" },
        { "windows.ics", true, "UID:windows\r\nDTSTART;TZID=W. Europe Standard Time:20260303T100000\r\nDURATION:PT1H" },
        { "badrule.ics", true, "UID:badrule\r\nDTSTART:20260303T100000Z\r\nRRULE:FREQ=FORTNIGHTLY;COUNT=3" },
        { "slashes.ics", true, "UID:a/b\\c?d#e%20 f@{\u00fc}\r\nDTSTART:20260303T100000Z" },
        { "empty-summary.ics", true, "UID:empty-summary\r\nDTSTART:20260303T100000Z" },
        { "overrides.ics", true, "UID:overrides\r\nDTSTART:20260303T100000Z\r\nRRULE:FREQ=DAILY;COUNT=5\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:overrides\r\nRECURRENCE-ID:20260304T100000Z\r\nDTSTART:20260304T120000Z\r\nSUMMARY:Moved" },
        { "with-task.ics", true, "UID:with-task\r\nDTSTART:20260303T100000Z\r\nEND:VEVENT\r\nBEGIN:VTODO\r\nUID:with-task\r\nEND:VTODO\r\nBEGIN:VEVENT\r\nUID:with-task\r\nRECURRENCE-ID:20260304T100000Z\r\nDTSTART:20260304T120000Z" },
        { "bom.ics", true, "UID:bom\r\nDTSTART:20260303T100000Z" },
        { "no-uid.ics", false, "DTSTART:20260303T100000Z" },
        { "no-start.ics", false, "UID:no-start" },
        { "two-uids.ics", false, "UID:one\r\nDTSTART:20260303T100000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:two\r\nDTSTART:20260303T100000Z" },
    };

    [Theory]
    [MemberData(nameof(Resources))]
    public async Task A_resource_of_another_program_is_taken_over_or_set_aside_and_an_edit_changes_its_line_alone(string file, bool taken, string lines)
    {
        var ics = "BEGIN:VCALENDAR\r\nPRODID:-//Odd//EN\r\nVERSION:2.0\r\nX-WR-CALNAME:Odd\r\nBEGIN:VEVENT\r\n" + lines + "\r\nX-LAST:1\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        if (file == "bom.ics")
            ics = "\uFEFF" + ics;
        var (server, client, id) = await ConnectedAsync(_ => { }, (file, ics), ("task.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\nUID:todo\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"));
        var aside = (await client.GetAsync($"/v1/integrations/{id}/quarantine?texts=true").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();

        if (!taken)
        {
            var one = aside.ShouldHaveSingleItem()!;
            one.Text("href").ShouldBe(server.Url + file);
            one.Text("reason").Length.ShouldBeGreaterThan(10);
            one.Text("ics").ShouldBe(ics);
            one.Text("since").ShouldNotBeNull();
            (await client.GetAsync("/v1/events").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
            return;
        }
        // A task is well and no event: nothing is wrong with it.
        aside.ShouldBeEmpty();
        var held = (await client.GetAsync("/v1/events").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldHaveSingleItem()!;
        await client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{held.Id()}", """{"summary":"Edited"}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);

        server.Puts.ShouldBe(1);
        // The fake reads a byte order mark away.
        ics = ics.TrimStart('\uFEFF');
        var after = server.Members[file].Ics.Split("\r\n");
        ics.Split("\r\n").Except(after).Where(line => !line.StartsWith("SUMMARY", StringComparison.Ordinal)).ShouldBeEmpty();
        after.Except(ics.Split("\r\n")).Select(line => line.Split(':')[0]).ShouldBeSubsetOf(["SUMMARY", "SEQUENCE", "LAST-MODIFIED", "DTSTAMP"]);
        (await client.GetAsync($"/v1/events?from=2026-03-01T00:00:00Z&to=2026-04-01T00:00:00Z&expand=true").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task What_is_set_aside_is_listed_in_pages_and_to_its_owner_alone()
    {
        var (_, client, id) = await ConnectedAsync(_ => { }, [.. Enumerable.Range(0, 5).Select(n => ($"{n}.ics", "no calendar at all"))]);
        var first = await client.GetAsync($"/v1/integrations/{id}/quarantine?limit=3").ShouldBeAsync(HttpStatusCode.OK);
        var second = await client.GetAsync($"/v1/integrations/{id}/quarantine?limit=3&after={first.Text("next")}").ShouldBeAsync(HttpStatusCode.OK);

        first["items"]!.AsArray().Concat(second["items"]!.AsArray()).Select(one => one!.Text("href")).Distinct().Count().ShouldBe(5);
        (first["items"]![0]!["ics"], second["next"]).ShouldBe((null, null));
        await synced.App.As("stranger").GetAsync($"/v1/integrations/{id}/quarantine").ShouldBeProblemAsync(404, "not_found");
        await client.GetAsync($"/v1/integrations/{id}/quarantine?limit=0").ShouldBeProblemAsync(422, "invalid_request");
    }

    private async Task<(FakeCalendar Server, HttpClient Client, Guid Id)> ConnectedAsync(Action<FakeCalendar> with, params (string Name, string Ics)[] members)
    {
        var name = $"odd{Interlocked.Increment(ref made)}";
        var server = new FakeCalendar(synced.Fake, $"/cal/{name}/");
        foreach (var (file, ics) in members)
        {
            server.Members[file] = ($"\"{made}-{file}\"", ics);
            server.Log.Add(file);
        }
        with(server);
        var client = synced.App.As(name);
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);
        return (server, client, id);
    }

    private static async Task EditAsync(HttpClient client, string summary, string to) => await client.SendRawAsync(
        HttpMethod.Patch, $"/v1/events/{(await client.EventAsync(summary)).Id()}", new JsonObject { ["summary"] = to }.ToJsonString()).ShouldBeAsync(HttpStatusCode.OK);
}
