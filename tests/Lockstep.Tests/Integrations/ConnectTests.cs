using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

public sealed class ConnectTests(SyncedApp synced) : IClassFixture<SyncedApp>
{
    private const string Password = "alicepw";

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Fact]
    public async Task Discovery_lists_the_calendars_of_the_account_and_stores_nothing()
    {
        await synced.Alice.MakeCalendarAsync("found", Ct, displayName: "Found one");
        await synced.Alice.MakeCalendarAsync("chores", Ct, component: "VTODO");
        var client = synced.App.As("discoverer");

        var answer = await client.PostAsync("/v1/caldav/discover", new { url = synced.Radicale.Url, username = "alice", password = Password })
            .ShouldBeAsync(HttpStatusCode.OK);

        var found = answer["calendars"]!.AsArray().Single(calendar => calendar!.Text("name") == "Found one")!;
        found.Text("href").ShouldBe(new Uri(synced.Alice.Home, "found/").AbsoluteUri);
        found.Text("color").ShouldBe("#3366CC");
        found["components"]!.AsArray().Select(name => name!.GetValue<string>()).ShouldBe(["VEVENT"]);
        found["readOnly"]!.GetValue<bool>().ShouldBeFalse();
        answer["calendars"]!.AsArray().Single(calendar => calendar!.Text("name") == "chores")!["components"]!.ToJsonString().ShouldBe("""["VTODO"]""");
        (await client.GetAsync("/v1/credentials").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task Discovery_says_what_is_wrong_and_never_repeats_the_password()
    {
        synced.Fake.Answer("/web/", _ => FakeHtml());
        synced.Fake.Answer("/.well-known/caldav", _ => FakeHtml());
        synced.Fake.Answer("/", _ => FakeHtml());
        var cases = new (string Url, string Username, int Status, string Code, string Says)[]
        {
            ("http://127.0.0.1:9/", "alice", 422, "invalid_request", "LOCKSTEP_OUTBOUND_ALLOW"),
            ("http://localhost/", "alice", 422, "invalid_request", "may not be reached from here"),
            ("ftp://example.com/", "alice", 422, "invalid_request", "https://"),
            ("https://me:secret@example.com/", "alice", 422, "invalid_request", "user name or password"),
            ("https://HOST/remote.php/dav", "alice", 422, "invalid_request", "in its place, such as cloud.example.com"),
            ("https://apidata.googleusercontent.com/caldav/v2/USER/user", "alice", 422, "invalid_request", "write your user name"),
            ("http://no-such-host.invalid/", "alice", 502, "caldav_unreachable", "Could not find no-such-host.invalid"),
            (synced.Fake.At("/web/").AbsoluteUri, "alice", 422, "not_caldav", "not with CalDAV"),
            (synced.Radicale.Url.AbsoluteUri, "nobody", 422, "caldav_unauthorized", "app password"),
        };
        var client = synced.App.As("mistaken");
        foreach (var (url, username, status, code, says) in cases)
        {
            var problem = await client.PostAsync("/v1/caldav/discover", new { url, username, password = "PasswordMarker77" })
                .ShouldBeProblemAsync(status, code);
            problem.Text("detail").ShouldContain(says);
            problem.ToJsonString().ShouldNotContain("PasswordMarker77");
        }
    }

    [Fact]
    public async Task The_password_goes_into_the_vault_and_comes_back_in_no_answer()
    {
        await synced.Alice.MakeCalendarAsync("vaulted", Ct);
        var client = synced.App.As("vaulted");

        var made = await client.ConnectAsync(synced.Radicale.Url, "/alice/vaulted/", interval: 60);

        made["hasSecret"]!.GetValue<bool>().ShouldBeTrue();
        made.Text("externalUsername").ShouldBe("alice");
        made["config"]!.Text("calendarPath").ShouldBe(new Uri(synced.Alice.Home, "vaulted/").AbsoluteUri);
        made["config"]!.AsObject().Select(member => member.Key).ShouldBe(["url", "username", "calendarPath", "selectedCalendarIds"]);
        made["syncSchedule"]!.Count("intervalSeconds").ShouldBe(60);
        made.ToJsonString().ShouldNotContain(Password);
        (await synced.App.ScalarAsync<string>("SELECT i::text FROM lockstep.integrations i WHERE id = $1", made.Id())).ShouldNotContain(Password);
        (await synced.App.ScalarAsync<string>("SELECT string_agg(l::text, '') FROM lockstep.activity_log l")).ShouldNotContain(Password);
        (await synced.App.ScalarAsync<string>("SELECT type FROM lockstep.credentials WHERE id = $1", made.Id("credentialId"))).ShouldBe("PASSWORD");
        (await synced.App.ScalarAsync<long>(
            "SELECT count(*) FROM lockstep.activity_log WHERE entity_id = $1 AND action = 'INTEGRATION_CREATED'", made.Id())).ShouldBe(1);
    }

    [Fact]
    public async Task An_account_is_connected_once_and_a_refused_one_leaves_no_credential_behind()
    {
        await synced.Alice.MakeCalendarAsync("once", Ct);
        var client = synced.App.As("once");
        await client.ConnectAsync(synced.Radicale.Url, "/alice/once/");

        await client.PostAsync("/v1/integrations", Request(synced.Radicale.Url)).ShouldBeProblemAsync(409, "integration_exists");

        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE user_id = $1", synced.App.UserId("once"))).ShouldBe(1);
    }

    [Fact]
    public async Task A_wrong_request_is_told_everything_at_once_and_unknown_members_are_refused()
    {
        var client = synced.App.As("careless");
        var problem = await client.PostAsync("/v1/integrations", new
        {
            integrationType = "fax",
            config = new { url = "http://10.0.0.1/", username = "" },
            syncSchedule = new { intervalSeconds = 14 },
        }).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key)
            .ShouldBe(["integrationType", "secret", "config.url", "config.username", "syncSchedule.intervalSeconds"], ignoreOrder: true);

        await client.SendRawAsync(HttpMethod.Post, "/v1/integrations", """{"integrationType":"caldav","config":{"url":"https://a.example","username":"u","password":"x"},"secret":"s"}""")
            .ShouldBeProblemAsync(400, "invalid_json");
        await client.SendRawAsync(HttpMethod.Post, "/v1/integrations", """{"integrationType":"caldav","label":"sk_live_abcdefgh","config":{"url":"https://a.example","username":"u"},"secret":"s"}""")
            .ShouldBeProblemAsync(422, "invalid_request");
        await client.PostAsync("/v1/integrations", new { integrationType = "caldav", config = new { url = "https://a.example", username = "u" }, credentialId = Guid.CreateVersion7() })
            .ShouldBeProblemAsync(404, "not_found");
        await client.PostAsync("/v1/integrations", new { integrationType = "caldav", config = new { url = "https://a.example", username = "u" }, vaultSecretId = Guid.CreateVersion7() })
            .ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task Another_users_integration_is_not_there()
    {
        await synced.Alice.MakeCalendarAsync("mine", Ct);
        var made = await synced.App.As("owner").ConnectAsync(synced.Radicale.Url, "/alice/mine/");
        var other = synced.App.As("stranger");
        var path = $"/v1/integrations/{made.Id()}";

        await other.GetAsync(path).ShouldBeProblemAsync(404, "not_found");
        await other.PatchAsync(made.Id(), """{"label":"x"}""").ShouldBeProblemAsync(404, "not_found");
        await other.SyncAsync(made.Id()).ShouldBeProblemAsync(404, "not_found");
        await other.GetAsync(path + "/sync-log").ShouldBeProblemAsync(404, "not_found");
        await other.PostAsync(path + "/test", new { }).ShouldBeProblemAsync(404, "not_found");
        await other.PostAsync(path + "/confirm-deletions", new { count = 3 }).ShouldBeProblemAsync(404, "not_found");
        await other.DeleteAsync(path).ShouldBeProblemAsync(404, "not_found");
        (await other.GetAsync("/v1/integrations").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
        await other.PostAsync("/v1/integrations", new { integrationType = "caldav", config = new { url = synced.Radicale.Url, username = "alice" }, credentialId = made.Id("credentialId") })
            .ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task A_new_origin_needs_the_secret_again()
    {
        await synced.Alice.MakeCalendarAsync("moving", Ct);
        var client = synced.App.As("mover");
        var made = await client.ConnectAsync(synced.Radicale.Url, "/alice/moving/");
        await client.SyncedAsync(made.Id());

        await client.PatchAsync(made.Id(), $$$"""{"config":{"url":"{{{synced.Fake.Url}}}"}}""").ShouldBeProblemAsync(422, "secret_required");
        // To name the one of before is not to give it.
        await client.PatchAsync(made.Id(), $$$"""{"config":{"url":"{{{synced.Fake.Url}}}"},"credentialId":"{{{made.Id("credentialId")}}}"}""").ShouldBeProblemAsync(422, "secret_required");
        var renamed = await client.PatchAsync(made.Id(), """{"label":"Work","syncSchedule":{"intervalSeconds":900}}""").ShouldBeAsync(HttpStatusCode.OK);
        renamed.Text("label").ShouldBe("Work");
        renamed["syncSchedule"]!.Count("intervalSeconds").ShouldBe(900);
        renamed["configVersion"]!.GetValue<int>().ShouldBe(1);

        var moved = await client.PatchAsync(made.Id(), $$$"""{"config":{"url":"{{{synced.Fake.Url}}}"},"secret":"another"}""").ShouldBeAsync(HttpStatusCode.OK);
        moved["config"]!.Text("calendarPath").ShouldBeEmpty();
        moved.Id("credentialId").ShouldNotBe(made.Id("credentialId"));
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE user_id = $1", synced.App.UserId("mover"))).ShouldBe(1);
    }

    [Fact]
    public async Task The_stored_secret_can_be_tested()
    {
        await synced.Alice.MakeCalendarAsync("tested", Ct, displayName: "Tested");
        var client = synced.App.As("tester");
        var made = await client.ConnectAsync(synced.Radicale.Url, "/alice/tested/");

        var answer = await client.PostAsync($"/v1/integrations/{made.Id()}/test", new { }).ShouldBeAsync(HttpStatusCode.OK);

        answer["calendars"]!.AsArray().ShouldContain(calendar => calendar!.Text("name") == "Tested");
    }

    [Fact]
    public async Task Deleting_takes_the_secret_and_the_events_and_leaves_the_remote_calendar()
    {
        await synced.Alice.MakeCalendarAsync("leaving", Ct);
        await synced.Alice.PutAsync("leaving/a.ics", DavProbe.Event("a@leaving", "Stays there"), Ct);
        var client = synced.App.As("leaver");
        var made = await client.ConnectAsync(synced.Radicale.Url, "/alice/leaving/");
        await client.SyncedAsync(made.Id());
        (await client.SummariesAsync()).ShouldBe(["Stays there"]);

        await client.DeleteAsync($"/v1/integrations/{made.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);

        await client.GetAsync($"/v1/integrations/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        (await client.SummariesAsync()).ShouldBeEmpty();
        (await synced.App.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE id = $1", made.Id("credentialId"))).ShouldBe(0);
        (await synced.Alice.GetAsync("leaving/a.ics", Ct)).ShouldNotBeNull();
    }

    [Fact]
    public async Task The_types_that_can_be_connected_come_with_hints()
    {
        var types = await synced.App.As("curious").GetAsync("/v1/integration-types").ShouldBeAsync(HttpStatusCode.OK);
        var caldav = types["items"]![0]!;
        caldav.Text("type").ShouldBe("caldav");
        caldav["presets"]!.AsArray().Select(preset => preset!.Text("id")).ShouldContain("icloud");
    }

    private static object Request(Uri url) =>
        new { integrationType = "caldav", config = new { url, username = "alice" }, secret = Password };

    private static Calendaring.Caldav.FakeAnswer FakeHtml() => Calendaring.Caldav.FakeAnswer.Html();
}
