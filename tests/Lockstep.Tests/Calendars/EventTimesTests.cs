using System.Net;
using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Calendars;
using Lockstep.Server.Http;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;
using EventFacts = Lockstep.Server.Calendars.EventFacts;

namespace Lockstep.Tests.Calendars;

public sealed class EventTimesTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly string[] Zones =
    [
        "UTC", "Europe/Berlin", "America/New_York", "Africa/Monrovia", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
        "Africa/Casablanca", "Asia/Dubai", "Europe/Dublin", "Antarctica/Troll", "Asia/Kolkata", "Africa/Nairobi",
    ];

    [Fact]
    public void Times_of_the_past_and_the_next_hundred_years_read_back_as_they_were_written()
    {
        var random = new Random(1926);
        for (var i = 0; i < 5_000; i++)
        {
            var local = new LocalDateTime(random.Next(1926, 2127), random.Next(1, 13), random.Next(1, 29), random.Next(24), random.Next(60), random.Next(60));
            var zone = Zones[random.Next(Zones.Length)];
            var sample = $"{local} {zone}";
            var time = random.Next(4) switch
            {
                0 => new EventTime(Date: NodaTime.Text.LocalDatePattern.Iso.Format(local.Date)),
                1 => new EventTime(NodaTime.Text.LocalDateTimePattern.GeneralIso.Format(local)),
                _ => new EventTime(NodaTime.Text.LocalDateTimePattern.GeneralIso.Format(local), TimeZone: zone),
            };
            var first = time.Read("start", new())!.Value;
            var text = EventEditing.Create(new EventChange(Summary: "x", Start: first, End: first.IsDate ? first.PlusClockSeconds(86_400) : first), "u", Instant.FromUtc(2026, 1, 1, 0, 0));
            var facts = EventFacts.Read(text, out var problem).ShouldNotBeNull(problem);
            var told = EventTime.Of(facts.Start, facts.Zone, facts.StartsAt);
            var errors = new FieldErrors();
            var again = told.Read("start", errors);
            errors.Any.ShouldBeFalse(sample);
            again.ShouldBe(first, sample);
            // A reader that knows no zone by its name finds the same instant in the VTIMEZONE that goes with it.
            if (first.Form == TimeForm.Zoned)
                EventFacts.Read(text.Replace(first.TzId!, "Nowhere in particular"), out _)!.StartsAt.ShouldBe(facts.StartsAt, sample);
        }
    }

    [Theory]
    [InlineData("1926-07-01T12:00:00", "Europe/Berlin", "1926-07-01T12:00:00+01:00")]
    [InlineData("2126-07-01T12:00:00", "Europe/Berlin", "2126-07-01T12:00:00+02:00")]
    [InlineData("1960-07-01T12:00:00", "Africa/Monrovia", "1960-07-01T12:00:00")]
    [InlineData("2026-07-01T12:00:00", "W. Europe Standard Time", "2026-07-01T12:00:00+02:00")]
    [InlineData("2026-07-01T12:00:00", "eastern standard time", "2026-07-01T12:00:00-04:00")]
    [InlineData("2026-07-01T12:00:00+02:00", "America/New_York", "2026-07-01T06:00:00-04:00")]
    public async Task A_time_comes_back_with_the_offset_of_its_day(string dateTime, string zone, string expected)
    {
        var user = app.As("times");
        var time = new { dateTime, timeZone = zone };
        var made = await user.PostAsync("/v1/events", new { summary = "x", start = time, end = time }).ShouldBeAsync(HttpStatusCode.Created);
        made["start"]!.Text("dateTime").ShouldBe(expected);
        made["start"]!.Text("timeZone").ShouldBe(zone.Contains('/') ? zone : zone[0] == 'W' ? "Europe/Berlin" : "America/New_York");
        made["floating"]!.GetValue<bool>().ShouldBeFalse();
        var back = await user.PostAsync("/v1/events", new { summary = "x", start = made["start"], end = made["end"] }).ShouldBeAsync(HttpStatusCode.Created);
        back["start"]!.ToJsonString().ShouldBe(made["start"]!.ToJsonString());
    }

    [Fact]
    public async Task A_time_without_zone_is_floating_and_says_so()
    {
        var user = app.As("floating");
        var made = await user.PostAsync("/v1/events", new { summary = "Pill", start = new { dateTime = "2026-03-02T08:00:00" }, end = new { dateTime = "2026-03-02T08:05:00" } }).ShouldBeAsync(HttpStatusCode.Created);

        made["floating"]!.GetValue<bool>().ShouldBeTrue();
        (await user.GetStringAsync($"/v1/events/{made.Id()}/ics")).ShouldContain("DTSTART:20260302T080000\r\n");
        // Eight o'clock in New York is 13:00 UTC.
        (await user.GetAsync("/v1/events?from=2026-03-02T13:00:00Z&to=2026-03-02T13:01:00Z&timeZone=America/New_York").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().Count.ShouldBe(1);
        (await user.GetAsync("/v1/events?from=2026-03-02T08:00:00Z&to=2026-03-02T08:01:00Z&timeZone=America/New_York").ShouldBeAsync(HttpStatusCode.OK))["items"]!.AsArray().ShouldBeEmpty();
    }
}
