using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class WhyTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Every_cause_is_named_and_offered_is_what_the_page_offers()
    {
        var owner = app.As("asking");
        var monday = Provider.Monday;
        await owner.PublishAsync("asking", body => body["settings"]!["slots"] = new JsonObject { ["bufferAfterMinutes"] = 20, ["horizonDays"] = 30 });
        await owner.TakeAsync("Court", monday, "10:10", "10:40");
        (await CodesAsync(owner, $"{monday.Text()}T09:00")).ShouldBe([]);
        (await CodesAsync(owner, $"{monday.Text()}T09:30")).ShouldBe(["buffer"]);
        (await CodesAsync(owner, $"{monday.Text()}T10:00")).ShouldBe(["busy"]);
        (await CodesAsync(owner, $"{monday.Text()}T11:05")).ShouldBe(["between_slots"]);
        (await CodesAsync(owner, $"{monday.Text()}T08:00")).ShouldBe(["outside_hours"]);
        (await CodesAsync(owner, $"{monday.PlusDays(60).Text()}T09:00")).ShouldBe(["horizon"]);
        (await CodesAsync(owner, $"{monday.PlusDays(-30).Text()}T09:00")).ShouldBe(["past"]);

        var offered = await app.Anonymous().TimesAsync("asking", monday);
        for (var minute = 8 * 60; minute < 13 * 60; minute += 10)
        {
            var time = $"{minute / 60:00}:{minute % 60:00}";
            (await AskAsync(owner, $"{monday.Text()}T{time}"))["offered"]!.GetValue<bool>().ShouldBe(offered.Contains(time), time);
        }
        var answer = await AskAsync(owner, $"{monday.Text()}T10:00");
        answer["reasons"]![0]!.Text("message").ShouldBe("\"Court\" takes 10:10 to 10:40.");
        var day = answer["day"]!;
        day.Text("date").ShouldBe(monday.Text());
        day["hours"]!.AsArray().Count.ShouldBe(1);
        day["busy"]!.AsArray().Single()!.Text("summary").ShouldBe("Court");
        day["slots"]!.AsArray().Count.ShouldBe(offered.Count);
        day["bufferAfterMinutes"]!.GetValue<int>().ShouldBe(20);
    }

    [Fact]
    public async Task Notice_hidden_pages_and_days_without_hours_are_causes_too()
    {
        var owner = app.As("hidden");
        await owner.PublishAsync("hidden", body =>
        {
            body["isPublic"] = false;
            body["settings"]!["workingHours"]!["days"] = new JsonArray(1);
            body["settings"]!["slots"] = new JsonObject { ["noticeMinutes"] = 43_200, ["horizonDays"] = 200 };
        });
        (await CodesAsync(owner, $"{Provider.Monday.Text()}T09:00")).ShouldBe(["not_published", "notice"]);
        (await AskAsync(owner, $"{Provider.Monday.PlusDays(1).Text()}T09:00"))["reasons"]!.AsArray().Last()!.Text("message").ShouldBe("You have no working hours on Tuesday.");
        await app.As("unset").GetAsync("/v1/provider/why?at=2027-01-01T09:00").ShouldBeProblemAsync(409, "no_hours");
        foreach (var at in new[] { "", "?at=soon", "?at=2099-01-01T09:00" })
            await owner.GetAsync($"/v1/provider/why{at}").ShouldBeProblemAsync(422, "invalid_request");
    }

    [Fact]
    public async Task A_calendar_that_cannot_be_believed_is_named()
    {
        var owner = app.As("stale");
        await owner.PublishAsync("stale");
        await app.MirrorAsync("stale", 60);
        var reason = (await AskAsync(owner, $"{Provider.Monday.Text()}T09:00"))["reasons"]!.AsArray().Single()!;
        reason.Text("code").ShouldBe("calendar_stale");
        reason.Text("message").ShouldStartWith("\"Private name\" was last read at");
        await app.MirrorAsync("stale", 1, failing: true);
        (await CodesAsync(owner, $"{Provider.Monday.Text()}T09:00")).ShouldBe(["calendar_stale", "calendar_unreadable"], ignoreOrder: true);
    }

    [Fact]
    public async Task A_booking_and_a_rule_that_cannot_be_followed_are_told_from_events()
    {
        var owner = app.As("booked");
        await owner.TakeBookingsAsync("booked");
        using var visitor = new BookingVisitor(app.Url);
        await visitor.BookAsync("booked", BookingVisitor.At(Provider.Monday, "09:00"));
        (await CodesAsync(owner, $"{Provider.Monday.Text()}T09:00")).ShouldBe(["booked"]);
        await owner.TakeAsync("Hostile", Provider.Monday, "08:00", "08:01", "RRULE:FREQ=SECONDLY");
        (await CodesAsync(owner, $"{Provider.Monday.Text()}T10:00")).ShouldContain(code => code == "event_unreadable" || code == "too_much" || code == "busy");
    }

    private static Task<JsonNode> AskAsync(HttpClient owner, string at) => owner.GetAsync($"/v1/provider/why?at={at}").ShouldBeAsync(HttpStatusCode.OK);

    private static async Task<List<string>> CodesAsync(HttpClient owner, string at) =>
        [.. (await AskAsync(owner, at))["reasons"]!.AsArray().Select(reason => reason!.Text("code"))];
}
