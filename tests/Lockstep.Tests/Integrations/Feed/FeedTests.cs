using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Feed;

/// <summary>Calendar files that are read over HTTP: their events come, change and go, and nothing is ever written there.</summary>
public sealed class FeedTests(FeedApp world) : IClassFixture<FeedApp>
{
    private static readonly string[] Titles = ["First", "Second", "Third"];

    private readonly LockstepApp app = world.App;
    private readonly FakeCaldavServer fake = world.Fake;

    [Fact]
    public async Task Events_of_a_public_feed_come_change_and_go_and_cannot_be_edited_here()
    {
        var owner = app.As("reader");
        Serve("/public.ics", "\"1\"", File(Titles, stamp: 1));
        var id = (await ConnectAsync(owner, new { url = fake.At("/public.ics") })).Id();
        await owner.UntilAsync(id, one => one["lastSyncAt"] is not null);

        (await EventsAsync(owner)).ShouldBe(Titles);
        var calendar = (await owner.IntegrationAsync(id))["calendars"]![0]!;
        calendar["readOnly"]!.GetValue<bool>().ShouldBeTrue();
        var first = (await ListAsync(owner))[0]!;
        await owner.SendRawAsync(HttpMethod.Patch, $"/v1/events/{first.Id()}", """{"summary":"Mine"}""").ShouldBeProblemAsync(409, "calendar_read_only");

        // The same file, written anew: nothing has changed by that.
        var asked = fake.To("/public.ics").Count();
        (await owner.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);
        fake.To("/public.ics").Last().Headers["If-None-Match"].ShouldBe("\"1\"");
        fake.To("/public.ics").Count().ShouldBe(asked + 1);
        Serve("/public.ics", "\"2\"", File(Titles, stamp: 2));
        (await owner.SyncedAsync(id)).Count("itemsPulled").ShouldBe(0);

        Serve("/public.ics", "\"3\"", File(["First moved", "Second", "Fourth"], stamp: 3, uids: ["u0", "u1", "u3"]));
        (await owner.SyncedAsync(id)).Count("itemsPulled").ShouldBe(3);
        (await EventsAsync(owner)).ShouldBe(["First moved", "Second", "Fourth"]);
        (await owner.PostAsync($"/v1/integrations/{id}/test", new { }).ShouldBeAsync(HttpStatusCode.OK))["calendars"]![0]!.Text("name").ShouldBe("3 events");
        fake.Requests.Where(request => request.Target == "/public.ics").ShouldAllBe(request => request.Method == "GET");
    }

    [Fact]
    public async Task The_address_of_a_private_feed_is_a_secret_and_stands_nowhere_but_in_the_vault()
    {
        var owner = app.As("private");
        const string Path = "/calendar/ical/private-AddressMarker77/basic.ics";
        Serve(Path, "\"1\"", File(Titles, stamp: 1));
        var made = await ConnectAsync(owner, null, fake.At(Path).AbsoluteUri);
        made["config"]!["private"]!.GetValue<bool>().ShouldBeTrue();
        made["config"]!.Text("url").ShouldBe(fake.Url.AbsoluteUri);
        await owner.UntilAsync(made.Id(), one => one["lastSyncAt"] is not null);
        (await EventsAsync(owner)).ShouldBe(Titles);

        fake.Answer(Path, _ => FakeAnswer.Empty(404));
        var failed = await owner.SyncAsync(made.Id()).ShouldBeAsync(HttpStatusCode.OK);
        failed.Text("error").ShouldContain("has no feed under this address");
        (await EventsAsync(owner)).ShouldBe(Titles);
        var seen = (await owner.IntegrationAsync(made.Id())).ToJsonString() + failed.ToJsonString()
            + await app.ScalarAsync<string>("SELECT string_agg(i::text, '') || (SELECT string_agg(c::text, '') FROM lockstep.calendars c) || (SELECT string_agg(o.href, '') FROM lockstep.calendar_objects o) || (SELECT string_agg(l::text, '') FROM lockstep.activity_log l) FROM lockstep.integrations i");
        seen.ShouldNotContain("AddressMarker77");

        // Another address of the same host, and then a public one: the secret goes.
        Serve("/new-AddressMarker88.ics", "\"9\"", File(["Elsewhere"], stamp: 1));
        await owner.PatchAsync(made.Id(), new JsonObject { ["secret"] = fake.At("/new-AddressMarker88.ics").AbsoluteUri }.ToJsonString()).ShouldBeAsync(HttpStatusCode.OK);
        await owner.SyncedAsync(made.Id());
        (await EventsAsync(owner)).ShouldBe(["Elsewhere"]);
        Serve("/open.ics", "\"1\"", File(["Open"], stamp: 1));
        var open = await owner.PatchAsync(made.Id(), new JsonObject { ["config"] = new JsonObject { ["url"] = fake.At("/open.ics").AbsoluteUri } }.ToJsonString()).ShouldBeAsync(HttpStatusCode.OK);
        open["hasSecret"]!.GetValue<bool>().ShouldBeFalse();
        await owner.SyncedAsync(made.Id());
        (await EventsAsync(owner)).ShouldBe(["Open"]);
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.credentials WHERE user_id = $1", app.UserId("private"))).ShouldBe(0);
    }

    [Fact]
    public async Task What_is_no_calendar_or_is_cut_off_deletes_nothing_and_much_at_once_is_asked_about()
    {
        var owner = app.As("careful");
        var many = Enumerable.Range(0, 30).Select(i => $"Event {i:00}").ToArray();
        Serve("/many.ics", "\"1\"", File(many, stamp: 1));
        var id = (await ConnectAsync(owner, new { url = fake.At("/many.ics") })).Id();
        await owner.UntilAsync(id, one => one["lastSyncAt"] is not null);
        foreach (var (answer, code) in new (FakeAnswer Answer, string Code)[]
        {
            (FakeAnswer.Html(), "not_a_calendar"),
            (Calendar("\"5\"", File(many, stamp: 1)[..2000]), "not_a_calendar"),
            (FakeAnswer.Empty(500), "feed_server_error"),
            (FakeAnswer.Redirect("http://10.0.0.1/x.ics", 302), "address_refused"),
        })
        {
            fake.Answer("/many.ics", _ => answer);
            (await owner.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK)).Text("error").ShouldNotContain("10.0.0.1/x");
            (await owner.IntegrationAsync(id)).Text("lastSyncErrorCode").ShouldBe(code);
            (await EventsAsync(owner)).Count.ShouldBe(30);
            // The backoff is another test's.
            await app.ScalarAsync<int>("UPDATE lockstep.integrations SET failures = 0 WHERE id = $1 RETURNING 1", id);
        }
        Serve("/many.ics", "\"2\"", File(many[..3], stamp: 1));
        await owner.SyncAsync(id).ShouldBeAsync(HttpStatusCode.OK);
        (await owner.IntegrationAsync(id)).Text("pausedReason").ShouldBe("mass_delete");
        (await EventsAsync(owner)).Count.ShouldBe(30);
        await owner.PostAsync($"/v1/integrations/{id}/confirm-deletions", new { count = 27 }).ShouldBeAsync(HttpStatusCode.OK);
        await owner.UntilAsync(id, one => one["pausedReason"] is null && one["lastSyncError"] is null);
        (await EventsAsync(owner)).Count.ShouldBe(3);
    }

    [Fact]
    public void Zones_come_with_the_events_that_name_them_and_no_small_file_becomes_a_large_one()
    {
        var zone = $"BEGIN:VTIMEZONE\r\nTZID:Here\r\nCOMMENT:{new string('z', 1 << 20)}\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
        FeedFile.Read(File(":20260101T100000Z", 1000), "https://example.com/a.ics", out _).ShouldNotBeNull().Objects.Sum(one => one.Ics.Length).ShouldBeLessThan(1 << 20);
        FeedFile.Read(File(";TZID=Here:20260101T100000", 3), "https://example.com/a.ics", out _).ShouldNotBeNull().Objects.ShouldAllBe(one => one.Ics.Length > 1 << 20);
        FeedFile.Read(File(";TZID=Here:20260101T100000", 100), "https://example.com/a.ics", out var fault).ShouldBeNull();
        fault!.Code.ShouldBe("feed_too_large");

        string File(string start, int events) => $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\n{zone}"
            + string.Concat(Enumerable.Range(0, events).Select(n => $"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART{start}\r\nEND:VEVENT\r\n")) + "END:VCALENDAR\r\n";
    }

    [Fact]
    public void A_file_is_cut_by_uid_with_its_zones_and_what_has_no_uid_gets_a_lasting_one()
    {
        const string Zone = "BEGIN:VTIMEZONE\r\nTZID:Here\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";
        var text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//X//Y//EN\r\n" + Zone
            + "BEGIN:VEVENT\r\nUID:a\r\nDTSTART;TZID=Here:20260101T100000\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\n"
            + "BEGIN:VEVENT\r\nUID:a\r\nRECURRENCE-ID;TZID=Here:20260102T100000\r\nDTSTART;TZID=Here:20260102T110000\r\nEND:VEVENT\r\n"
            + "BEGIN:VEVENT\r\nDTSTART:20260105T100000Z\r\nSUMMARY:Nameless\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        var file = FeedFile.Read(text, "https://example.com/a.ics", out _).ShouldNotBeNull();
        file.Objects.Count.ShouldBe(2);
        file.Objects.ShouldAllBe(one => one.Facts != null && one.Href.StartsWith("https://example.com/a.ics#"));
        file.Objects[0].Ics.ShouldContain("TZID:Here");
        file.Objects[0].Ics.Split("BEGIN:VEVENT").Length.ShouldBe(3);
        FeedFile.Read(text, "https://example.com/a.ics", out _)!.Objects.ShouldBe(file.Objects, new SameHrefAndTag());
    }

    private static string File(string[] titles, int stamp, string[]? uids = null)
    {
        var text = new StringBuilder("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Feed//EN\r\n");
        for (var i = 0; i < titles.Length; i++)
            text.Append("BEGIN:VEVENT\r\nUID:").Append(uids?[i] ?? $"u{i}").Append("\r\nDTSTAMP:2026010").Append(stamp).Append("T000000Z\r\nDTSTART:202612")
                .Append((i % 28) + 1 < 10 ? "0" : "").Append((i % 28) + 1).Append("T1").Append(i / 28).Append("0000Z\r\nDURATION:PT1H\r\nSUMMARY:").Append(titles[i]).Append("\r\nEND:VEVENT\r\n");
        return text.Append("END:VCALENDAR\r\n").ToString();
    }

    private static FakeAnswer Calendar(string etag, string text) => new(200, Encoding.UTF8.GetBytes(text), "text/calendar; charset=utf-8", ("ETag", etag));

    private void Serve(string path, string etag, string text) => fake.Answer(path, request =>
        request.Headers.TryGetValue("If-None-Match", out var known) && known == etag ? FakeAnswer.Empty(304) : Calendar(etag, text));

    private static Task<JsonNode> ConnectAsync(HttpClient owner, object? config, string? secret = null) => owner.PostAsync(
        "/v1/integrations", new { integrationType = "ics", config, secret, syncSchedule = new { intervalSeconds = 3600 } }).ShouldBeAsync(HttpStatusCode.Created);

    private static async Task<JsonArray> ListAsync(HttpClient owner) =>
        (await owner.GetAsync("/v1/events?from=2026-12-01T00:00:00Z&to=2027-01-01T00:00:00Z&limit=200").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();

    private static async Task<List<string>> EventsAsync(HttpClient owner) => [.. (await ListAsync(owner)).Select(item => item!.Text("summary"))];

    private sealed class SameHrefAndTag : IEqualityComparer<Server.Calendars.RemoteObject>
    {
        public bool Equals(Server.Calendars.RemoteObject? x, Server.Calendars.RemoteObject? y) => x?.Href == y?.Href && x?.ETag == y?.ETag;

        public int GetHashCode(Server.Calendars.RemoteObject obj) => obj.Href.GetHashCode(StringComparison.Ordinal);
    }
}

/// <summary>The whole server beside a fake that hands out files.</summary>
public sealed class FeedApp(PostgresServer postgres) : IAsyncLifetime
{
    public LockstepApp App { get; } = new(postgres);

    public FakeCaldavServer Fake { get; } = new();

    public async ValueTask InitializeAsync()
    {
        await Fake.InitializeAsync();
        App.Allow(Fake.Url);
        await App.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await App.DisposeAsync();
        await Fake.DisposeAsync();
    }
}
