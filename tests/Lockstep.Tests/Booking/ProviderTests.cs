using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

public sealed class ProviderTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    [Fact]
    public async Task Whoever_has_set_nothing_is_private_in_Dubai_without_a_slug() =>
        (await app.As("fresh").GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString()
            .ShouldBe("""{"publicSlug":null,"isPublic":false,"timezone":"Asia/Dubai","settings":{}}""");

    [Fact]
    public async Task What_is_put_is_what_is_read_and_putting_again_replaces_it()
    {
        var owner = app.As("setter");
        var put = await owner.PublishAsync("setter");
        (await owner.GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString().ShouldBe(put.ToJsonString());
        put["settings"]!["workingHours"]!.Text("start").ShouldBe("09:00");
        await owner.PutAsJsonAsync("/v1/provider", new { timezone = "Europe/Berlin" }).ShouldBeAsync(HttpStatusCode.OK);
        (await owner.GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK)).ToJsonString()
            .ShouldBe("""{"publicSlug":null,"isPublic":false,"timezone":"Europe/Berlin","settings":{}}""");
    }

    [Fact]
    public async Task One_persons_settings_are_not_anothers_and_the_deed_is_in_the_audit()
    {
        await app.As("amal").PublishAsync("amal-page");
        (await app.As("badr").GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK))["publicSlug"].ShouldBeNull();
        await app.As("badr").PublishAsync("badr-page");
        (await app.As("amal").GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK)).Text("publicSlug").ShouldBe("amal-page");
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.activity_log WHERE action = 'PROVIDER_SET' AND user_id = $1", app.UserId("amal"))).ShouldBe(1);
    }

    [Fact]
    public async Task A_slug_belongs_to_one_person_public_or_not()
    {
        await app.As("first").PutAsJsonAsync("/v1/provider", new { publicSlug = "wanted" }).ShouldBeAsync(HttpStatusCode.OK);
        await app.As("second").PutAsJsonAsync("/v1/provider", Provider.Public("wanted")).ShouldBeProblemAsync(409, "slug_taken");
        (await app.As("second").GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK))["publicSlug"].ShouldBeNull();
        await app.As("first").PutAsJsonAsync("/v1/provider", Provider.Public("wanted")).ShouldBeAsync(HttpStatusCode.OK);
    }

    [Fact]
    public async Task What_is_wrong_with_an_address_is_said_in_the_words_of_the_page()
    {
        foreach (var body in new[] { """{"isPublic":true}""", """{"publicSlug":"-edge"}""", """{"publicSlug":"admin"}""" })
        {
            using var answer = await app.As("worded").SendRawAsync(HttpMethod.Put, "/v1/provider", body);
            var said = (await answer.Content.ReadAsStringAsync());
            answer.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
            said.ShouldContain("address");
            said.ShouldNotContain("slug ", Case.Insensitive);
        }
    }

    [Theory]
    [InlineData("""{"isPublic":true,"settings":{"workingHours":{"days":[1],"start":"09:00","end":"10:00"}}}""", "publicSlug")]
    [InlineData("""{"isPublic":true,"publicSlug":"no-hours"}""", "settings.workingHours")]
    [InlineData("""{"publicSlug":"ab"}""", "publicSlug")]
    [InlineData("""{"publicSlug":"Upper"}""", "publicSlug")]
    [InlineData("""{"publicSlug":"-edge"}""", "publicSlug")]
    [InlineData("""{"publicSlug":"new\nline"}""", "publicSlug")]
    [InlineData("""{"publicSlug":"trailing\n"}""", "publicSlug")]
    [InlineData("""{"publicSlug":"admin"}""", "publicSlug")]
    [InlineData("""{"timezone":"Mars/Olympus"}""", "timezone")]
    [InlineData("""{"timezone":"UTC+4"}""", "timezone")]
    [InlineData("""{"settings":{"workingHours":{"days":[],"start":"09:00","end":"10:00"}}}""", "settings.workingHours.days")]
    [InlineData("""{"settings":{"workingHours":{"start":"09:00","end":"10:00"}}}""", "settings.workingHours.days")]
    [InlineData("""{"settings":{"workingHours":{"days":[1,8],"start":"09:00","end":"10:00"}}}""", "settings.workingHours.days[1]")]
    [InlineData("""{"settings":{"workingHours":{"days":[0],"start":"09:00","end":"10:00"}}}""", "settings.workingHours.days[0]")]
    [InlineData("""{"settings":{"workingHours":{"days":[2,2],"start":"09:00","end":"10:00"}}}""", "settings.workingHours.days")]
    [InlineData("""{"settings":{"workingHours":{"days":[1],"start":"9:00","end":"10:00"}}}""", "settings.workingHours.start")]
    [InlineData("""{"settings":{"workingHours":{"days":[1],"start":"09:00","end":"25:00"}}}""", "settings.workingHours.end")]
    [InlineData("""{"settings":{"workingHours":{"days":[1],"start":"17:00","end":"09:00"}}}""", "settings.workingHours.end")]
    [InlineData("""{"settings":{"workingHours":{"timezone":"Nowhere","days":[1],"start":"09:00","end":"10:00"}}}""", "settings.workingHours.timezone")]
    [InlineData("""{"settings":{"workingHours":{"ranges":[]}}}""", "settings.workingHours.ranges")]
    [InlineData("""{"settings":{"workingHours":{"ranges":[null]}}}""", "settings.workingHours.ranges[0].days,settings.workingHours.ranges[0].start,settings.workingHours.ranges[0].end")]
    [InlineData("""{"settings":{"workingHours":{"days":[1],"start":"09:00","end":"10:00","ranges":[{"days":[1],"start":"09:00","end":"10:00"}]}}}""", "settings.workingHours.ranges")]
    [InlineData("""{"settings":{"workingHours":{"ranges":[{"days":[1,2],"start":"09:00","end":"12:00"},{"days":[2],"start":"11:00","end":"17:00"}]}}}""", "settings.workingHours.ranges")]
    [InlineData("""{"settings":{"workingHours":{"ranges":[{"days":[1],"start":"09:00","end":"12:00"},{"days":[9],"start":"13:00","end":"17:00"}]}}}""", "settings.workingHours.ranges[1].days[0]")]
    [InlineData("""{"settings":{"slots":{"durationMinutes":4}}}""", "settings.slots.durationMinutes")]
    [InlineData("""{"settings":{"slots":{"stepMinutes":481}}}""", "settings.slots.stepMinutes")]
    [InlineData("""{"settings":{"slots":{"bufferBeforeMinutes":-1,"bufferAfterMinutes":241}}}""", "settings.slots.bufferBeforeMinutes,settings.slots.bufferAfterMinutes")]
    [InlineData("""{"settings":{"slots":{"noticeMinutes":43201}}}""", "settings.slots.noticeMinutes")]
    [InlineData("""{"settings":{"slots":{"horizonDays":0}}}""", "settings.slots.horizonDays")]
    [InlineData("""{"settings":{"calendar":{"bookingCalendarId":"https://elsewhere.example.com/c/"}}}""", "settings.calendar.bookingCalendarId")]
    [InlineData("""{"settings":{"whatsapp":{"enabled":true}}}""", "settings.whatsapp.phoneE164")]
    [InlineData("""{"settings":{"whatsapp":{"enabled":true,"phoneE164":"0501234567"}}}""", "settings.whatsapp.phoneE164")]
    [InlineData("""{"settings":{"whatsapp":{"enabled":true,"phoneE164":"+971 50 123"}}}""", "settings.whatsapp.phoneE164")]
    [InlineData("""{"settings":{"whatsapp":{"enabled":true,"phoneE164":"+971501234567","messageTemplate":"{date} {time} {name}"}}}""", "settings.whatsapp.messageTemplate")]
    [InlineData("""{"settings":{"whatsapp":{"enabled":true,"phoneE164":"+971501234567","messageTemplate":"Hello"}}}""", "settings.whatsapp.messageTemplate")]
    [InlineData("""{"settings":{"calendar":{"selectedCalendarIds":["https://elsewhere.example.com/c/"]}}}""", "settings.calendar.selectedCalendarIds[0]")]
    [InlineData("""{"settings":{"calendar":{"selectedCalendarIds":[null]}}}""", "settings.calendar.selectedCalendarIds[0]")]
    [InlineData("""{"settings":{"profile":{"name":"-----BEGIN PRIVATE KEY-----"}}}""", "settings.profile.name")]
    [InlineData("""{"settings":{"profile":{"name":"two\nlines"}}}""", "settings.profile.name")]
    public async Task What_is_wrong_is_named_by_its_path_and_nothing_is_stored(string body, string field)
    {
        var owner = app.As("clumsy");
        var problem = await owner.SendRawAsync(HttpMethod.Put, "/v1/provider", body).ShouldBeProblemAsync(422, "invalid_request");
        problem["errors"]!.AsObject().Select(error => error.Key).ShouldBe(field.Split(','));
        (await owner.GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK))["settings"]!.ToJsonString().ShouldBe("{}");
    }

    [Theory]
    [InlineData("""{"publicSlug":"x","unknown":1}""")]
    [InlineData("""{"settings":{"workingHours":{"days":["1"]}}}""")]
    [InlineData("""{"settings":{"extra":{}}}""")]
    [InlineData("""{"isPublic":"yes"}""")]
    [InlineData("""{"settings":{},"settings":{}}""")]
    public async Task What_is_not_the_JSON_of_this_call_is_refused(string body) =>
        await app.As("clumsy").SendRawAsync(HttpMethod.Put, "/v1/provider", body).ShouldBeProblemAsync(400, "invalid_json");

    [Fact]
    public async Task A_calendar_is_named_by_id_address_or_path_and_kept_as_its_address()
    {
        var (id, href) = await Mirrored("chooser");
        var owner = app.As("chooser");
        foreach (var name in new[] { id.ToString(), href, href.TrimEnd('/'), new Uri(href).AbsolutePath })
        {
            var put = await owner.PublishAsync("chooser", body => Choose(body, name));
            put["settings"]!["calendar"]!["selectedCalendarIds"]!.ToJsonString().ShouldBe($"""["{href}"]""");
        }
    }

    [Fact]
    public async Task Another_persons_calendar_is_an_unknown_one()
    {
        var (id, href) = await Mirrored("keeper");
        var stranger = app.As("stranger");
        await stranger.GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK);
        var answers = new List<string>();
        foreach (var name in new[] { id.ToString(), href, Guid.CreateVersion7().ToString() })
        {
            var body = Provider.Public("stranger");
            Choose(body, name);
            var problem = await stranger.PutAsJsonAsync("/v1/provider", body).ShouldBeProblemAsync(422, "invalid_request");
            answers.Add(problem["errors"]!.ToJsonString());
        }
        answers.Distinct().Count().ShouldBe(1);
    }

    [Fact]
    public async Task Without_a_token_nothing_is_read_or_set()
    {
        (await app.Anonymous().GetAsync("/v1/provider")).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await app.Anonymous().PutAsJsonAsync("/v1/provider", Provider.Public("nobody"))).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
    }

    private static void Choose(JsonObject body, string calendar) =>
        body["settings"]!["calendar"] = new JsonObject { ["selectedCalendarIds"] = new JsonArray(calendar) };

    private async Task<(Guid Id, string Href)> Mirrored(string subject)
    {
        await app.As(subject).GetAsync("/v1/provider").ShouldBeAsync(HttpStatusCode.OK);
        return await app.MirrorAsync(subject, 1);
    }
}
