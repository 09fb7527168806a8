using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class SlotsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly string[] WholeMorning = ["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"];

    [Fact]
    public async Task Free_hours_are_offered_to_anybody()
    {
        await app.As("free").PublishAsync("free");
        var visitor = app.Anonymous();
        (await visitor.TimesAsync("free", Provider.Monday)).ShouldBe(WholeMorning);
        var answer = await visitor.GetAsync("/c/free/slots").ShouldBeAsync(HttpStatusCode.OK);
        answer.Text("timezone").ShouldBe("Asia/Dubai");
        answer.AsObject().Select(member => member.Key).ShouldBe(["timezone", "asOf", "slots", "unconfirmed"]);
        answer["slots"]![0]!.AsObject().Select(member => member.Key).ShouldBe(["start", "end"]);
        var starts = answer["slots"]!.AsArray().Select(slot => InstantPattern.ExtendedIso.Parse(slot!.Text("start")).Value).ToList();
        starts.ShouldBeInOrder();
        starts.ShouldAllBe(start => start >= InstantPattern.ExtendedIso.Parse(answer.Text("asOf")).Value);
    }

    [Fact]
    public async Task The_hours_own_zone_wins_over_the_providers()
    {
        await app.As("zoned").PublishAsync("zoned", body => body["settings"]!["workingHours"]!["timezone"] = "Europe/Berlin");
        var answer = await app.Anonymous().GetAsync($"/c/zoned/slots?from={Provider.Monday.Text()}&days=1").ShouldBeAsync(HttpStatusCode.OK);
        answer.Text("timezone").ShouldBe("Europe/Berlin");
        InstantPattern.ExtendedIso.Parse(answer["slots"]![0]!.Text("start")).Value.InZone(DateTimeZoneProviders.Tzdb["Europe/Berlin"]).Hour.ShouldBe(9);
    }

    [Fact]
    public async Task What_is_taken_is_not_offered_also_every_day_and_every_week_but_for_what_is_excepted()
    {
        var owner = app.As("busy");
        await owner.PublishAsync("busy");
        var monday = Provider.Monday;
        var visitor = app.Anonymous();
        await owner.TakeAsync("Once", monday, "10:15", "10:45");
        (await visitor.TimesAsync("busy", monday)).ShouldBe(["09:00", "09:30", "11:00", "11:30"]);

        await owner.TakeAsync("Weekly", monday, "09:00", "09:30", "RRULE:FREQ=WEEKLY;COUNT=5", $"EXDATE;TZID=Asia/Dubai:{monday.PlusDays(14):yyyyMMdd}T090000");
        (await visitor.TimesAsync("busy", monday)).ShouldBe(["09:30", "11:00", "11:30"]);
        (await visitor.TimesAsync("busy", monday.PlusDays(7))).ShouldBe(WholeMorning[1..]);
        (await visitor.TimesAsync("busy", monday.PlusDays(14))).ShouldBe(WholeMorning);
        (await visitor.TimesAsync("busy", monday.PlusDays(21))).ShouldBe(WholeMorning[1..]);

        await owner.TakeAsync("Daily", monday.PlusDays(1), "11:30", "12:30", "RRULE:FREQ=DAILY;COUNT=3");
        (await visitor.TimesAsync("busy", monday.PlusDays(1))).ShouldBe(WholeMorning[..5]);
        (await visitor.TimesAsync("busy", monday.PlusDays(3))).ShouldBe(WholeMorning[..5]);
        (await visitor.TimesAsync("busy", monday.PlusDays(4))).ShouldBe(WholeMorning);
    }

    [Fact]
    public async Task One_persons_events_take_nothing_from_anothers_page()
    {
        await app.As("left").PublishAsync("left");
        await app.As("right").PublishAsync("right");
        await app.As("left").TakeAsync("Mine", Provider.Monday, "09:00", "12:00");
        (await app.Anonymous().TimesAsync("left", Provider.Monday)).ShouldBeEmpty();
        (await app.Anonymous().TimesAsync("right", Provider.Monday)).ShouldBe(WholeMorning);
    }

    [Theory]
    [InlineData("fresh", 1.0, false, true, false)]
    [InlineData("stale", 16.0, false, true, true)]
    [InlineData("never", null, false, true, true)]
    [InlineData("failing", 1.0, true, true, true)]
    [InlineData("disabled", 600.0, false, false, false)]
    public async Task Nothing_is_called_free_by_a_calendar_that_was_not_read_lately(
        string who, double? readMinutesAgo, bool failing, bool enabled, bool unconfirmed)
    {
        await app.As(who).PublishAsync(who);
        await app.MirrorAsync(who, readMinutesAgo, failing, enabled);
        var response = await app.Anonymous().GetAsync($"/c/{who}/slots?from={Provider.Monday.Text()}&days=1");
        response.Headers.CacheControl!.NoStore.ShouldBe(unconfirmed);
        var answer = await Task.FromResult(response).ShouldBeAsync(HttpStatusCode.OK);
        answer["unconfirmed"]!.GetValue<bool>().ShouldBe(unconfirmed);
        answer["slots"]!.AsArray().Count.ShouldBe(unconfirmed ? 0 : 6);
    }

    [Fact]
    public async Task A_connected_account_that_was_never_read_leaves_the_page_unconfirmed()
    {
        await app.As("newcomer").PublishAsync("newcomer");
        await app.ScalarAsync<Guid>(
            "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, config) VALUES ($1, $2, 'caldav', 'Just connected', jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb)) RETURNING id",
            Guid.CreateVersion7(), app.UserId("newcomer"));
        (await app.Anonymous().GetAsync("/c/newcomer/slots").ShouldBeAsync(HttpStatusCode.OK))["unconfirmed"]!.GetValue<bool>().ShouldBeTrue();
    }

    [Fact]
    public async Task Only_the_selected_calendars_must_be_fresh_and_one_that_is_gone_is_not_free()
    {
        var owner = app.As("picky");
        await owner.PublishAsync("picky");
        await app.MirrorAsync("picky", 600);
        var (id, _) = await app.MirrorAsync("picky", 1);
        await owner.PublishAsync("picky", body => body["settings"]!["calendar"] = new JsonObject { ["selectedCalendarIds"] = new JsonArray(id.ToString()) });
        (await app.Anonymous().TimesAsync("picky", Provider.Monday)).ShouldBe(WholeMorning);
        await app.ScalarAsync<Guid>("DELETE FROM lockstep.calendars WHERE id = $1 RETURNING id", id);
        (await app.Anonymous().GetAsync("/c/picky/slots").ShouldBeAsync(HttpStatusCode.OK))["unconfirmed"]!.GetValue<bool>().ShouldBeTrue();
    }

    [Fact]
    public async Task A_calendar_that_is_too_much_work_is_told_to_be_unconfirmed_soon_and_to_many_at_once()
    {
        var owner = app.As("flooded");
        await owner.PublishAsync("flooded");
        for (var i = 0; i < 20; i++)
            await owner.TakeAsync("Hostile", Provider.Monday, "09:00", "09:01", "RRULE:FREQ=SECONDLY");
        var visitor = app.Anonymous();
        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            visitor.GetAsync($"/c/flooded/slots?days=60&duration={30 + (i % 4)}").ShouldBeAsync(HttpStatusCode.OK)));
        answers.Select(answer => (answer["unconfirmed"]!.GetValue<bool>(), answer["slots"]!.AsArray().Count)).Distinct().ShouldBe([(true, 0)]);
        answers.Select(answer => answer.Text("asOf")).Distinct().Count().ShouldBeInRange(1, 4);
        var day = Provider.Monday.Text();
        await owner.GetAsync($"/v1/events?expand=true&from={day}T00:00:00Z&to={Provider.Monday.PlusDays(60).Text()}T00:00:00Z").ShouldBeProblemAsync(422, "invalid_request");
    }

    [Theory]
    [InlineData("days=61", "days")]
    [InlineData("days=0", "days")]
    [InlineData("days=x", "days")]
    [InlineData("duration=4", "duration")]
    [InlineData("duration=481", "duration")]
    [InlineData("duration=30.5", "duration")]
    [InlineData("from=yesterday", "from")]
    [InlineData("from=9999-12-31", "from")]
    [InlineData("from=0001-01-01", "from")]
    public async Task What_cannot_be_asked_is_named_whether_or_not_the_page_is_there(string query, string field)
    {
        await app.As("asked").PublishAsync("asked");
        foreach (var slug in new[] { "asked", "nobody-here" })
            (await app.Anonymous().GetAsync($"/c/{slug}/slots?{query}").ShouldBeProblemAsync(422, "invalid_request"))["errors"]![field].ShouldNotBeNull();
    }

    [Fact]
    public async Task Length_and_start_are_the_visitors_choice()
    {
        await app.As("lengthy").PublishAsync("lengthy");
        var day = Provider.Monday.Text();
        var hours = await app.Anonymous().GetAsync($"/c/lengthy/slots?from={day}&days=1&duration=60").ShouldBeAsync(HttpStatusCode.OK);
        hours["slots"]!.AsArray().Count.ShouldBe(3);
        var later = await app.Anonymous().GetAsync($"/c/lengthy/slots?from={day}T11:00:00%2B04:00&days=1").ShouldBeAsync(HttpStatusCode.OK);
        later["slots"]!.AsArray().Count.ShouldBe(2);
    }

    [Fact]
    public async Task An_unknown_slug_and_one_that_is_not_public_answer_with_the_same_bytes()
    {
        await app.As("shy").PublishAsync("shy", body => body["isPublic"] = false);
        foreach (var path in new[] { "/c/{0}", "/c/{0}/slots" })
        {
            var answers = new List<string>();
            foreach (var slug in new[] { "shy", "nobody", "SHY", "a%FFb", "%27--" })
            {
                using var response = await app.Anonymous().GetAsync(string.Format(null, path, slug));
                response.StatusCode.ShouldBe(HttpStatusCode.NotFound);
                // The trace id is the request's own.
                var body = Regex.Replace(await response.Content.ReadAsStringAsync(), "\"traceId\":\"[0-9a-f-]*\"", "");
                answers.Add($"{string.Join('\n', response.Headers.Where(header => header.Key != "Date"))}\n{response.Content.Headers.ContentType}\n{body}");
            }
            answers.Distinct().Count().ShouldBe(1, string.Join("\n---\n", answers.Distinct()));
        }
    }

    [Fact]
    public async Task Nothing_of_the_owners_events_or_calendars_shows()
    {
        var owner = app.As("discreet");
        await owner.PublishAsync("discreet");
        await app.MirrorAsync("discreet", 1);
        await owner.TakeAsync("Secret surgery", Provider.Monday, "09:00", "09:30", "RRULE:FREQ=DAILY;COUNT=60");
        foreach (var path in new[] { "/c/discreet", $"/c/discreet?day={Provider.Monday.Text()}", "/c/discreet/slots?days=60" })
        {
            using var response = await app.Anonymous().GetAsync(path);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            var text = await response.Content.ReadAsStringAsync() + string.Join(' ', response.Headers);
            foreach (var secret in new[] { "surgery", "description", "Hidden place", "Private name", "caldav", "discreet@", app.UserId("discreet").ToString() })
                text.ShouldNotContain(secret, Case.Insensitive, path);
        }
    }
}
