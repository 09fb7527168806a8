using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class OccurrenceTests
{
    [Theory]
    [InlineData("DTSTART:20260315T120000Z", "DTSTART:20260715T110000Z")]
    [InlineData("DTSTART;TZID=Europe/Berlin:20260315T130000", "DTSTART;TZID=Europe/Berlin:20260715T130000")]
    [InlineData("DTSTART;TZID=W. Europe Standard Time:20260315T130000", "DTSTART;TZID=W. Europe Standard Time:20260715T130000")]
    [InlineData("DTSTART;TZID=/example.org/2007/Europe/Berlin:20260315T130000", "DTSTART;TZID=europe/berlin:20260715T130000")]
    public void One_in_Berlin_is_the_same_instant_however_its_zone_is_named(string winter, string summer)
    {
        Expanding.Event(winter).Between("2026-01-01", "2027-01-01").Single().Start.ShouldBe(Expanding.At("2026-03-15T12:00:00Z"));
        Expanding.Event(summer).Between("2026-01-01", "2027-01-01").Single().Start.ShouldBe(Expanding.At("2026-07-15T11:00:00Z"));
    }

    [Fact]
    public void A_zone_that_only_the_file_describes_is_followed_across_daylight_saving()
    {
        var starts = Sample("custom-zone.ics").Between("2026-01-01", "2027-01-01").Select(o => o.Start.ToString());
        starts.ShouldBe(["2026-03-15T12:00:00Z", "2026-04-15T11:00:00Z", "2026-05-15T11:00:00Z", "2026-06-15T11:00:00Z", "2026-07-15T11:00:00Z", "2026-08-15T11:00:00Z"]);
    }

    [Fact]
    public void Whole_days_end_at_midnight_also_where_the_first_of_them_has_none()
    {
        // Cairo goes from 00:00 to 01:00 on 30 April 2027.
        var cairo = DateTimeZoneProviders.Tzdb["Africa/Cairo"];
        Expanding.Event("DTSTART;VALUE=DATE:20270430", "DTEND;VALUE=DATE:20270502").Between("2027-04-01", "2027-06-01", cairo).Single().Text()
            .ShouldBe("2027-04-29T22:00:00Z 2027-05-01T21:00:00Z");
        Expanding.Event("DTSTART;VALUE=DATE:20270429", "RRULE:FREQ=DAILY;COUNT=3").Between("2027-04-01", "2027-06-01", cairo).Select(Expanding.Text)
            .ShouldBe(["2027-04-28T22:00:00Z 2027-04-29T22:00:00Z", "2027-04-29T22:00:00Z 2027-04-30T21:00:00Z", "2027-04-30T21:00:00Z 2027-05-01T21:00:00Z"]);
    }

    [Fact]
    public void An_unknown_zone_falls_back_to_the_users_with_a_warning()
    {
        var report = new ExpansionReport();
        Expanding.Event("DTSTART;TZID=Nowhere/Special:20260715T130000").Between("2026-01-01", "2027-01-01", Expanding.Berlin, report)
            .Single().Start.ShouldBe(Expanding.At("2026-07-15T11:00:00Z"));
        report.Problems.Single().Kind.ShouldBe(ProblemKind.UnknownZone);
        report.IsIncomplete.ShouldBeFalse();
    }

    [Theory]
    [InlineData("Pacific/Tongatapu", "2026-07-03T11:00:00Z 2026-07-04T11:00:00Z")]
    [InlineData("Pacific/Pitcairn", "2026-07-04T08:00:00Z 2026-07-05T08:00:00Z")]
    public void A_day_lasts_from_the_users_midnight_to_his_midnight(string zone, string expected)
    {
        var occurrence = Expanding.Event("DTSTART;VALUE=DATE:20260704")
            .Between("2026-01-01", "2027-01-01", DateTimeZoneProviders.Tzdb[zone]).Single();
        occurrence.Text().ShouldBe(expected);
        occurrence.IsAllDay.ShouldBeTrue();
    }

    [Fact]
    public void A_day_on_which_the_clock_changes_has_23_hours()
    {
        var occurrence = Expanding.Event("DTSTART;VALUE=DATE:20260329", "DTEND;VALUE=DATE:20260330").Between("2026-01-01", "2027-01-01", Expanding.Berlin).Single();
        (occurrence.End - occurrence.Start).ShouldBe(Duration.FromHours(23));
    }

    [Fact]
    public void Floating_times_are_on_the_users_clock()
    {
        var document = Expanding.Event("DTSTART:20260704T090000", "DURATION:PT1H");
        document.Between("2026-01-01", "2027-01-01", Expanding.Berlin).Single().Text().ShouldBe("2026-07-04T07:00:00Z 2026-07-04T08:00:00Z");
        document.Between("2026-01-01", "2027-01-01", Expanding.NewYork).Single().Text().ShouldBe("2026-07-04T13:00:00Z 2026-07-04T14:00:00Z");
    }

    [Fact]
    public void A_time_that_does_not_exist_is_read_with_the_offset_before_the_gap_and_one_that_is_twice_means_the_first()
    {
        var starts = Expanding.Event("DTSTART;TZID=Europe/Berlin:20260328T023000", "RRULE:FREQ=DAILY;COUNT=3")
            .Between("2026-01-01", "2027-01-01").Select(o => o.Start.ToString());
        starts.ShouldBe(["2026-03-28T01:30:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]);
        Expanding.Event("DTSTART;TZID=Europe/Berlin:20261025T023000").Between("2026-01-01", "2027-01-01").Single()
            .Start.ShouldBe(Expanding.At("2026-10-25T00:30:00Z"));
    }

    [Fact]
    public void Half_hours_across_a_gap_stay_in_order_and_are_not_doubled()
    {
        var starts = Expanding.Event("DTSTART;TZID=Europe/Berlin:20260329T010000", "RRULE:FREQ=MINUTELY;INTERVAL=30;COUNT=8")
            .Between("2026-01-01", "2027-01-01").Select(o => o.Start.ToUnixTimeSeconds() / 1800 - 986976).ToList();
        starts.ShouldBe(starts.Distinct().Order());
        starts.Count.ShouldBe(6);
    }

    [Fact]
    public void A_length_by_DTEND_is_exact_and_one_by_DURATION_is_nominal()
    {
        Expanding.Event("DTSTART;TZID=Europe/Berlin:20260320T120000", "DTEND;TZID=Europe/Berlin:20260321T120000", "RRULE:FREQ=DAILY;COUNT=20")
            .Between("2026-03-28", "2026-03-29").Last().Text().ShouldBe("2026-03-28T11:00:00Z 2026-03-29T11:00:00Z");
        Expanding.Event("DTSTART;TZID=Europe/Berlin:20260320T120000", "DURATION:P1D", "RRULE:FREQ=DAILY;COUNT=20")
            .Between("2026-03-28", "2026-03-29").Last().Text().ShouldBe("2026-03-28T11:00:00Z 2026-03-29T10:00:00Z");
    }

    [Fact]
    public void What_began_before_the_window_and_ends_in_it_is_found()
    {
        Expanding.Event("DTSTART:20260101T000000Z", "DTEND:20260110T000000Z", "RRULE:FREQ=MONTHLY")
            .Between("2026-05-09", "2026-05-10").Single().Start.ShouldBe(Expanding.At("2026-05-01"));
        Expanding.Event("DTSTART:20260101T000000Z", "DTEND:20260110T000000Z").Between("2026-01-10", "2026-02-10").ShouldBeEmpty();
        Expanding.Event("DTSTART:20260110T000000Z").Between("2026-01-10", "2026-02-10").Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("weekly-berlin.ics")]
    [InlineData("weekly-berlin-crlf.ics")]
    public void EXDATE_and_overrides_are_matched_by_instant(string file)
    {
        var found = Sample(file).Between("2026-03-01", "2026-04-01");
        found.Select(o => o.Text()).ShouldBe(
        [
            "2026-03-02T12:00:00Z 2026-03-02T13:00:00Z", "2026-03-10T14:00:00Z 2026-03-10T14:30:00Z",
            "2026-03-23T12:00:00Z 2026-03-23T13:00:00Z", "2026-03-30T11:00:00Z 2026-03-30T12:00:00Z",
        ]);
        found[1].Summary.ShouldBe("Team lunch, moved");
        found[0].Summary.ShouldBe("Team lunch, with a folded line");
        found[0].RecurrenceId.ToString().ShouldBe("20260302T130000");
    }

    [Fact]
    public void An_override_of_this_and_future_moves_all_that_follow()
    {
        var found = Sample("this-and-future.ics").Between("2026-01-01", "2027-01-01");
        found.Select(o => $"{o.LocalStart:MM-dd HH:mm} {o.Summary} {(o.End - o.Start).TotalMinutes}").ShouldBe(
        [
            "01-05 09:00 Early 60", "01-12 09:00 Early 60", "01-20 11:00 Late 30", "01-27 11:00 Late 30",
            "02-02 09:00 Cancelled 60", "02-10 11:00 Late 30",
        ]);
        found[4].Status.ShouldBe(EventStatus.Cancelled);
    }

    [Fact]
    public void RDATE_periods_bring_their_own_length()
    {
        Expanding.Event("DTSTART:20260101T090000Z", "DTEND:20260101T100000Z", "RDATE;VALUE=PERIOD:20260102T090000Z/PT3H,20260103T090000Z/20260103T093000Z")
            .Between("2026-01-01", "2027-01-01").Select(o => (o.End - o.Start).TotalMinutes).ShouldBe([60, 180, 30]);
    }

    [Fact]
    public void Transparency_and_status_are_told()
    {
        var occurrence = Expanding.Event("DTSTART:20260101T090000Z", "TRANSP:TRANSPARENT", "STATUS:CANCELLED").Between("2026-01-01", "2027-01-01").Single();
        occurrence.Transparency.ShouldBe(Transparency.Transparent);
        occurrence.Status.ShouldBe(EventStatus.Cancelled);
        Expanding.Event("DTSTART:20260101T090000Z").Between("2026-01-01", "2027-01-01").Single().Transparency.ShouldBe(Transparency.Opaque);
    }

    [Theory]
    [InlineData("FREQ=SECONDLY")]
    [InlineData("FREQ=MINUTELY")]
    [InlineData("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30")]
    [InlineData("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5")]
    [InlineData("FREQ=SECONDLY;INTERVAL=7;BYSECOND=3;BYMINUTE=1;BYHOUR=1;BYYEARDAY=366;BYMONTH=1")]
    [InlineData("FREQ=MINUTELY;BYHOUR=3;BYDAY=MO;COUNT=2000000000;BYSETPOS=1")]
    [InlineData("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=0,1,2,3,4,5,6,7;BYMINUTE=0,1,2,3,4,5,6,7;BYSECOND=0,1,2,3,4,5,6;BYSETPOS=-1,1,5000")]
    [InlineData("FREQ=DAILY;INTERVAL=999999999")]
    public void A_hostile_rule_is_answered_within_the_budget(string rule)
    {
        var document = Expanding.Event("DTSTART:00010101T000000Z", $"RRULE:{rule}");
        var report = new ExpansionReport();
        var before = GC.GetAllocatedBytesForCurrentThread();
        var count = document.Between("2026-01-01", "2026-03-25", report: report).Count;
        // Told by memory, since a clock tells how busy the machine is. Without a budget it is gigabytes, or no end.
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(400_000_000);
        count.ShouldBeLessThanOrEqualTo(400_000);
        if (rule is "FREQ=SECONDLY")
            report.CompleteUntil.ShouldNotBeNull();
        if (rule is "FREQ=MINUTELY")
            (count, report.CompleteUntil).ShouldBe((83 * 1440, null));
    }

    [Fact]
    public void Counting_far_ahead_does_not_walk_there()
    {
        var report = new ExpansionReport();
        Expanding.Event("DTSTART:20000101T000000Z", "RRULE:FREQ=SECONDLY;COUNT=820540801").Between("2025-12-31", "2026-01-02", report: report)
            .Last().Start.ShouldBe(Expanding.At("2026-01-01"));
        report.CompleteUntil.ShouldBeNull();
    }

    [Theory]
    [InlineData("SUMMARY:no start")]
    [InlineData("DTSTART:yesterday")]
    public void An_event_that_cannot_be_read_is_reported(string line)
    {
        var report = new ExpansionReport();
        Expanding.Event(line).Between("2026-01-01", "2027-01-01", report: report).ShouldBeEmpty();
        report.IsIncomplete.ShouldBeTrue();
    }

    [Fact]
    public void Times_at_both_ends_of_the_calendar_are_read()
    {
        foreach (var zone in new[] { "Pacific/Kiritimati", "Pacific/Pago_Pago" }.Select(id => DateTimeZoneProviders.Tzdb[id]))
            foreach (var line in new[] { "DTSTART;VALUE=DATE:99991231", "DTSTART:99991231T235959", "DTSTART;VALUE=DATE:00010101", "DTSTART:00010101T000000Z", "DTSTART;TZID=America/New_York:99991231T235959" })
            {
                var found = Occurrences.Expand(Expanding.Event(line, "DURATION:P3W", "RRULE:FREQ=DAILY;UNTIL=99991231T235959Z"), new Interval(null, null), zone).Take(3).ToList();
                found.ShouldNotBeEmpty();
                found.ShouldAllBe(o => o.LocalEnd.Year <= 9999);
            }
    }

    private static CalendarDocument Sample(string file) => CalendarDocument.Parse(File.ReadAllBytes(Path.Combine(CalendarFiles.Samples, file)));
}
