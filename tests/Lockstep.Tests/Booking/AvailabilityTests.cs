using Lockstep.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using Lockstep.Server.Booking;
using NodaTime;
using Shouldly;
using Xunit;
using Interval = NodaTime.Interval;

namespace Lockstep.Tests.Booking;

public sealed class AvailabilityTests
{
    private static readonly string[] Zones = ["Asia/Dubai", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "Pacific/Apia"];
    private static readonly IsoDayOfWeek[] Weekdays =
        [IsoDayOfWeek.Monday, IsoDayOfWeek.Tuesday, IsoDayOfWeek.Wednesday, IsoDayOfWeek.Thursday, IsoDayOfWeek.Friday];
    private static readonly IsoDayOfWeek[] EveryDay = [.. Weekdays, IsoDayOfWeek.Saturday, IsoDayOfWeek.Sunday];

    [Fact]
    public void Every_slot_is_within_the_hours_free_in_the_window_and_not_past_and_they_are_in_order() => Check.One(
        Properties.Config.WithMaxTest(300),
        Prop.ForAll(Cases.ToArbitrary(), problem =>
        {
            var slots = problem.Slots();
            foreach (var slot in slots)
            {
                (slot.End - slot.Start).ShouldBe(problem.Length);
                (slot.Start >= problem.Window.Start && slot.End <= problem.Window.End && slot.Start >= problem.Earliest).ShouldBeTrue();
                // What takes no time is in nobody's way.
                problem.Busy.ShouldNotContain(busy => busy.Duration > Duration.Zero && busy.Start < slot.End && busy.End > slot.Start);
                // By the minute, as a clock on the wall shows it; the rule is stated without the arithmetic that finds the slots.
                for (var at = slot.Start; at < slot.End; at += Duration.FromMinutes(1))
                    problem.Hours.Contain(at).ShouldBeTrue($"{at}");
            }
            for (var i = 1; i < slots.Count; i++)
                (slots[i - 1].End <= slots[i].Start).ShouldBeTrue();
        }));

    [Fact]
    public void Taking_something_never_makes_a_slot_and_takes_only_what_it_touches() => Check.One(
        Properties.Config.WithMaxTest(200),
        Prop.ForAll(Cases.ToArbitrary(), problem =>
        {
            var free = Availability.Slots(problem.Hours, SlotRules.EndToEnd(problem.Length), [], problem.Window, problem.Earliest).ToList();
            problem.Slots().ShouldBe(free.Where(slot => !problem.Busy.Any(busy => busy.Duration > Duration.Zero && busy.Start < slot.End && busy.End > slot.Start)));
        }));

    [Fact]
    public void The_grid_does_not_move_with_the_window() => Check.One(
        Properties.Config.WithMaxTest(200),
        Prop.ForAll(Cases.ToArbitrary(), problem =>
        {
            var wider = problem with { Window = new Interval(problem.Window.Start - Duration.FromMinutes(1337), problem.Window.End + Duration.FromMinutes(711)) };
            problem.Slots().ShouldBe(wider.Slots().Where(slot => slot.Start >= problem.Window.Start && slot.End <= problem.Window.End));
        }));

    [Fact]
    public void A_plain_working_day_is_laid_out_from_its_start_and_what_does_not_fit_is_left()
    {
        var slots = Times("Asia/Dubai", "2026-11-24", 9 * 60, (10 * 60) + 40, []);
        slots.ShouldBe(["09:00", "09:30", "10:00"]);
    }

    [Fact]
    public void A_meeting_takes_the_slots_that_it_touches_and_leaves_those_that_it_borders_on()
    {
        var meeting = Between("Asia/Dubai", "2026-11-24T09:45", "2026-11-24T10:30");
        Times("Asia/Dubai", "2026-11-24", 9 * 60, 12 * 60, [meeting]).ShouldBe(["09:00", "10:30", "11:00", "11:30"]);
    }

    [Fact]
    public void An_hour_that_the_clock_skips_is_not_offered() =>
        // Berlin goes from 02:00 to 03:00 on 29 March 2026.
        Times("Europe/Berlin", "2026-03-29", 60, 4 * 60, []).ShouldBe(["01:00", "01:30", "03:00", "03:30"]);

    [Fact]
    public void An_hour_that_the_clock_shows_twice_is_offered_twice() =>
        // Berlin goes from 03:00 back to 02:00 on 25 October 2026.
        Times("Europe/Berlin", "2026-10-25", 60, 4 * 60, []).ShouldBe(["01:00", "01:30", "02:00", "02:30", "02:00", "02:30", "03:00", "03:30"]);

    [Fact]
    public void Nine_in_the_morning_is_nine_in_the_morning_on_both_sides_of_a_turn()
    {
        var hours = new WorkingHours(DateTimeZoneProviders.Tzdb["Europe/Berlin"], EveryDay.ToHashSet(), 9 * 60, 10 * 60);
        var window = Between("Europe/Berlin", "2026-03-28T00:00", "2026-03-30T00:00");
        Availability.Slots(hours, SlotRules.EndToEnd(Duration.FromHours(1)), [], window, window.Start).Select(slot => slot.Start)
            .ShouldBe([Instant.FromUtc(2026, 3, 28, 8, 0), Instant.FromUtc(2026, 3, 29, 7, 0)]);
    }

    [Fact]
    public void A_day_that_ends_at_24_00_ends_at_midnight() =>
        Times("Asia/Dubai", "2026-11-24", 23 * 60, 24 * 60, []).ShouldBe(["23:00", "23:30"]);

    [Fact]
    public void Days_without_hours_have_no_slots()
    {
        var hours = new WorkingHours(DateTimeZoneProviders.Tzdb["Asia/Dubai"], Weekdays.ToHashSet(), 9 * 60, 17 * 60);
        var weekend = Between("Asia/Dubai", "2026-11-21T00:00", "2026-11-23T00:00");
        Availability.Slots(hours, SlotRules.EndToEnd(Duration.FromMinutes(30)), [], weekend, weekend.Start).ShouldBeEmpty();
    }

    private static Gen<Problem> Cases =>
        from zone in Gen.Elements(Zones)
        from days in Gen.SubListOf(EveryDay)
        from start in Gen.Choose(0, 1439)
        from span in Gen.Choose(1, 1440)
            // Around the turns of 2026, and anywhere else.
        from day in Gen.OneOf(Gen.Choose(0, 700), Gen.Choose(64, 70), Gen.Choose(84, 90), Gen.Choose(295, 300), Gen.Choose(302, 306))
        from length in Gen.Choose(5, 480)
        from windowDays in Gen.Choose(0, 6)
        from offset in Gen.Choose(0, 1439)
        from busy in Gen.Choose(-600, 6 * 1440).SelectMany(begin => Gen.Choose(0, 900).Select(minutes => (begin, minutes))).ListOf()
        from ahead in Gen.Choose(-2000, 2000)
        let origin = Instant.FromUtc(2026, 1, 1, 0, 0) + Duration.FromDays(day)
        select new Problem(
            new WorkingHours(DateTimeZoneProviders.Tzdb[zone], days.ToHashSet(), start, Math.Min(1440, start + span)),
            [.. busy.Select(b => new Interval(origin + Duration.FromMinutes(b.begin), origin + Duration.FromMinutes(b.begin + b.minutes)))],
            new Interval(origin + Duration.FromMinutes(offset), origin + Duration.FromMinutes(offset) + Duration.FromDays(windowDays)),
            Duration.FromMinutes(length),
            origin + Duration.FromMinutes(ahead));

    private static List<string> Times(string zone, string date, int start, int end, Interval[] busy)
    {
        var hours = new WorkingHours(DateTimeZoneProviders.Tzdb[zone], EveryDay.ToHashSet(), start, end);
        var day = NodaTime.Text.LocalDatePattern.Iso.Parse(date).Value;
        var window = new Interval(hours.Zone.AtStartOfDay(day).ToInstant(), hours.Zone.AtStartOfDay(day.PlusDays(1)).ToInstant());
        return [.. Availability.Slots(hours, SlotRules.EndToEnd(Duration.FromMinutes(30)), busy, window, window.Start)
            .Select(slot => slot.Start.InZone(hours.Zone).ToString("HH:mm", null))];
    }

    private static Interval Between(string zone, string start, string end)
    {
        Instant At(string text) => NodaTime.Text.LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-ddTHH:mm").Parse(text).Value
            .InZoneStrictly(DateTimeZoneProviders.Tzdb[zone]).ToInstant();
        return new Interval(At(start), At(end));
    }

    private sealed record Problem(WorkingHours Hours, IReadOnlyList<Interval> Busy, Interval Window, Duration Length, Instant Earliest)
    {
        public List<Slot> Slots() => [.. Availability.Slots(Hours, SlotRules.EndToEnd(Length), Busy, Window, Earliest)];
    }
}
