using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendars;

public sealed class EventResourceEndpointsTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Calendar = "text/calendar";

    [Theory]
    [InlineData("/v1/events")]
    [InlineData("/v1/events/ics")]
    public async Task A_text_comes_out_as_it_went_in(string path)
    {
        var user = app.As("in-and-out" + path.Length);
        var text = Ics("bytes", "X-COLOUR;X-A=\"b:c\":green\r\nDESCRIPTION:Folded\r\n  line\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT15M\r\nEND:VALARM")
            .Replace("BEGIN:VEVENT", "BEGIN:VTIMEZONE\r\nTZID:Office\r\nBEGIN:STANDARD\r\nDTSTART:19700101T000000\r\nTZOFFSETFROM:+0330\r\nTZOFFSETTO:+0330\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT")
            .Replace("DTSTART:20260302T090000Z", "DTSTART;TZID=Office:20260302T090000");

        var made = await user.SendAsync("POST", path, text, type: Calendar).ShouldBeAsync(HttpStatusCode.Created);

        (made.Text("uid"), made.Text("description")).ShouldBe(("bytes", "Folded line"));
        made["start"]!.Text("dateTime").ShouldBe("2026-03-02T09:00:00+03:30");
        (await user.GetStringAsync($"/v1/events/{made.Id()}/ics")).ShouldBe(text);
    }

    [Fact]
    public async Task A_text_replaces_the_events_under_its_etag()
    {
        var user = app.As("replace");
        var made = await user.SendAsync("POST", "/v1/events", Ics("replace"), type: Calendar).ShouldBeAsync(HttpStatusCode.Created);
        var path = $"/v1/events/{made.Id()}/ics";
        var text = Ics("replace", "LOCATION:Elsewhere\r\nRRULE:FREQ=DAILY;COUNT=3");

        var changed = await user.SendAsync("PUT", path, text, made.Text("etag"), Calendar).ShouldBeAsync(HttpStatusCode.OK);

        changed.Text("location").ShouldBe("Elsewhere");
        (await user.GetStringAsync(path)).ShouldBe(text);
        await user.SendAsync("PUT", path, Ics("replace"), made.Text("etag"), Calendar).ShouldBeProblemAsync(412, "precondition_failed");
        (await user.SendAsync("PUT", path, Ics("other"), type: Calendar).ShouldBeProblemAsync(422, "invalid_request"))["errors"]!["ics"].ShouldNotBeNull();
        await app.As("stranger").SendAsync("PUT", path, text, type: Calendar).ShouldBeProblemAsync(404, "not_found");
        (await user.GetStringAsync(path)).ShouldBe(text);
    }

    [Fact]
    public async Task The_same_uid_twice_is_refused_and_names_the_event()
    {
        var user = app.As("twice");
        var made = await user.SendAsync("POST", "/v1/events", Ics("twice"), type: Calendar).ShouldBeAsync(HttpStatusCode.Created);
        (await user.SendAsync("POST", "/v1/events", Ics("twice"), type: Calendar).ShouldBeProblemAsync(409, "event_exists")).Id("eventId").ShouldBe(made.Id());
        await app.As("somebody-else").SendAsync("POST", "/v1/events", Ics("twice"), type: Calendar).ShouldBeAsync(HttpStatusCode.Created);
    }

    [Fact]
    public async Task An_invitation_loses_its_method_alone()
    {
        var user = app.As("invited");
        var made = await user.SendAsync("POST", "/v1/events", Ics("invited").Replace("VERSION:2.0\r\n", "VERSION:2.0\r\nMETHOD:REQUEST\r\n"), type: Calendar).ShouldBeAsync(HttpStatusCode.Created);
        (await user.GetStringAsync($"/v1/events/{made.Id()}/ics")).ShouldBe(Ics("invited"));
    }

    [Theory]
    [InlineData("", "no event")]
    [InlineData("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", "no event")]
    [InlineData("<html></html>", "no event")]
    [InlineData("BEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\n", "outside of a VCALENDAR")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "UID")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "DTSTART")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\nRRULE:FREQ=OFTEN\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "Line 5: RRULE")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\n", "no END")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nUID:b\r\nDTSTART:20260101T000000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "several UIDs")]
    [InlineData("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260101T000000Z\r\nSUMMARY:\0\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "NUL")]
    public async Task What_is_no_event_is_refused_with_what_is_wrong_and_stored_nowhere(string text, string says)
    {
        var user = app.As("garbage");
        var problem = await user.SendAsync("POST", "/v1/events", text, type: Calendar).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!["ics"]!.ToJsonString().ShouldContain(says);
        (await user.GetAsync("/v1/events").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }

    [Fact]
    public async Task Bytes_that_are_no_utf8_too_many_and_other_types_are_refused()
    {
        var user = app.As("bytes");
        await Send(Encoding.Latin1.GetBytes(Ics("latin", "LOCATION:Gr\u00fc\u00dfe")), Calendar).ShouldBeProblemAsync(422, "invalid_request");
        await Send(new byte[(4 * 1024 * 1024) + 2], Calendar).ShouldBeProblemAsync(413, "body_too_large");
        (await Send(Encoding.UTF8.GetBytes(Ics("plain")), "text/plain")).StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);

        Task<HttpResponseMessage> Send(byte[] bytes, string type)
        {
            var content = new ByteArrayContent(bytes);
            content.Headers.ContentType = new MediaTypeHeaderValue(type);
            // As in SendRawAsync: a refusal for the size is read, not met as a closed connection.
            return user.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/v1/events") { Content = content, Headers = { ExpectContinue = bytes.Length > 1 << 20 } });
        }
    }

    [Fact]
    public async Task An_empty_body_and_a_wrong_word_are_answered_by_field()
    {
        var user = app.As("empty");
        var empty = await user.SendRawAsync(HttpMethod.Post, "/v1/events", "").ShouldBeProblemAsync(422, "invalid_request");
        empty["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["summary", "start", "end"]);
        var wrong = await user.SendRawAsync(HttpMethod.Post, "/v1/events", """{"status":"MAYBE","transparency":"GLASS"}""").ShouldBeProblemAsync(422, "invalid_request");
        wrong["errors"]!.AsObject().Select(error => error.Key).ShouldBe(["summary", "start", "end", "status", "transparency"], ignoreOrder: true);
        (await user.SendRawAsync(HttpMethod.Post, "/v1/events", """{"status":5}""").ShouldBeProblemAsync(400, "invalid_json")).Text("detail").ShouldContain("$.status");
    }

    private static string Ics(string uid, string more = "LOCATION:Here") =>
        $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Other client//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260302T090000Z\r\nDURATION:PT1H\r\nSUMMARY:Meeting\r\n{more}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
}
