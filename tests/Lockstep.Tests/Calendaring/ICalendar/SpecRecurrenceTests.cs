using System.Globalization;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>Every example of RFC 5545 section 3.8.5.3, in its order.</summary>
public sealed class SpecRecurrenceTests
{
    /// <summary>DTSTART (day, at 9:00 in New York unless it has a time), rules, and the days: year-month:day,day-day.</summary>
    public static TheoryData<string, string, string> ByDay => new()
    {
        { "19970902", "FREQ=DAILY;COUNT=10", "1997-9:2-11" },
        { "19970902", "FREQ=DAILY;UNTIL=19971224T000000Z", "1997-9:2-30 1997-10:1-31 1997-11:1-30 1997-12:1-23" },
        { "19970902", "FREQ=DAILY;INTERVAL=2", "1997-9:2,4,6,8,10,12,14,16,18,20,22,24,26,28,30 1997-10:2,4,6 ..." },
        { "19970902", "FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-9:2,12,22 1997-10:2,12" },
        { "19980101", "FREQ=YEARLY;UNTIL=20000131T140000Z;BYMONTH=1;BYDAY=SU,MO,TU,WE,TH,FR,SA", "1998-1:1-31 1999-1:1-31 2000-1:1-31" },
        { "19980101", "FREQ=DAILY;UNTIL=20000131T140000Z;BYMONTH=1", "1998-1:1-31 1999-1:1-31 2000-1:1-31" },
        { "19970902", "FREQ=WEEKLY;COUNT=10", "1997-9:2,9,16,23,30 1997-10:7,14,21,28 1997-11:4" },
        { "19970902", "FREQ=WEEKLY;UNTIL=19971224T000000Z", "1997-9:2,9,16,23,30 1997-10:7,14,21,28 1997-11:4,11,18,25 1997-12:2,9,16,23" },
        { "19970902", "FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-9:2,16,30 1997-10:14,28 1997-11:11,25 1997-12:9,23 1998-1:6,20 1998-2:3,17 ..." },
        { "19970902", "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", "1997-9:2,4,9,11,16,18,23,25,30 1997-10:2" },
        { "19970902", "FREQ=WEEKLY;COUNT=10;WKST=SU;BYDAY=TU,TH", "1997-9:2,4,9,11,16,18,23,25,30 1997-10:2" },
        {
            "19970901", "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
            "1997-9:1,3,5,15,17,19,29 1997-10:1,3,13,15,17,27,29,31 1997-11:10,12,14,24,26,28 1997-12:8,10,12,22"
        },
        { "19970902", "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", "1997-9:2,4,16,18,30 1997-10:2,14,16" },
        { "19970905", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-9:5 1997-10:3 1997-11:7 1997-12:5 1998-1:2 1998-2:6 1998-3:6 1998-4:3 1998-5:1 1998-6:5" },
        { "19970905", "FREQ=MONTHLY;UNTIL=19971224T000000Z;BYDAY=1FR", "1997-9:5 1997-10:3 1997-11:7 1997-12:5" },
        { "19970907", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", "1997-9:7,28 1997-11:2,30 1998-1:4,25 1998-3:1,29 1998-5:3,31" },
        { "19970922", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997-9:22 1997-10:20 1997-11:17 1997-12:22 1998-1:19 1998-2:16" },
        { "19970928", "FREQ=MONTHLY;BYMONTHDAY=-3", "1997-9:28 1997-10:29 1997-11:28 1997-12:29 1998-1:29 1998-2:26 ..." },
        { "19970902", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", "1997-9:2,15 1997-10:2,15 1997-11:2,15 1997-12:2,15 1998-1:2,15" },
        { "19970930", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", "1997-9:30 1997-10:1,31 1997-11:1,30 1997-12:1,31 1998-1:1,31 1998-2:1" },
        { "19970910", "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15", "1997-9:10-15 1999-3:10-13" },
        { "19970902", "FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "1997-9:2,9,16,23,30 1997-11:4,11,18,25 1998-1:6,13,20,27 1998-3:3,10,17,24,31 ..." },
        { "19970610", "FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "1997-6:10 1997-7:10 1998-6:10 1998-7:10 1999-6:10 1999-7:10 2000-6:10 2000-7:10 2001-6:10 2001-7:10" },
        {
            "19970310", "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3",
            "1997-3:10 1999-1:10 1999-2:10 1999-3:10 2001-1:10 2001-2:10 2001-3:10 2003-1:10 2003-2:10 2003-3:10"
        },
        {
            "19970101", "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200",
            "1997-1:1 1997-4:10 1997-7:19 2000-1:1 2000-4:9 2000-7:18 2003-1:1 2003-4:10 2003-7:19 2006-1:1"
        },
        { "19970519", "FREQ=YEARLY;BYDAY=20MO", "1997-5:19 1998-5:18 1999-5:17 ..." },
        { "19970512", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-5:12 1998-5:11 1999-5:17 ..." },
        { "19970313", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997-3:13,20,27 1998-3:5,12,19,26 1999-3:4,11,18,25 ..." },
        {
            "19970605", "FREQ=YEARLY;BYDAY=TH;BYMONTH=6,7,8",
            "1997-6:5,12,19,26 1997-7:3,10,17,24,31 1997-8:7,14,21,28 1998-6:4,11,18,25 1998-7:2,9,16,23,30 1998-8:6,13,20,27 ..."
        },
        { "19970902", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13 EXDATE", "1998-2:13 1998-3:13 1998-11:13 1999-8:13 2000-10:13 ..." },
        {
            "19970913", "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13",
            "1997-9:13 1997-10:11 1997-11:8 1997-12:13 1998-1:10 1998-2:7 1998-3:7 1998-4:11 1998-5:9 1998-6:13 ..."
        },
        { "19961105", "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", "1996-11:5 2000-11:7 2004-11:2 ..." },
        { "19970904", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-9:4 1997-10:7 1997-11:6" },
        { "19970929", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-9:29 1997-10:30 1997-11:27 1997-12:30 1998-1:29 1998-2:26 1998-3:30 ..." },
        { "19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-8:5,10,19,24" },
        { "19970805", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-8:5,17,19,31" },
        { "20070115", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "2007-1:15,30 2007-2:15 2007-3:15,30" },
    };

    [Theory]
    [MemberData(nameof(ByDay))]
    public void A_rule_gives_the_days_that_the_specification_lists(string start, string rule, string days)
    {
        var goesOn = days.EndsWith("...", StringComparison.Ordinal);
        var expected = Days(days).Select(day => day.At(new LocalTime(9, 0)).InZoneStrictly(Expanding.NewYork).ToInstant()).ToList();
        var exDate = rule.EndsWith(" EXDATE", StringComparison.Ordinal) ? $"EXDATE;TZID=America/New_York:{start}T090000" : "X-NONE:1";
        var document = Expanding.Event($"DTSTART;TZID=America/New_York:{start}T090000", $"RRULE:{rule.Split(' ')[0]}", exDate);

        var found = document.Between("1996-01-01", "2040-01-01").Select(o => o.Start);
        (goesOn ? found.Take(expected.Count) : found).ShouldBe(expected);
        if (goesOn)
            found.Count().ShouldBeGreaterThan(expected.Count);
    }

    [Theory]
    // The printed UNTIL of the first, 17:00Z, is 13:00 in New York and would leave out the 15:00 that is listed.
    [InlineData("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", "9:00 12:00 15:00")]
    [InlineData("FREQ=MINUTELY;INTERVAL=15;COUNT=6", "9:00 9:15 9:30 9:45 10:00 10:15")]
    [InlineData("FREQ=MINUTELY;INTERVAL=90;COUNT=4", "9:00 10:30 12:00 13:30")]
    [InlineData("FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40", EightHours)]
    [InlineData("FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16", EightHours)]
    public void A_rule_gives_the_times_that_the_specification_lists(string rule, string times)
    {
        var found = Expanding.Event("DTSTART;TZID=America/New_York:19970902T090000", $"RRULE:{rule}").Between("1997-09-02", "1997-09-03");
        found.Select(o => $"{o.LocalStart.Hour}:{o.LocalStart.Minute:00}").ShouldBe(times.Split(' '));
        found.Select(o => o.LocalStart.InZoneStrictly(Expanding.NewYork).ToInstant()).ShouldBe(found.Select(o => o.Start));
    }

    private const string EightHours =
        "9:00 9:20 9:40 10:00 10:20 10:40 11:00 11:20 11:40 12:00 12:20 12:40 "
        + "13:00 13:20 13:40 14:00 14:20 14:40 15:00 15:20 15:40 16:00 16:20 16:40";

    private static IEnumerable<LocalDate> Days(string text)
    {
        foreach (var month in text.Split(' ').Where(part => part != "..."))
        {
            var (yearMonth, days) = (month.Split(':')[0].Split('-').Select(Number).ToList(), month.Split(':')[1]);
            foreach (var range in days.Split(',').Select(part => part.Split('-').Select(Number).ToList()))
                for (var day = range[0]; day <= range[^1]; day++)
                    yield return new LocalDate(yearMonth[0], yearMonth[1], day);
        }
    }

    private static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);
}
