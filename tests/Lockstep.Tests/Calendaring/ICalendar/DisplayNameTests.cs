using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>TZIDs of Exchange that are what Windows shows people.</summary>
public sealed class DisplayNameTests
{
    [Theory]
    [InlineData("(UTC-05:00) Eastern Time (US & Canada)", "2026-03-02T18:00:00Z", "2026-07-15T17:00:00Z")]
    [InlineData("(GMT-05:00) Eastern Time (US & Canada)", "2026-03-02T18:00:00Z", "2026-07-15T17:00:00Z")]
    [InlineData("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "2026-03-02T12:00:00Z", "2026-07-15T11:00:00Z")]
    [InlineData("(utc+10:00) canberra, melbourne, sydney", "2026-03-02T02:00:00Z", "2026-07-15T03:00:00Z")]
    [InlineData("(UTC) Dublin, Edinburgh, Lisbon, London", "2026-03-02T13:00:00Z", "2026-07-15T12:00:00Z")]
    [InlineData("(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi", "2026-03-02T07:30:00Z", "2026-07-15T07:30:00Z")]
    [InlineData("(UTC) Coordinated Universal Time", "2026-03-02T13:00:00Z", "2026-07-15T13:00:00Z")]
    public void The_name_that_Windows_shows_tells_the_zone_with_its_summer_time(string name, string winter, string summer)
    {
        var report = new ExpansionReport();
        Expanding.Event($"DTSTART;TZID=\"{name}\":20260302T130000").Between("2026-01-01", "2027-01-01", Expanding.Berlin, report).Single().Start.ShouldBe(Expanding.At(winter));
        Expanding.Event($"DTSTART;TZID=\"{name}\":20260715T130000").Between("2026-01-01", "2027-01-01", Expanding.Berlin, report).Single().Start.ShouldBe(Expanding.At(summer));
        report.Problems.ShouldBeEmpty();
    }

    [Fact]
    public void Every_name_of_the_list_is_a_zone()
    {
        DisplayNames.All.Count.ShouldBeGreaterThan(130);
        DisplayNames.All.Where(name => KnownZones.Find($"(UTC) {name}") is not { Source: ZoneSource.Windows }).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("(UTC+01:00) Amsterdam, Berlijn, Bern, Rome, Stockholm, Wenen", "2026-07-15T12:00:00Z")]
    [InlineData("(UTC-03:30) Nowhere", "2026-07-15T16:30:00Z")]
    public void In_a_language_that_is_not_known_the_offset_is_all_that_is_believed_and_it_is_said(string name, string expected)
    {
        var report = new ExpansionReport();
        Expanding.Event($"DTSTART;TZID=\"{name}\":20260715T130000").Between("2026-01-01", "2027-01-01", Expanding.Berlin, report).Single().Start.ShouldBe(Expanding.At(expected));
        report.Problems.Single().Kind.ShouldBe(ProblemKind.UnknownZone);
    }

    [Theory]
    [InlineData("(UTC+99:00) Far away")]
    [InlineData("()")]
    [InlineData("(")]
    [InlineData("(UTC+1) x")]
    [InlineData("(Mars) Olympus")]
    public void What_only_looks_like_one_is_an_unknown_zone(string name)
    {
        KnownZones.Find(name).ShouldBeNull();
        DisplayNames.OffsetOf(name).ShouldBeNull();
    }
}
