using System.Net;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>Servers that refuse, fail, lie or lose things: nothing is lost here, and the owner is told.</summary>
public sealed class TroubleTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refused_password_pauses_until_another_one_is_given()
    {
        await synced.Alice.MakeCalendarAsync("locked", Ct);
        await synced.Alice.PutAsync("locked/a.ics", DavProbe.Event("a@locked", "Behind the lock"), Ct);
        var client = synced.App.As("locked");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/locked/", password: "PasswordMarker66")).Id();

        var paused = await client.UntilAsync(id, integration => integration["pausedReason"] is not null);

        paused.Text("pausedReason").ShouldBe("unauthorized");
        paused.Text("status").ShouldBe("error");
        paused["nextSyncAt"].ShouldBeNull("nothing is tried before there is another password");
        paused.Text("lastSyncError").ShouldBe(
            "Could not sign in to 127.0.0.1: it refused the user name or password. Apple and Fastmail need an app password.");
        var problem = await client.SyncAsync(id).ShouldBeProblemAsync(409, "integration_paused");
        problem.AsObject().ContainsKey("retryAt").ShouldBeTrue();
        problem.Text("detail").ShouldContain("PATCH this integration");
        (problem.ToJsonString() + paused.ToJsonString()).ShouldNotContain("PasswordMarker66");

        await client.PatchAsync(id, """{"secret":"alicepw"}""").ShouldBeAsync(HttpStatusCode.OK);
        await client.UntilAsync(id, integration => integration["lastSyncAt"] is not null && integration.Text("status") == "active");
        (await client.SummariesAsync()).ShouldBe(["Behind the lock"]);
    }

    [Fact]
    public async Task A_revoked_credential_stops_the_sync_and_a_rotated_one_is_used_at_once()
    {
        await synced.Alice.MakeCalendarAsync("rotated", Ct);
        var client = synced.App.As("rotator");
        var credential = (await client.PostAsync("/v1/credentials", new { name = "cal", provider = "caldav", type = "PASSWORD", value = "wrong" })
            .ShouldBeAsync(HttpStatusCode.Created)).Id();
        var made = await client.PostAsync("/v1/integrations", new
        {
            integrationType = "caldav",
            config = new { url = synced.Radicale.Url, username = "alice", calendarPath = "/alice/rotated/" },
            credentialId = credential,
        }).ShouldBeAsync(HttpStatusCode.Created);
        await client.UntilAsync(made.Id(), integration => integration["pausedReason"]?.GetValue<string>() == "unauthorized");

        await client.PostAsync($"/v1/credentials/{credential}/rotate", new { value = "alicepw" }).ShouldBeAsync(HttpStatusCode.OK);
        await client.UntilAsync(made.Id(), integration => integration.Text("status") == "active" && integration["lastSyncAt"] is not null);
        await client.PostAsync($"/v1/credentials/{credential}/revoke", new { }).ShouldBeAsync(HttpStatusCode.OK);

        (await client.IntegrationAsync(made.Id())).Text("pausedReason").ShouldBe("credential_revoked");
        await client.SyncAsync(made.Id()).ShouldBeProblemAsync(409, "integration_paused");
        await client.DeleteAsync($"/v1/integrations/{made.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE id = $1", credential)).ShouldBe(1);
    }

    [Fact]
    public async Task A_calendar_that_cannot_be_read_deletes_nothing_and_is_marked()
    {
        var broken = new Func<string, FakeAnswer>[]
        {
            _ => FakeAnswer.Html(), _ => FakeAnswer.Html(404), _ => FakeAnswer.Empty(403), _ => FakeAnswer.Empty(500), _ => FakeAnswer.Empty(404),
        };
        var server = new FakeCalendar(synced.Fake, "/cal/broken/");
        server.Members["a.ics"] = ("\"1\"", DavProbe.Event("a@broken", "Kept"));
        var client = synced.App.As("broken");
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);
        (await client.SummariesAsync()).ShouldBe(["Kept"]);

        foreach (var answer in broken)
        {
            server.Instead = answer;
            var entry = await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);
            entry["error"].ShouldNotBeNull();
            (await client.SummariesAsync()).ShouldBe(["Kept"]);
            var integration = await client.IntegrationAsync(id);
            integration.Text("status").ShouldBe("error");
            integration.Text("lastSyncError").ShouldContain("127.0.0.1");
            integration["calendars"]![0]!["unreadableSince"].ShouldNotBeNull();
        }

        server.Instead = null;
        await client.SyncedAsync(id);
        (await client.IntegrationAsync(id))["calendars"]![0]!["unreadableSince"].ShouldBeNull();
    }

    [Fact]
    public async Task A_throttling_server_is_left_alone_for_as_long_as_it_asks()
    {
        var server = new FakeCalendar(synced.Fake, "/cal/busy/");
        var client = synced.App.As("throttled");
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);
        server.Instead = _ => FakeAnswer.Empty(429, ("Retry-After", "7200"));
        (await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK)).Text("errorCode").ShouldBe("caldav_throttled");
        var seen = synced.Fake.To(server.Path).Count();

        var problem = await client.SyncAsync(id).ShouldBeProblemAsync(429, "integration_throttled");

        DateTimeOffset.Parse(problem.Text("retryAt"), System.Globalization.CultureInfo.InvariantCulture)
            .ShouldBeGreaterThan(DateTimeOffset.Parse((await client.IntegrationAsync(id)).Text("updatedAt"), System.Globalization.CultureInfo.InvariantCulture).AddMinutes(110));
        synced.Fake.To(server.Path).Count().ShouldBe(seen);
    }

    [Fact]
    public async Task So_many_deletions_at_once_wait_for_a_confirmation()
    {
        await synced.Alice.MakeCalendarAsync("emptied", Ct);
        for (var i = 0; i < 12; i++)
            await synced.Alice.PutAsync($"emptied/{i}.ics", DavProbe.Event($"{i}@emptied", $"E{i:00}"), Ct);
        var client = synced.App.As("emptied");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/emptied/")).Id();
        await client.SyncedAsync(id);
        for (var i = 0; i < 11; i++)
            await synced.Alice.DeleteAsync($"emptied/{i}.ics", Ct);

        var entry = await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);

        entry.Text("errorCode").ShouldBe("mass_delete");
        entry.Text("error").ShouldContain("11 of 12 events");
        (await client.SummariesAsync()).Length.ShouldBe(12);
        await client.SyncAsync(id).ShouldBeProblemAsync(409, "integration_paused");
        await client.PostAsync($"/v1/integrations/{id}/confirm-deletions", new { count = 0 }).ShouldBeProblemAsync(422, "invalid_request");
        await client.PostAsync($"/v1/integrations/{id}/confirm-deletions", new { count = 11 }).ShouldBeAsync(HttpStatusCode.OK);
        await client.UntilAsync(id, integration => integration.Text("status") == "active");
        (await client.SummariesAsync()).ShouldBe(["E11"]);
        await client.PostAsync($"/v1/integrations/{id}/confirm-deletions", new { count = 11 }).ShouldBeProblemAsync(409, "nothing_to_confirm");
    }

    [Fact]
    public async Task The_guard_holds_in_the_other_direction_too()
    {
        await synced.Alice.MakeCalendarAsync("guarded", Ct);
        for (var i = 0; i < 11; i++)
            await synced.Alice.PutAsync($"guarded/{i}.ics", DavProbe.Event($"{i}@guarded", $"G{i:00}"), Ct);
        var client = synced.App.As("guarded");
        var id = (await client.ConnectAsync(synced.Radicale.Url, "/alice/guarded/")).Id();
        await client.SyncedAsync(id);
        foreach (var summary in await client.SummariesAsync())
            await client.DeleteAsync($"/v1/events/{(await client.EventAsync(summary)).Id()}").ShouldBeAsync(HttpStatusCode.NoContent);

        (await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK)).Text("errorCode").ShouldBe("mass_delete");
        (await synced.Alice.ListAsync("guarded", Ct)).Count.ShouldBe(11);

        await client.PostAsync($"/v1/integrations/{id}/confirm-deletions", new { count = 11 }).ShouldBeAsync(HttpStatusCode.OK);
        await client.UntilAsync(id, integration => integration.Text("status") == "active");
        (await synced.Alice.ListAsync("guarded", Ct)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_phantom_deletion_deletes_nothing()
    {
        var server = new FakeCalendar(synced.Fake, "/cal/phantom/");
        server.Members["a.ics"] = ("\"1\"", DavProbe.Event("a@phantom", "Still there"));
        server.Members["b.ics"] = ("\"1\"", DavProbe.Event("b@phantom", "Really gone"));
        var client = synced.App.As("phantom");
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);

        server.Hidden.Add("a.ics");
        server.Members.Remove("b.ics");
        await client.SyncedAsync(id);

        (await client.SummariesAsync()).ShouldBe(["Still there"]);
    }

    [Fact]
    public async Task A_write_whose_answer_was_lost_is_recognised_and_not_doubled()
    {
        var server = new FakeCalendar(synced.Fake, "/cal/lost/");
        var client = synced.App.As("loser");
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);
        server.LoseAnswerOfNextPut = true;
        server.Serve($"{(await client.MakeEventAsync("Written twice?")).Id()}.ics");

        // Either this run loses the answer, or the one that follows an edit by itself was sooner.
        await client.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        (await client.GetAsync($"/v1/integrations/{id}/sync-log").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray()
            .Count(run => run!["error"] is not null).ShouldBe(1);
        server.Members.Count.ShouldBe(1);
        await client.SyncedAsync(id);
        (await client.SyncedAsync(id)).Count("itemsPushed").ShouldBe(0);

        server.Members.Count.ShouldBe(1);
        server.Puts.ShouldBe(1);
        (await client.SummariesAsync()).ShouldBe(["Written twice?"]);
        (await client.GetAsync($"/v1/integrations/{id}/conflicts").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task An_idle_poll_is_one_request()
    {
        var server = new FakeCalendar(synced.Fake, "/cal/quiet/");
        server.Members["a.ics"] = ("\"1\"", DavProbe.Event("a@quiet", "A"));
        var client = synced.App.As("quiet");
        var id = (await client.ConnectAsync(server.Url, server.Path)).Id();
        await client.SyncedAsync(id);
        var before = synced.Fake.To(server.Path).Count();

        for (var cycle = 0; cycle < 10; cycle++)
            await client.SyncedAsync(id);

        synced.Fake.To(server.Path).Skip(before).Select(request => request.Method).ShouldBe(Enumerable.Repeat("PROPFIND", 10));
    }
}
