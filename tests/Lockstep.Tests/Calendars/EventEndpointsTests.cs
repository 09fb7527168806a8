using System.Net;
using System.Net.Http.Json;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendars;

public sealed class EventEndpointsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task An_event_is_made_read_listed_and_deleted()
    {
        var user = app.As("life");
        var made = await user.PostAsync("/v1/events", Lunch()).ShouldBeAsync(HttpStatusCode.Created);
        made.Text("uid").ShouldNotBeEmpty();
        made["calendarId"].ShouldBeNull();
        made["start"]!.Text("dateTime").ShouldBe("2026-03-02T12:00:00+01:00");
        made["start"]!.Text("timeZone").ShouldBe("Europe/Berlin");

        var read = await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.OK);
        read.ToJsonString().ShouldBe(made.ToJsonString());
        (await List(user, "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z")).Count.ShouldBe(1);
        (await List(user, "from=2026-03-03T00:00:00Z&to=2026-03-04T00:00:00Z")).Count.ShouldBe(0);

        await user.DeleteAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
        await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        await user.DeleteAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task The_ics_is_the_whole_resource_with_its_zone()
    {
        var user = app.As("ics");
        var made = await user.PostAsync("/v1/events", Lunch()).ShouldBeAsync(HttpStatusCode.Created);

        using var answer = await user.GetAsync($"/v1/events/{made.Id()}/ics");

        answer.Content.Headers.ContentType!.ToString().ShouldBe("text/calendar; charset=utf-8");
        var text = await answer.Content.ReadAsStringAsync();
        text.ShouldStartWith("BEGIN:VCALENDAR\r\n");
        text.ShouldContain("BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n");
        text.ShouldContain("DTSTART;TZID=Europe/Berlin:20260302T120000\r\n");
        text.ShouldContain("SUMMARY:Lunch\\; or dinner\r\n");
    }

    [Fact]
    public async Task A_change_under_an_old_etag_is_refused_and_under_the_present_one_taken()
    {
        var user = app.As("etag");
        var made = await user.PostAsync("/v1/events", Lunch()).ShouldBeAsync(HttpStatusCode.Created);
        var changed = await Patch(user, made.Id(), new { summary = "Dinner" }, made.Text("etag")).ShouldBeAsync(HttpStatusCode.OK);
        changed.Text("summary").ShouldBe("Dinner");
        changed.Text("etag").ShouldNotBe(made.Text("etag"));

        await Patch(user, made.Id(), new { summary = "Breakfast" }, made.Text("etag")).ShouldBeProblemAsync(412, "precondition_failed");
        await Patch(user, made.Id(), new { summary = "Breakfast" }, "\"somebody else's\"").ShouldBeProblemAsync(412, "precondition_failed");
        using var delete = new HttpRequestMessage(HttpMethod.Delete, $"/v1/events/{made.Id()}");
        delete.Headers.IfMatch.Add(EntityTagHeaderValue.Parse(made.Text("etag")));
        await user.SendAsync(delete).ShouldBeProblemAsync(412, "precondition_failed");
        (await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("summary").ShouldBe("Dinner");
    }

    [Fact]
    public async Task Moving_the_start_keeps_the_length_and_what_is_not_given_stays()
    {
        var user = app.As("moving");
        var made = await user.PostAsync("/v1/events", Lunch()).ShouldBeAsync(HttpStatusCode.Created);

        var moved = await Patch(user, made.Id(), new { start = new { dateTime = "2026-03-05T08:00:00", timeZone = "Europe/Berlin" } }).ShouldBeAsync(HttpStatusCode.OK);

        moved["end"]!.Text("dateTime").ShouldBe("2026-03-05T09:30:00+01:00");
        moved.Text("location").ShouldBe("Canteen");
        (await Patch(user, made.Id(), new { location = (string?)null }).ShouldBeAsync(HttpStatusCode.OK))["location"].ShouldBeNull();
    }

    [Fact]
    public async Task A_weekly_event_is_expanded_at_nine_on_the_clock_across_the_change_to_summer_time()
    {
        var user = app.As("expand");
        await user.PostAsync("/v1/events", new
        {
            summary = "Stand-up",
            start = new { dateTime = "2026-03-16T09:00:00", timeZone = "Europe/Berlin" },
            end = new { dateTime = "2026-03-16T09:15:00", timeZone = "Europe/Berlin" },
            recurrence = new[] { "RRULE:FREQ=WEEKLY;BYDAY=MO", "EXDATE;TZID=Europe/Berlin:20260406T090000" },
        }).ShouldBeAsync(HttpStatusCode.Created);

        var items = await List(user, "from=2026-03-16T00:00:00Z&to=2026-04-14T00:00:00Z&expand=true");

        items.Select(item => item!["start"]!.Text("dateTime")).ShouldBe(
            ["2026-03-16T09:00:00+01:00", "2026-03-23T09:00:00+01:00", "2026-03-30T09:00:00+02:00", "2026-04-13T09:00:00+02:00"]);
        items.Select(item => item!.Text("recurrenceId")).First().ShouldBe("20260316T090000");
        (await List(user, "from=2036-03-16T00:00:00Z&to=2036-04-14T00:00:00Z")).Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_whole_day_is_the_readers_day()
    {
        var user = app.As("whole-day");
        await user.PostAsync("/v1/events", new { summary = "Holiday", start = new { date = "2026-03-02" }, end = new { date = "2026-03-03" } }).ShouldBeAsync(HttpStatusCode.Created);

        // 10:30 UTC on the 1st is half past midnight on the 2nd in Apia (UTC+13, or +14 in summer before 2021).
        (await List(user, "from=2026-03-01T11:30:00Z&to=2026-03-01T12:00:00Z&timeZone=Pacific/Apia")).Count.ShouldBe(1);
        (await List(user, "from=2026-03-01T11:30:00Z&to=2026-03-01T12:00:00Z&timeZone=America/Los_Angeles")).Count.ShouldBe(0);
        var day = (await List(user, "from=2026-03-03T07:00:00Z&to=2026-03-03T07:30:00Z&timeZone=America/Los_Angeles&expand=true")).Single()!;
        (day.Id(), day["start"]!.Text("date"), day["end"]!.Text("date"), day["allDay"]!.GetValue<bool>()).ShouldBe((day.Id(), "2026-03-02", "2026-03-03", true));
    }

    [Fact]
    public async Task Who_names_no_zone_reads_in_the_one_of_his_page_and_without_a_page_in_UTC()
    {
        var user = app.As("page-zone");
        var holiday = await user.PostAsync("/v1/events", new { summary = "Holiday", start = new { date = "2026-03-02" }, end = new { date = "2026-03-03" } }).ShouldBeAsync(HttpStatusCode.Created);
        await user.PostAsync("/v1/events", new { summary = "Floating", start = new { dateTime = "2026-03-02T09:00:00" }, end = new { dateTime = "2026-03-02T10:00:00" } }).ShouldBeAsync(HttpStatusCode.Created);
        async Task<int> At(string hour, string more = "") => (await List(user, $"from=2026-03-{hour}:30:00Z&to=2026-03-{hour}:40:00Z{more}")).Count;
        ((await At("01T22")), (await At("02T09")), (await At("02T05"))).ShouldBe((0, 2, 1));

        await user.PutAsJsonAsync("/v1/provider", new { timezone = "Asia/Dubai" }, TestContext.Current.CancellationToken).ShouldBeAsync(HttpStatusCode.OK);

        // Dubai is four hours ahead: its 2nd of March begins at 20:00 UTC, and its nine o'clock is five.
        foreach (var expand in new[] { "", "&expand=true" })
            ((await At("01T22", expand)), (await At("02T09", expand)), (await At("02T05", expand)), (await At("02T21", expand))).ShouldBe((1, 1, 2, 0));
        (await user.GetAsync($"/v1/events/{holiday.Id()}/occurrences?from=2026-03-01T22:30:00Z&to=2026-03-01T22:40:00Z").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(1);
        (await At("02T21", "&timeZone=UTC")).ShouldBe(1);

        await user.PutAsJsonAsync("/v1/provider", new { timezone = "Asia/Dubai", settings = new { workingHours = new { timezone = "Pacific/Apia", days = new[] { 1 }, start = "09:00", end = "17:00" } } }, TestContext.Current.CancellationToken).ShouldBeAsync(HttpStatusCode.OK);
        (await At("01T12")).ShouldBe(1);
    }

    [Fact]
    public async Task Pages_go_on_where_the_last_one_ended()
    {
        var user = app.As("pages");
        for (var day = 1; day <= 5; day++)
            await user.PostAsync("/v1/events", new { summary = $"Day {day}", start = new { dateTime = $"2026-05-0{day}T10:00:00Z" }, end = new { dateTime = $"2026-05-0{day}T11:00:00Z" } }).ShouldBeAsync(HttpStatusCode.Created);
        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = await user.GetAsync($"/v1/events?limit=2{(next is null ? "" : $"&after={next}")}").ShouldBeAsync(HttpStatusCode.OK);
            seen.AddRange(page["items"]!.AsArray().Select(item => item!.Text("summary")));
            next = page["next"]?.GetValue<string>();
        }
        while (next is not null);

        seen.ShouldBe(["Day 1", "Day 2", "Day 3", "Day 4", "Day 5"]);
    }

    [Theory]
    [InlineData("""{"start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"}}""", "summary")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"}}""", "end")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-01"}}""", "end")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"dateTime":"2026-03-01T10:00:00Z"}}""", "end")]
    [InlineData("""{"summary":"x","start":{"dateTime":"2026-03-01T10:00:00Z"},"end":{"dateTime":"2026-03-01T09:00:00Z"}}""", "end")]
    [InlineData("""{"summary":"x","start":{"date":"2026-02-30"},"end":{"date":"2026-03-02"}}""", "start.date")]
    [InlineData("""{"summary":"x","start":{"dateTime":"2026-03-01T10:00:00","timeZone":"Mars/Olympus"},"end":{"date":"2026-03-02"}}""", "start.timeZone")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"recurrence":["RRULE:FREQ=SOMETIMES"]}""", "recurrence[0]")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"recurrence":["RRULE:FREQ=DAILY\r\nATTENDEE:mailto:x@example.com"]}""", "recurrence[0]")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"status":"MAYBE"}""", "status")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"calendarId":"https://dav.example.com/not-mine/"}""", "calendarId")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"matterId":"01890000-0000-7000-8000-000000000000"}""", "matterId")]
    [InlineData("""{"summary":"x","start":{"date":"2026-03-01"},"end":{"date":"2026-03-02"},"workspaceId":"01890000-0000-7000-8000-000000000000"}""", "workspaceId")]
    public async Task What_cannot_be_an_event_is_refused_by_field_and_stored_nowhere(string body, string field)
    {
        var user = app.As("invalid");

        var problem = await user.SendRawAsync(HttpMethod.Post, "/v1/events", body).ShouldBeProblemAsync(422, "invalid_request");

        problem["errors"]!.AsObject().Select(error => error.Key).ShouldContain(field);
        (await List(user, "")).Count.ShouldBe(0);
    }

    [Fact]
    public async Task Unknown_members_are_refused() =>
        (await app.As("unknown").SendRawAsync(HttpMethod.Post, "/v1/events", """{"summary":"x","colour":"red"}""")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);

    [Fact]
    public async Task Events_of_another_user_are_not_there()
    {
        var made = await app.As("owner").PostAsync("/v1/events", Lunch()).ShouldBeAsync(HttpStatusCode.Created);
        var other = app.As("other");

        await other.GetAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        await other.GetAsync($"/v1/events/{made.Id()}/ics").ShouldBeProblemAsync(404, "not_found");
        await Patch(other, made.Id(), new { summary = "Mine now" }).ShouldBeProblemAsync(404, "not_found");
        await other.DeleteAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
        (await List(other, "")).Count.ShouldBe(0);
    }

    [Fact]
    public async Task An_event_of_a_workspace_is_every_members()
    {
        var (owner, member) = (app.As("team-owner"), app.As("team-member"));
        var memberId = app.UserId("team-member");
        await member.GetAsync("/v1/events").ShouldBeAsync(HttpStatusCode.OK);
        var space = await owner.PostAsync("/v1/workspaces", new { name = "Team" }).ShouldBeAsync(HttpStatusCode.Created);
        await owner.PostAsync($"/v1/workspaces/{space.Id()}/members", new { userId = memberId, role = "member" });
        var made = await owner.PostAsync("/v1/events", new
        {
            summary = "All hands",
            start = new { date = "2026-03-02" },
            end = new { date = "2026-03-03" },
            workspaceId = space.Id(),
        }).ShouldBeAsync(HttpStatusCode.Created);

        (await Patch(member, made.Id(), new { summary = "All hands, moved" }).ShouldBeAsync(HttpStatusCode.OK)).Text("summary").ShouldBe("All hands, moved");
        (await List(member, "")).Count.ShouldBe(1);
        (await List(app.As("outsider"), "")).Count.ShouldBe(0);
    }

    [Fact]
    public async Task A_matter_tells_what_happened_to_its_events()
    {
        var user = app.As("matters");
        var matter = await user.PostAsync("/v1/matters", new { title = "Smith v. Jones", reference = "2026/17" }).ShouldBeAsync(HttpStatusCode.Created);
        var body = Lunch();
        body["matterId"] = matter.Id().ToString();
        var made = await user.SendRawAsync(HttpMethod.Post, "/v1/events", body.ToJsonString()).ShouldBeAsync(HttpStatusCode.Created);
        await Patch(user, made.Id(), new { summary = "Hearing" }).ShouldBeAsync(HttpStatusCode.OK);
        await user.DeleteAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.NoContent);

        var timeline = await user.GetAsync($"/v1/matters/{matter.Id()}/timeline").ShouldBeAsync(HttpStatusCode.OK);

        timeline["items"]!.AsArray().Select(line => (line!.Text("kind"), line!.Text("summary")))
            .ShouldBe([("added", "Lunch; or dinner"), ("changed", "Hearing"), ("removed", "Hearing")]);
        (await user.GetAsync("/v1/matters").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(1);
        await app.As("other").GetAsync($"/v1/matters/{matter.Id()}/timeline").ShouldBeProblemAsync(404, "not_found");
        var foreign = Lunch();
        foreign["matterId"] = matter.Id().ToString();
        await app.As("other").SendRawAsync(HttpMethod.Post, "/v1/events", foreign.ToJsonString()).ShouldBeProblemAsync(422, "invalid_request");
    }

    [Fact]
    public async Task Who_is_removed_from_a_workspace_keeps_his_own_events_and_they_leave_its_matters()
    {
        var (owner, member) = (app.As("chief"), app.As("leaver"));
        await member.GetAsync("/v1/events?from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z").ShouldBeAsync(HttpStatusCode.OK);
        var space = (await owner.PostAsync("/v1/workspaces", new { name = "Office" }).ShouldBeAsync(HttpStatusCode.Created)).Id();
        await owner.PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("leaver"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        var matter = await owner.PostAsync("/v1/matters", new { title = "Shared", workspaceId = space }).ShouldBeAsync(HttpStatusCode.Created);
        var own = await member.PostAsync("/v1/matters", new { title = "Mine" }).ShouldBeAsync(HttpStatusCode.Created);
        var events = new List<JsonNode>();
        foreach (var of in new[] { matter, own })
        {
            var body = Lunch();
            body["matterId"] = of.Id().ToString();
            events.Add(await member.SendRawAsync(HttpMethod.Post, "/v1/events", body.ToJsonString()).ShouldBeAsync(HttpStatusCode.Created));
        }

        await owner.DeleteAsync($"/v1/workspaces/{space}/members/{app.UserId("leaver")}").ShouldBeAsync(HttpStatusCode.NoContent);

        (await member.GetAsync($"/v1/events/{events[0].Id()}").ShouldBeAsync(HttpStatusCode.OK))["matterId"].ShouldBeNull();
        (await member.GetAsync($"/v1/events/{events[1].Id()}").ShouldBeAsync(HttpStatusCode.OK)).Text("matterId").ShouldBe(own.Id().ToString());
        await Patch(member, events[0].Id(), new { summary = "Still mine" }).ShouldBeAsync(HttpStatusCode.OK);
        await member.DeleteAsync($"/v1/events/{events[0].Id()}").ShouldBeAsync(HttpStatusCode.NoContent);
    }

    [Theory]
    [InlineData("recurrence", "[null]", "recurrence[0]")]
    [InlineData("calendarId", "\"a\\u0000b\"", "calendarId")]
    public async Task What_cannot_be_kept_is_refused_with_its_place(string field, string json, string place)
    {
        var body = Lunch();
        body[field] = JsonNode.Parse(json);
        var problem = await app.As("odd").SendRawAsync(HttpMethod.Post, "/v1/events", body.ToJsonString()).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]![place].ShouldNotBeNull();
    }

    [Fact]
    public async Task Conflicts_of_an_unknown_integration_are_not_there()
    {
        await app.As("conflicts").GetAsync($"/v1/integrations/{Guid.CreateVersion7()}/conflicts").ShouldBeProblemAsync(404, "not_found");
        await app.As("conflicts").PostAsync($"/v1/conflicts/{Guid.CreateVersion7()}/restore", new { }).ShouldBeProblemAsync(404, "not_found");
    }

    private static JsonObject Lunch() => new()
    {
        ["summary"] = "Lunch; or dinner",
        ["start"] = new JsonObject { ["dateTime"] = "2026-03-02T12:00:00", ["timeZone"] = "Europe/Berlin" },
        ["end"] = new JsonObject { ["dateTime"] = "2026-03-02T13:30:00", ["timeZone"] = "Europe/Berlin" },
        ["location"] = "Canteen",
    };

    private static async Task<JsonArray> List(HttpClient client, string query) =>
        (await client.GetAsync("/v1/events?" + query).ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();

    private static Task<HttpResponseMessage> Patch(HttpClient client, Guid id, object change, string? ifMatch = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Patch, $"/v1/events/{id}") { Content = System.Net.Http.Json.JsonContent.Create(change) };
        if (ifMatch is not null)
            request.Headers.TryAddWithoutValidation("If-Match", ifMatch);
        return client.SendAsync(request);
    }
}
