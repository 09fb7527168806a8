using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.Calendars.CalendarWorld;

namespace Lockstep.Tests.Calendars;

public sealed class BusyTimesTests(CalendarWorld world) : IClassFixture<CalendarWorld>
{
    private static readonly DateTimeZone Dubai = DateTimeZoneProviders.Tzdb["Asia/Dubai"];
    private static readonly Interval March = new(At("2026-03-01T00:00:00Z"), At("2026-04-13T00:00:00Z"));

    [Fact]
    public async Task A_weekly_event_blocks_every_week_but_the_excepted_one_across_summer_time()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, new RemoteObject("https://dav.example.com/c/w.ics", "\"1\"", Ics(
            "weekly", "Weekly", null, "RRULE:FREQ=WEEKLY\r\nEXDATE;TZID=Europe/Berlin:20260323T090000",
            "DTSTART;TZID=Europe/Berlin:20240304T090000", "DTEND;TZID=Europe/Berlin:20240304T100000"), null));

        var busy = (await Busy(user, Dubai)).Busy;

        busy.Select(b => b.Start).ShouldBe([At("2026-03-02T08:00:00Z"), At("2026-03-09T08:00:00Z"), At("2026-03-16T08:00:00Z"), At("2026-03-30T07:00:00Z"), At("2026-04-06T07:00:00Z")]);
    }

    [Fact]
    public async Task A_whole_day_is_the_owners_midnight_to_midnight()
    {
        var user = await world.NewUser();
        await world.Make(user, new EventBody { Summary = "Away", Start = new EventTime(Date: "2026-03-10"), End = new EventTime(Date: "2026-03-11") });

        (await Busy(user, DateTimeZoneProviders.Tzdb["Pacific/Tongatapu"])).Busy.ShouldBe([new Interval(At("2026-03-09T11:00:00Z"), At("2026-03-10T11:00:00Z"))]);
        (await Busy(user, DateTimeZoneProviders.Tzdb["America/Los_Angeles"])).Busy.ShouldBe([new Interval(At("2026-03-10T07:00:00Z"), At("2026-03-11T07:00:00Z"))]);
    }

    [Fact]
    public async Task Transparent_and_cancelled_events_do_not_block_and_tentative_ones_do()
    {
        var user = await world.NewUser();
        await world.Make(user, Timed("2026-03-02T09", "2026-03-02T10", transparency: "TRANSPARENT"));
        await world.Make(user, Timed("2026-03-03T09", "2026-03-03T10", status: "CANCELLED"));
        await world.Make(user, Timed("2026-03-04T09", "2026-03-04T10", status: "TENTATIVE"));

        (await Busy(user, Dubai)).Busy.ShouldBe([new Interval(At("2026-03-04T09:00:00Z"), At("2026-03-04T10:00:00Z"))]);
    }

    [Fact]
    public async Task Overlapping_events_are_merged_and_clipped_to_the_window()
    {
        var user = await world.NewUser();
        await world.Make(user, Timed("2026-02-28T09", "2026-03-02T09"));
        await world.Make(user, Timed("2026-03-02T08", "2026-03-02T12"));

        (await Busy(user, Dubai)).Busy.ShouldBe([new Interval(March.Start, At("2026-03-02T12:00:00Z"))]);
    }

    [Fact]
    public async Task An_event_that_is_too_much_work_is_unknown_not_free()
    {
        var user = await world.NewUser();
        var calendar = await world.ConnectOne(user);
        await world.Apply(user, calendar, new RemoteObject("https://dav.example.com/c/h.ics", "\"1\"", Ics(
            "hostile", "Hostile", null, "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"), null));

        var times = await Busy(user, Dubai);

        (times.Busy.Count + times.Unknown.Count).ShouldBeGreaterThan(0);
    }

    [Fact]
    public void A_hundred_hostile_events_cost_together_what_one_may_and_leave_the_whole_window_unknown()
    {
        var before = GC.GetAllocatedBytesForCurrentThread();

        var times = BusyTimes.Of(Hostile, [], March, Dubai, Ct);

        times.TooMuch.ShouldBeTrue();
        times.Unknown.ShouldBe([March]);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(100_000_000);
    }

    [Fact]
    public void A_busy_calendar_of_a_thousand_ordinary_series_is_not_too_much()
    {
        var ordinary = Enumerable.Range(0, 1_000).Select(i => Ics($"{i}", "Weekly", null, "RRULE:FREQ=WEEKLY;BYDAY=MO,WE", "DTSTART:20200106T090000Z", "DTEND:20200106T100000Z"));

        var times = BusyTimes.Of(ordinary, [], March, Dubai, Ct);

        times.TooMuch.ShouldBeFalse();
        times.Busy.Count.ShouldBe(12);
    }

    [Fact]
    public async Task Expanding_stops_within_an_event_when_nobody_waits_any_more()
    {
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        Should.Throw<OperationCanceledException>(() => BusyTimes.Of(Hostile, [], March, Dubai, gone.Token));
    }

    [Fact]
    public async Task A_calendar_tells_when_it_was_read_and_since_when_it_cannot_be()
    {
        var user = await world.NewUser();
        var (_, calendars) = await world.Connect(user, "https://dav.example.com/a/", "https://dav.example.com/b/");
        (await Busy(user, Dubai)).Calendars.ShouldAllBe(state => state.LastReadAt == null);

        await CalendarMirror.MarkRead(user, [.. calendars.Select(c => c.Id)], Ct);
        await CalendarMirror.MarkUnreadable(user, [calendars[1].Id], Ct);
        await CalendarMirror.MarkUnreadable(user, [calendars[1].Id], Ct);

        var states = (await Busy(user, Dubai)).Calendars;
        states.ShouldAllBe(state => state.LastReadAt != null);
        states.Single(state => state.UnreadableSince is not null).Id.ShouldBe(calendars[1].Id);
        await CalendarMirror.MarkRead(user, [calendars[1].Id], Ct);
        (await Busy(user, Dubai)).Calendars.ShouldAllBe(state => state.UnreadableSince == null);
    }

    [Fact]
    public async Task Only_the_chosen_calendars_block_and_events_that_are_only_here_always_do()
    {
        var user = await world.NewUser();
        await world.Make(user, Timed("2026-03-02T09", "2026-03-02T10"));
        var (_, calendars) = await world.Connect(user, "https://dav.example.com/a/", "https://dav.example.com/b/");
        await world.Apply(user, calendars[0].Id, new RemoteObject("https://dav.example.com/a/1.ics", "\"1\"", Ics("a", "A", null, "", "DTSTART:20260303T090000Z", "DTEND:20260303T100000Z"), null));
        await world.Apply(user, calendars[1].Id, new RemoteObject("https://dav.example.com/b/1.ics", "\"1\"", Ics("b", "B", null, "", "DTSTART:20260304T090000Z", "DTEND:20260304T100000Z"), null));

        (await EventStore.Busy(user, [calendars[1].Id], March, Dubai, Ct)).Busy.Select(b => b.Start).ShouldBe([At("2026-03-02T09:00:00Z"), At("2026-03-04T09:00:00Z")]);
        (await EventStore.Busy(world.Bob, [calendars[1].Id], March, Dubai, Ct)).Busy.ShouldBeEmpty();
        (await Busy(user, Dubai)).Busy.Count.ShouldBe(3);
    }

    /// <summary>Rules that look at every second and find nothing, and rules that find every second.</summary>
    private static IEnumerable<string> Hostile => Enumerable.Range(0, 100).Select(i => Ics(
        $"hostile-{i}", "Hostile", null, i % 2 == 0 ? "RRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30" : EverySecond, "DTSTART:20260302T090000Z", "DTEND:20260302T090001Z"));

    private static string EverySecond =>
        $"RRULE:FREQ=YEARLY;BYMONTH={List(1, 12)};BYMONTHDAY={List(1, 31)};BYHOUR={List(0, 24)};BYMINUTE={List(0, 60)};BYSECOND={List(0, 60)}";

    private static string List(int first, int count) => string.Join(',', Enumerable.Range(first, count));

    private static Task<BusyTimes> Busy(TenantSession user, DateTimeZone zone) => EventStore.Busy(user, null, March, zone, Ct);

    private static EventBody Timed(string start, string end, string transparency = "OPAQUE", string status = "CONFIRMED") => new()
    {
        Summary = "Timed",
        Start = new EventTime(start + ":00:00Z"),
        End = new EventTime(end + ":00:00Z"),
        Transparency = transparency,
        Status = status,
    };
}
