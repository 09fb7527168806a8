using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class ValueTests
{
    [Theory]
    [InlineData("20261121", TimeForm.Date)]
    [InlineData("20261121T101500", TimeForm.Floating)]
    [InlineData("20261121T101500Z", TimeForm.Utc)]
    [InlineData("00010101T000000", TimeForm.Floating)]
    [InlineData("99991231T235959Z", TimeForm.Utc)]
    public void Times_read_back_as_they_are_written(string text, TimeForm form)
    {
        var time = CalendarTime.Parse(text, null)!.Value;
        time.Form.ShouldBe(form);
        time.ToString().ShouldBe(text);
    }

    [Theory]
    [InlineData("20260230")]
    [InlineData("20261301")]
    [InlineData("00000101")]
    [InlineData("2026112")]
    [InlineData("20261121T")]
    [InlineData("20261121T240000")]
    [InlineData("20261121T1015")]
    [InlineData("20261121T106000")]
    [InlineData("20261121X101500")]
    [InlineData("")]
    public void What_is_no_time_is_not_read(string text) => (text == "20261121T1015").ShouldBe(CalendarTime.Parse(text, null) is not null);

    [Fact]
    public void A_leap_second_is_the_second_before() =>
        CalendarTime.Parse("20161231T235960Z", null)!.Value.Local.ShouldBe(new LocalDateTime(2016, 12, 31, 23, 59, 59));

    [Theory]
    [InlineData("P15DT5H0M20S", 15, 18020, "P15DT5H20S")]
    [InlineData("-PT15M", 0, -900, "-PT15M")]
    [InlineData("P7W", 49, 0, "P49D")]
    [InlineData("+P1D", 1, 0, "P1D")]
    [InlineData("PT0S", 0, 0, "PT0S")]
    public void Durations_are_read_and_written(string text, int days, int seconds, string written)
    {
        var duration = CalendarDuration.Parse(text)!.Value;
        duration.ShouldBe(new CalendarDuration(days, Duration.FromSeconds(seconds)));
        duration.ToString().ShouldBe(written);
    }

    [Theory]
    [InlineData("15M")]
    [InlineData("P15M")]
    [InlineData("PT1D")]
    [InlineData("P")]
    [InlineData("PT99999999999S")]
    [InlineData("P999999999W")]
    public void What_is_no_duration_is_not_read(string text) => CalendarDuration.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData("+0100", 3600, "+0100")]
    [InlineData("-033045", -12645, "-033045")]
    [InlineData("+1400", 50400, "+1400")]
    public void Offsets_are_read_and_written(string text, int seconds, string written)
    {
        UtcOffset.Parse(text).ShouldBe(Offset.FromSeconds(seconds));
        UtcOffset.Format(Offset.FromSeconds(seconds)).ShouldBe(written);
    }

    [Theory]
    [InlineData("0100")]
    [InlineData("+5744")]
    [InlineData("+0160")]
    public void What_is_no_offset_is_not_read(string text) => UtcOffset.Parse(text).ShouldBeNull();

    [Fact]
    public void Periods_have_an_end_or_a_length()
    {
        CalendarPeriod.Parse("19970101T180000Z/19970102T070000Z", null)!.Value.End.ShouldNotBeNull();
        CalendarPeriod.Parse("19970101T180000Z/PT5H30M", null)!.Value.Length!.Value.Time.ShouldBe(Duration.FromMinutes(330));
        CalendarPeriod.Parse("19970101T180000Z", null).ShouldBeNull();
    }

    [Theory]
    [InlineData("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY")]
    [InlineData(" freq=weekly ; byday=mo, +2tu ;X-A=1;", "FREQ=WEEKLY;BYDAY=MO,2TU")]
    [InlineData("FREQ=DAILY;COUNT=-1", "FREQ=DAILY")]
    [InlineData("FREQ=5", null)]
    [InlineData("FREQ=DAILY;BYMONTH=13", null)]
    [InlineData("FREQ=DAILY;BYMONTHDAY=0", null)]
    [InlineData("FREQ=DAILY;UNTIL=never", null)]
    [InlineData("FREQ=YEARLY;RSCALE=HEBREW", null)]
    [InlineData("", null)]
    public void Rules_are_read_with_tolerance_and_refused_with_a_reason(string text, string? written)
    {
        var rule = RecurrenceRule.Parse(text, out var problem);
        rule?.ToString().ShouldBe(written);
        (problem is null).ShouldBe(written is not null);
    }
}
