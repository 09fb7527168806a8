using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Lockstep.Tests.Booking;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>What a calendar on a real server takes from the public page, and what the page says when that server is gone.</summary>
public sealed class PageScenarioTests(TwoServers servers) : IClassFixture<TwoServers>
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    private CancellationToken Ct { get; } = TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task Once_the_server_is_dead_the_page_offers_nothing_after_the_next_poll_and_again_when_it_is_back(Dav server)
    {
        var ten = Provider.Monday.At(new LocalTime(10, 0)).InZoneStrictly(Provider.Dubai).ToInstant();
        var calendar = await servers.SyncedAsync(server, "mortal", ("a.ics", DavProbe.Event("a@mortal", "Taken", Utc(ten), Utc(ten + Duration.FromMinutes(30)))));
        var slug = await PublishAsync(calendar, "mortal", server, _ => { });
        var visitor = servers.App.Anonymous();
        string[] free = ["09:00", "09:30", "10:30", "11:00", "11:30"];
        (await visitor.TimesAsync(slug, Provider.Monday)).ShouldBe(free);

        await servers.KillAsync(server);
        calendar.Proxy.Do(_ => new Fault.CutBefore());
        (await calendar.TriedAsync())["error"].ShouldNotBeNull();

        // Of another week each time: what was read for one visitor serves others for some seconds.
        var told = await visitor.AskedAsync(slug, Provider.Monday.PlusWeeks(1));
        told["unconfirmed"]!.GetValue<bool>().ShouldBeTrue();
        told["slots"]!.AsArray().ShouldBeEmpty();

        await servers.RestartAsync(server, Ct);
        calendar.Proxy.Reset();
        await calendar.SyncedAsync();
        (await visitor.TimesAsync(slug, Provider.Monday.PlusWeeks(2))).ShouldBe(["09:00", "09:30", "10:00", "10:30", "11:00", "11:30"]);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_weekly_rule_begun_two_years_ago_takes_its_time_in_each_of_twelve_weeks_across_a_turn_of_the_clock(Dav server)
    {
        var turn = NextTurn();
        var first = turn.PlusWeeks(-6).Next(IsoDayOfWeek.Monday);
        var begun = first.PlusWeeks(-104);
        var day = LocalDatePattern.CreateWithInvariantCulture("yyyyMMdd").Format(begun);
        var calendar = await servers.SyncedAsync(server, "weekly", ("w.ics", Ics(
            $"UID:w@weekly\nDTSTART;TZID=Europe/Berlin:{day}T100000\nDTEND;TZID=Europe/Berlin:{day}T110000\nRRULE:FREQ=WEEKLY;BYDAY=MO\nSUMMARY:Weekly", BerlinRules("Europe/Berlin"))));
        var slug = await PublishAsync(calendar, "weekly", server, body =>
        {
            body["timezone"] = "Europe/Berlin";
            body["settings"]!["slots"] = new JsonObject { ["horizonDays"] = 365 };
        });

        var free = await FreeAsync(slug, first, 84, Berlin);

        foreach (var monday in Enumerable.Range(0, 12).Select(first.PlusWeeks))
        {
            free.Where(at => at.Date == monday).Select(at => at.TimeOfDay.ToString("HH:mm", CultureInfo.InvariantCulture))
                .ShouldBe(["09:00", "09:30", "11:00", "11:30"], monday.ToString());
        }
        free.Count(at => at.DayOfWeek == IsoDayOfWeek.Tuesday).ShouldBe(12 * 6);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task One_o_clock_in_Berlin_is_the_same_instant_however_the_zone_is_written(Dav server)
    {
        (string Name, string Zone)[] ways = [("iana", "Europe/Berlin"), ("windows", "W. Europe Standard Time"), ("custom", "Our office")];
        var events = new List<(string, string)>();
        foreach (var (month, utc) in new[] { (3, 12), (7, 11) })
        {
            events.Add(($"utc{month}.ics", DavProbe.Event($"utc{month}@berlin", $"utc {month}", $"20260{month}10T{utc}0000Z", $"20260{month}10T{utc + 1}0000Z")));
            events.AddRange(ways.Select(way => ($"{way.Name}{month}.ics", Ics(
                $"UID:{way.Name}{month}@berlin\nDTSTART;TZID={way.Zone}:20260{month}10T130000\nDTEND;TZID={way.Zone}:20260{month}10T140000\nSUMMARY:{way.Name} {month}", BerlinRules(way.Zone)))));
        }
        var calendar = await servers.SyncedAsync(server, "berlin", [.. events]);

        foreach (var name in ways.Select(way => way.Name).Append("utc"))
        {
            (await StartAsync(calendar, $"{name} 3")).ShouldBe(Instant.FromUtc(2026, 3, 10, 12, 0), name);
            (await StartAsync(calendar, $"{name} 7")).ShouldBe(Instant.FromUtc(2026, 7, 10, 11, 0), name);
        }
    }

    [Theory]
    [InlineData(Dav.Radicale, "Pacific/Tongatapu")]
    [InlineData(Dav.Radicale, "Pacific/Pitcairn")]
    [InlineData(Dav.Xandikos, "Pacific/Tongatapu")]
    [InlineData(Dav.Xandikos, "Pacific/Pitcairn")]
    public async Task A_whole_day_is_taken_from_midnight_to_midnight_of_its_owner_and_not_a_minute_more(Dav server, string zoneId)
    {
        var zone = DateTimeZoneProviders.Tzdb[zoneId];
        var day = Provider.Monday;
        var name = $"day{zone.GetUtcOffset(Instant.FromUtc(2026, 1, 1, 0, 0)).Seconds / 3600}".Replace('-', 'm');
        var date = LocalDatePattern.CreateWithInvariantCulture("yyyyMMdd");
        var calendar = await servers.SyncedAsync(server, name, ("d.ics", Ics(
            $"UID:d@{name}\nDTSTART;VALUE=DATE:{date.Format(day)}\nDTEND;VALUE=DATE:{date.Format(day.PlusDays(1))}\nSUMMARY:Whole day")));
        var slug = await PublishAsync(calendar, name, server, body =>
        {
            body["timezone"] = zoneId;
            body["settings"]!["workingHours"]!["start"] = "00:00";
            body["settings"]!["workingHours"]!["end"] = "24:00";
        });

        var free = await FreeAsync(slug, day.PlusDays(-1), 3, zone);

        free.ShouldNotContain(at => at.Date == day);
        free.Count(at => at.Date == day.PlusDays(-1)).ShouldBe(48);
        free.Count(at => at.Date == day.PlusDays(1)).ShouldBe(48);
    }

    [Theory]
    [InlineData(Dav.Radicale)]
    [InlineData(Dav.Xandikos)]
    public async Task A_rule_for_every_second_and_one_for_30_February_are_answered_soon_and_never_as_free(Dav server)
    {
        var never = await servers.SyncedAsync(server, "february", ("f.ics", Ics(
            "UID:f@february\nDTSTART:20200101T060000Z\nDTEND:20200101T070000Z\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30\nSUMMARY:Never")));
        var always = await servers.SyncedAsync(server, "seconds", ("s.ics", Ics(
            "UID:s@seconds\nDTSTART:20200101T000000Z\nDTEND:20200101T000001Z\nRRULE:FREQ=SECONDLY\nSUMMARY:Always")));
        var clock = Stopwatch.StartNew();

        (await servers.App.Anonymous().TimesAsync(await PublishAsync(never, "february", server, _ => { }), Provider.Monday)).Count.ShouldBe(6);
        var told = await servers.App.Anonymous().AskedAsync(await PublishAsync(always, "seconds", server, _ => { }), Provider.Monday);

        told["slots"]!.AsArray().ShouldBeEmpty();
        clock.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20));
    }

    private static async Task<string> PublishAsync(SyncedCalendar calendar, string name, Dav server, Action<JsonObject> change)
    {
        var slug = $"{name}-{server}".ToLowerInvariant();
        await calendar.Client.PublishAsync(slug, change);
        return slug;
    }

    private async Task<List<LocalDateTime>> FreeAsync(string slug, LocalDate from, int days, DateTimeZone zone)
    {
        var free = new List<LocalDateTime>();
        for (var asked = 0; asked < days; asked += 42)
        {
            var answer = await servers.App.Anonymous().GetAsync(
                $"/c/{slug}/slots?from={from.PlusDays(asked).Text()}&days={Math.Min(42, days - asked)}", Ct).ShouldBeAsync(HttpStatusCode.OK);
            answer["unconfirmed"]!.GetValue<bool>().ShouldBeFalse();
            free.AddRange(answer["slots"]!.AsArray().Select(slot => InstantPattern.ExtendedIso.Parse(slot!.Text("start")).Value.InZone(zone).LocalDateTime));
        }
        return free;
    }

    private static async Task<Instant> StartAsync(SyncedCalendar calendar, string summary) =>
        OffsetDateTimePattern.ExtendedIso.Parse((await calendar.EventAsync(summary))["start"]!.Text("dateTime")).Value.ToInstant();

    /// <summary>The day of the next turn in Berlin that has six whole weeks before it.</summary>
    private static LocalDate NextTurn()
    {
        var soonest = SystemClock.Instance.GetCurrentInstant() + Duration.FromDays(43);
        return Berlin.GetZoneInterval(soonest).End.InZone(Berlin).Date;
    }

    private static string Utc(Instant at) => InstantPattern.CreateWithInvariantCulture("yyyyMMdd'T'HHmmss'Z'").Format(at);

    private static string BerlinRules(string name) =>
        $"""
        BEGIN:VTIMEZONE
        TZID:{name}
        BEGIN:DAYLIGHT
        TZOFFSETFROM:+0100
        TZOFFSETTO:+0200
        DTSTART:19810329T020000
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
        END:DAYLIGHT
        BEGIN:STANDARD
        TZOFFSETFROM:+0200
        TZOFFSETTO:+0100
        DTSTART:19961027T030000
        RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
        END:STANDARD
        END:VTIMEZONE

        """;

    private static string Ics(string lines, string zone = "") =>
        $"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Example//Page//EN\n{zone}BEGIN:VEVENT\nDTSTAMP:20260101T000000Z\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n".ReplaceLineEndings("\r\n");
}
