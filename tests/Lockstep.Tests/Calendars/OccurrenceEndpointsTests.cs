using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendars;

public sealed class OccurrenceEndpointsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Window = "from=2026-03-01T00:00:00Z&to=2026-05-01T00:00:00Z";

    [Fact]
    public async Task One_occurrence_is_changed_and_the_others_stay()
    {
        var user = app.As("one");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=5");
        var path = $"/v1/events/{made.Id()}/occurrences/20260330T090000";

        var changed = await user.SendAsync("PATCH", path, new { summary = "Longer", start = At("2026-03-30T14:00:00"), end = At("2026-03-30T16:00:00") }, made.Text("etag"))
            .ShouldBeAsync(HttpStatusCode.OK);

        (changed.Text("summary"), changed.Text("recurrenceId"), changed["start"]!.Text("dateTime")).ShouldBe(("Longer", "20260330T090000", "2026-03-30T14:00:00+02:00"));
        changed.Text("etag").ShouldNotBe(made.Text("etag"));
        (await Starts(user, made.Id())).ShouldBe(["2026-03-16T09:00:00+01:00", "2026-03-23T09:00:00+01:00", "2026-03-30T14:00:00+02:00", "2026-04-06T09:00:00+02:00", "2026-04-13T09:00:00+02:00"]);
        // The same one again, named by instant, with words alone: its new time stays.
        var again = await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260330T070000Z", new { location = "Room 2" }).ShouldBeAsync(HttpStatusCode.OK);
        (again.Text("summary"), again.Text("location"), again["end"]!.Text("dateTime")).ShouldBe(("Longer", "Room 2", "2026-03-30T16:00:00+02:00"));
        var ics = await user.GetStringAsync($"/v1/events/{made.Id()}/ics");
        ics.Split("BEGIN:VEVENT").Length.ShouldBe(3);
        ics.ShouldContain("RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\r\n");
        (await user.GetAsync(path).ShouldBeAsync(HttpStatusCode.OK)).Text("location").ShouldBe("Room 2");
    }

    [Fact]
    public async Task A_change_that_changes_nothing_makes_no_override()
    {
        var user = app.As("nothing");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=5");
        var same = await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260330T090000", new { summary = "Stand-up" }).ShouldBeAsync(HttpStatusCode.OK);
        same.Text("etag").ShouldBe(made.Text("etag"));
    }

    [Fact]
    public async Task One_occurrence_is_taken_out_and_the_last_one_takes_the_event_along()
    {
        var user = app.As("out");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=2");
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260316T090000", new { summary = "Special" }).ShouldBeAsync(HttpStatusCode.OK);

        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260316T090000").ShouldBeAsync(HttpStatusCode.NoContent);

        (await Starts(user, made.Id())).ShouldBe(["2026-03-23T09:00:00+01:00"]);
        (await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeAsync(HttpStatusCode.OK))["recurrence"]!.AsArray().Select(line => line!.GetValue<string>())
            .ShouldContain("EXDATE;TZID=Europe/Berlin:20260316T090000");
        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260316T090000").ShouldBeProblemAsync(404, "not_found");
        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260323T090000").ShouldBeAsync(HttpStatusCode.NoContent);
        await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
    }

    [Theory]
    [InlineData("RRULE:FREQ=WEEKLY;COUNT=5")]
    [InlineData("RRULE:FREQ=WEEKLY;UNTIL=20260413T070000Z")]
    public async Task This_and_all_that_follow_become_an_event_of_their_own(string rule)
    {
        var user = app.As($"split-{rule.Length}");
        var made = await Make(user, rule);
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260406T090000", new { summary = "Easter" }).ShouldBeAsync(HttpStatusCode.OK);

        using var answer = await user.SendAsync(
            "PATCH", $"/v1/events/{made.Id()}/occurrences/20260330T090000?range=thisAndFuture", new { start = At("2026-03-30T10:00:00"), end = At("2026-03-30T10:30:00") });

        answer.StatusCode.ShouldBe(HttpStatusCode.Created);
        var following = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        answer.Headers.Location!.ToString().ShouldBe($"/v1/events/{following.Id()}");
        following.Text("uid").ShouldNotBe(made.Text("uid"));
        (await Starts(user, made.Id())).ShouldBe(["2026-03-16T09:00:00+01:00", "2026-03-23T09:00:00+01:00"]);
        (await Starts(user, following.Id())).ShouldBe(["2026-03-30T10:00:00+02:00", "2026-04-06T10:00:00+02:00", "2026-04-13T10:00:00+02:00"]);
        var list = (await user.GetAsync($"/v1/events/{following.Id()}/occurrences?{Window}").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        list.Select(item => item!.Text("summary")).ShouldBe(["Stand-up", "Easter", "Stand-up"]);
    }

    [Fact]
    public async Task From_the_first_one_on_means_the_series()
    {
        var user = app.As("first");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=3");
        var changed = await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260316T090000?range=thisAndFuture", new { summary = "Renamed" }).ShouldBeAsync(HttpStatusCode.OK);
        (changed.Id(), changed.Text("summary")).ShouldBe((made.Id(), "Renamed"));

        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260323T090000?range=thisAndFuture").ShouldBeAsync(HttpStatusCode.NoContent);
        (await Starts(user, made.Id())).ShouldBe(["2026-03-16T09:00:00+01:00"]);
        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260316T090000?range=thisAndFuture").ShouldBeAsync(HttpStatusCode.NoContent);
        await user.GetAsync($"/v1/events/{made.Id()}").ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task Exceptions_move_along_when_the_series_moves()
    {
        var user = app.As("along");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;UNTIL=20260413T070000Z", "EXDATE;TZID=Europe/Berlin:20260323T090000");
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260330T090000", new { summary = "Special" }).ShouldBeAsync(HttpStatusCode.OK);
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260406T090000", new { start = At("2026-04-07T15:00:00"), end = At("2026-04-07T15:15:00") }).ShouldBeAsync(HttpStatusCode.OK);

        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}", new { start = At("2026-03-16T11:00:00") }).ShouldBeAsync(HttpStatusCode.OK);

        (await Starts(user, made.Id())).ShouldBe(["2026-03-16T11:00:00+01:00", "2026-03-30T11:00:00+02:00", "2026-04-07T15:00:00+02:00", "2026-04-13T11:00:00+02:00"]);
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}", new { recurrence = new[] { "RRULE:FREQ=WEEKLY;COUNT=2" } }).ShouldBeAsync(HttpStatusCode.OK);
        (await Starts(user, made.Id())).ShouldBe(["2026-03-16T11:00:00+01:00", "2026-03-23T11:00:00+01:00"]);
    }

    [Fact]
    public async Task A_series_that_names_its_days_is_not_moved_off_them_in_silence()
    {
        var user = app.As("days");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;BYDAY=MO");
        var problem = await user.SendAsync("PATCH", $"/v1/events/{made.Id()}", new { start = At("2026-03-17T09:00:00") }).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!["recurrence"].ShouldNotBeNull();
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}", new { start = At("2026-03-17T09:00:00"), recurrence = new[] { "RRULE:FREQ=WEEKLY;BYDAY=TU" } }).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Whole_day_occurrences_are_named_by_their_date()
    {
        var user = app.As("date");
        var made = await user.PostAsync("/v1/events", new { summary = "Bins", start = new { date = "2026-03-02" }, end = new { date = "2026-03-03" }, recurrence = new[] { "RRULE:FREQ=WEEKLY;COUNT=3" } }).ShouldBeAsync(HttpStatusCode.Created);
        await user.SendAsync("PATCH", $"/v1/events/{made.Id()}/occurrences/20260309", new { start = new { date = "2026-03-10" }, end = new { date = "2026-03-11" } }).ShouldBeAsync(HttpStatusCode.OK);
        await user.SendAsync("DELETE", $"/v1/events/{made.Id()}/occurrences/20260316").ShouldBeAsync(HttpStatusCode.NoContent);

        var items = (await user.GetAsync($"/v1/events/{made.Id()}/occurrences?{Window}").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray();
        items.Select(item => item!["start"]!.Text("date")).ShouldBe(["2026-03-02", "2026-03-10"]);
        items.Select(item => item!.Text("recurrenceId")).ShouldBe(["20260302", "20260309"]);
    }

    [Theory]
    [InlineData("PATCH", "20260317T090000")]
    [InlineData("PATCH", "20260316")]
    [InlineData("PATCH", "monday")]
    [InlineData("DELETE", "20260317T090000")]
    [InlineData("DELETE", "tuesday")]
    [InlineData("GET", "20260317T090000")]
    public async Task What_is_no_occurrence_is_not_there(string method, string recurrenceId)
    {
        var user = app.As("absent");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=5");
        await user.SendAsync(method, $"/v1/events/{made.Id()}/occurrences/{recurrenceId}", method == "PATCH" ? new { summary = "x" } : null).ShouldBeProblemAsync(404, "not_found");
    }

    [Fact]
    public async Task What_cannot_be_done_to_an_occurrence_is_refused_by_field()
    {
        var user = app.As("refused");
        var made = await Make(user, "RRULE:FREQ=WEEKLY;COUNT=5");
        var path = $"/v1/events/{made.Id()}/occurrences/20260330T090000";
        foreach (var (body, field) in new (object?, string)[]
        {
            (new { recurrence = new[] { "RRULE:FREQ=DAILY" } }, "recurrence"),
            (new { calendarId = "x" }, "calendarId"),
            (new { matterId = Guid.CreateVersion7() }, "matterId"),
            (new { status = "MAYBE" }, "status"),
            (new { start = new { date = "2026-03-30" } }, "end"),
            (new { end = At("2026-03-30T08:00:00") }, "end"),
            (null, "body"),
        })
            (await user.SendAsync("PATCH", path, body).ShouldBeProblemAsync(422, "invalid_request"))["errors"]![field].ShouldNotBeNull(field);
        (await user.SendAsync("PATCH", path + "?range=all", new { summary = "x" }).ShouldBeProblemAsync(422, "invalid_request"))["errors"]!["range"].ShouldNotBeNull();
        await user.SendAsync("PATCH", path, new { summary = "x" }, "\"0\"").ShouldBeProblemAsync(412, "precondition_failed");
        await user.SendAsync("DELETE", path, ifMatch: "\"0\"").ShouldBeProblemAsync(412, "precondition_failed");
        await app.As("stranger").SendAsync("PATCH", path, new { summary = "x" }).ShouldBeProblemAsync(404, "not_found");
        await app.As("stranger").SendAsync("DELETE", path).ShouldBeProblemAsync(404, "not_found");
        await app.As("stranger").GetAsync(path).ShouldBeProblemAsync(404, "not_found");
        await app.As("stranger").GetAsync($"/v1/events/{made.Id()}/occurrences?{Window}").ShouldBeProblemAsync(404, "not_found");
        (await Starts(user, made.Id())).Count.ShouldBe(5);
    }

    private static object At(string local) => new { dateTime = local, timeZone = "Europe/Berlin" };

    private static Task<JsonNode> Make(HttpClient user, params string[] recurrence) => user.PostAsync(
        "/v1/events",
        new { summary = "Stand-up", start = At("2026-03-16T09:00:00"), end = At("2026-03-16T09:15:00"), recurrence }).ShouldBeAsync(HttpStatusCode.Created);

    private static async Task<List<string>> Starts(HttpClient user, Guid id) =>
        [.. (await user.GetAsync($"/v1/events/{id}/occurrences?{Window}").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Select(item => item!["start"]!.Text("dateTime"))];
}
