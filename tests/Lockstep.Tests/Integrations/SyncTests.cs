using System.Net;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Two-way sync through the front door, against a real Radicale.</summary>
public sealed class SyncTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_first_sync_brings_every_event_at_once_after_connecting()
    {
        await synced.Alice.MakeCalendarAsync("first", Ct);
        for (var i = 0; i < 120; i++)
            await synced.Alice.PutAsync($"first/{i}.ics", DavProbe.Event($"{i}@first", $"Event {i:000}"), Ct);
        var client = synced.App.As("first");

        var made = await client.ConnectAsync(synced.Radicale.Url, "/alice/first/");
        var integration = await client.UntilAsync(made.Id(), i => i["lastSyncAt"] is not null);

        integration.Text("status").ShouldBe("active");
        (await client.SummariesAsync()).ShouldBe(Enumerable.Range(0, 120).Select(i => $"Event {i:000}"));
        var log = await client.GetAsync($"/v1/integrations/{made.Id()}/sync-log").ShouldBeAsync(HttpStatusCode.OK);
        log["items"]!.AsArray().Single()!.Count("itemsPulled").ShouldBe(120);
        integration["calendars"]![0]!["isWriteTarget"]!.GetValue<bool>().ShouldBeTrue();
        integration["calendars"]![0]!["lastReadAt"].ShouldNotBeNull();
    }

    [Fact]
    public async Task What_another_client_adds_changes_and_deletes_is_seen_after_the_next_sync()
    {
        await synced.Alice.MakeCalendarAsync("pull", Ct);
        await synced.Alice.PutAsync("pull/a.ics", DavProbe.Event("a@pull", "A"), Ct);
        await synced.Alice.PutAsync("pull/b.ics", DavProbe.Event("b@pull", "B"), Ct);
        var client = synced.App.As("puller");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/pull/")).Id();
        await client.SyncedAsync(id);

        await synced.Alice.PutAsync("pull/c.ics", DavProbe.Event("c@pull", "C"), Ct);
        await synced.Alice.PutAsync("pull/a.ics", DavProbe.Event("a@pull", "A moved"), Ct);
        await synced.Alice.DeleteAsync("pull/b.ics", Ct);
        var entry = await client.SyncedAsync(id);

        (await client.SummariesAsync()).ShouldBe(["A moved", "C"]);
        entry.Count("itemsPulled").ShouldBe(3);
        entry.Count("itemsPushed").ShouldBe(0);
        entry.Text("direction").ShouldBe("pull");
    }

    [Fact]
    public async Task What_is_made_changed_and_deleted_here_is_on_the_server_after_the_next_sync()
    {
        await synced.Alice.MakeCalendarAsync("push", Ct);
        var client = synced.App.As("pusher");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/push/")).Id();
        await client.SyncedAsync(id);

        var made = await client.MakeEventAsync("Made here");
        (await client.SyncedAsync(id)).Count("itemsPushed").ShouldBe(1);
        var name = (await synced.Alice.ListAsync("push", Ct)).ShouldHaveSingleItem();
        (await synced.Alice.GetAsync("push/" + name, Ct))!.ShouldContain("SUMMARY:Made here");

        await client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{made.Id()}", """{"summary":"Changed here"}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);
        (await synced.Alice.GetAsync("push/" + name, Ct))!.ShouldContain("SUMMARY:Changed here");

        await client.DeleteAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        await client.SyncedAsync(id);
        (await synced.Alice.ListAsync("push", Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Nothing_is_written_and_nothing_pulled_while_nothing_changes()
    {
        await synced.Alice.MakeCalendarAsync("idle", Ct);
        await synced.Alice.PutAsync("idle/a.ics", DavProbe.Event("a@idle", "A"), Ct);
        var client = synced.App.As("idler");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/idle/")).Id();
        await client.SyncedAsync(id);
        await client.MakeEventAsync("Mine");
        await client.SyncedAsync(id);
        var stored = await StoredAsync("idle");

        for (var cycle = 0; cycle < 5; cycle++)
        {
            var entry = await client.SyncedAsync(id);
            entry.Count("itemsPulled").ShouldBe(0);
            entry.Count("itemsPushed").ShouldBe(0);
        }

        (await StoredAsync("idle")).ShouldBe(stored);
        (await client.SummariesAsync()).ShouldBe(["A", "Mine"]);
    }

    [Fact]
    public async Task Edited_on_both_sides_one_wins_everywhere_and_the_other_is_kept()
    {
        await synced.Alice.MakeCalendarAsync("both", Ct);
        await synced.Alice.PutAsync("both/a.ics", DavProbe.Event("a@both", "Before"), Ct);
        var client = synced.App.As("both");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/both/")).Id();
        await client.SyncedAsync(id);

        await synced.Alice.PutAsync("both/a.ics", DavProbe.Event("a@both", "Theirs").Replace("SUMMARY", "LAST-MODIFIED:20200101T000000Z\r\nSUMMARY", StringComparison.Ordinal), Ct);
        var local = await client.EventAsync("Before");
        await client.SendRawAsync(HttpMethod.Patch, $"/v1/events/{local.Id()}", """{"summary":"Ours"}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);

        (await client.SummariesAsync()).ShouldBe(["Ours"]);
        (await synced.Alice.GetAsync("both/a.ics", Ct))!.ShouldContain("SUMMARY:Ours");
        var conflict = (await client.GetAsync($"/v1/integrations/{id}/conflicts").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldHaveSingleItem()!;
        conflict.ToJsonString().ShouldContain("Theirs");
        (await client.SyncedAsync(id)).Count("itemsPushed").ShouldBe(0);
        (await client.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
    }

    [Fact]
    public async Task Without_a_calendar_path_the_first_writable_calendar_is_taken_and_written_back()
    {
        var bob = synced.Radicale.As("bob");
        await bob.MakeCalendarAsync("chores", Ct, component: "VTODO");
        await bob.MakeCalendarAsync("events", Ct);
        await bob.PutAsync("events/a.ics", DavProbe.Event("a@bob", "Bob's"), Ct);
        var client = synced.App.As("bob");

        var made = await client.ConnectAsync(synced.Radicale.Url, username: "bob", password: "bobpw");
        await client.SyncedAsync(made.Id());

        (await client.IntegrationAsync(made.Id()))["config"]!.Text("calendarPath").ShouldBe(new Uri(bob.Home, "events/").AbsoluteUri);
        (await client.SummariesAsync()).ShouldBe(["Bob's"]);
    }

    [Fact]
    public async Task Many_calendars_are_read_and_one_is_written()
    {
        await synced.Alice.MakeCalendarAsync("team", Ct);
        await synced.Alice.MakeCalendarAsync("own", Ct);
        await synced.Alice.PutAsync("team/a.ics", DavProbe.Event("a@team", "Team's"), Ct);
        await synced.Alice.PutAsync("own/a.ics", DavProbe.Event("a@own", "Own"), Ct);
        var client = synced.App.As("many");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/own/")).Id();
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["Own"]);

        await client.PatchAsync(id, """{"config":{"selectedCalendarIds":["/alice/team/"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["Own", "Team's"]);
        var calendars = (await client.IntegrationAsync(id))["calendars"]!.AsArray();
        var team = calendars.Single(calendar => calendar!.Text("name") == "team")!;
        await client.PatchAsync(id, $$$"""{"config":{"selectedCalendarIds":["{{{team.Id()}}}"]}}""").ShouldBeAsync(HttpStatusCode.OK);
        (await client.IntegrationAsync(id))["config"]!["selectedCalendarIds"]![0]!.GetValue<string>().ShouldBe(team.Text("href"));

        await client.MakeEventAsync("To the target");
        await client.SyncedAsync(id);
        (await synced.Alice.ListAsync("own", Ct)).Count.ShouldBe(2);
        (await synced.Alice.ListAsync("team", Ct)).Count.ShouldBe(1);

        await client.PatchAsync(id, """{"config":{"selectedCalendarIds":[]}}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["Own", "To the target"]);
        (await synced.Alice.ListAsync("team", Ct)).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_calendar_of_a_workspace_is_synced_for_its_members()
    {
        await synced.Alice.MakeCalendarAsync("office", Ct);
        await synced.Alice.PutAsync("office/a.ics", DavProbe.Event("a@office", "Office"), Ct);
        var admin = synced.App.As("office-admin");
        var workspace = (await admin.PostAsync("/v1/workspaces", new { name = "Office" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        var member = synced.App.As("office-member");
        await member.GetAsync("/v1/workspaces").ShouldBeAsync(HttpStatusCode.OK);
        await admin.PostAsync($"/v1/workspaces/{workspace}/members", new { userId = synced.App.UserId("office-member"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var request = new { integrationType = "caldav", workspaceId = workspace, config = new { url = synced.Radicale.Url, username = "alice", calendarPath = "/alice/office/" }, secret = "alicepw" };

        await member.PostAsync("/v1/integrations", request).ShouldBeProblemAsync(404, "not_found");
        var id = (await admin.PostAsync("/v1/integrations", request).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await admin.SyncedAsync(id);

        (await member.SummariesAsync()).ShouldBe(["Office"]);
        (await member.IntegrationAsync(id)).Id("workspaceId").ShouldBe(workspace);
        await member.SyncAsync(id).ShouldBeProblemAsync(403, "admin_required");
        await member.PatchAsync(id, """{"label":"Mine"}""").ShouldBeProblemAsync(403, "admin_required");
        await member.DeleteAsync($"/v1/integrations/{id}").ShouldBeProblemAsync(403, "admin_required");
        (await member.SummariesAsync()).ShouldBe(["Office"]);
    }

    private async Task<string[]> StoredAsync(string calendar)
    {
        var texts = new List<string>();
        foreach (var name in await synced.Alice.ListAsync(calendar, Ct))
            texts.Add((await synced.Alice.GetAsync($"{calendar}/{name}", Ct))!);
        return [.. texts];
    }
}
