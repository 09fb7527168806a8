using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>
/// Hard cases by hand, each compared once with python3-recurring-ical-events and python3-dateutil as well. Where these say otherwise,
/// the section of RFC 5545 stands beside the case.
/// </summary>
public sealed class HardCalendarTests
{
    private const string Berlin = "DTSTART;TZID=Europe/Berlin:";
    private const string Hour = "DURATION:PT1H";

    /// <summary>A name, the window, the lines of the event, and the starts in UTC (dates of whole days).</summary>
    public static TheoryData<string, string, string, string[], string> Cases => new()
    {
        // BYSETPOS with every FREQ.
        { "BYSETPOS yearly; DTSTART is counted though the rule does not give it (3.3.10, COUNT)", "1997-01-01", "1999-01-01", [Berlin + "19970131T090000", Hour, "RRULE:FREQ=YEARLY;BYMONTH=1,2;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1,1;COUNT=4"], "1997-01-31T08 1997-02-28T08 1998-01-01T08 1998-02-27T08" },
        { "BYSETPOS monthly", "2020-01-01", "2020-05-01", [Berlin + "20200131T090000", Hour, "RRULE:FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"], "2020-01-31T08 2020-02-28T08 2020-03-31T07 2020-04-30T07" },
        { "BYSETPOS over days and hours", "2020-01-01", "2020-03-01", [Berlin + "20200101T090000", Hour, "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1,1,15;BYHOUR=9,10;BYSETPOS=1,-2"], "2020-01-01T08 2020-01-31T08 2020-02-01T08 2020-02-29T08" },
        { "BYSETPOS weekly", "2020-01-06", "2020-01-20", [Berlin + "20200106T090000", Hour, "RRULE:FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1,-1"], "2020-01-06T08 2020-01-10T08 2020-01-13T08 2020-01-17T08" },
        { "BYSETPOS daily", "2020-01-06", "2020-01-08", [Berlin + "20200106T090000", Hour, "RRULE:FREQ=DAILY;BYHOUR=9,12,15,18;BYSETPOS=1,-1"], "2020-01-06T08 2020-01-06T17 2020-01-07T08 2020-01-07T17" },
        { "BYSETPOS hourly", "2020-01-06", "2020-01-07", [Berlin + "20200106T090000", "DURATION:PT1M", "RRULE:FREQ=HOURLY;INTERVAL=3;BYMINUTE=0,10,20;BYSETPOS=1,-1;COUNT=3"], "2020-01-06T08 2020-01-06T08:20 2020-01-06T11" },
        { "BYSETPOS minutely", "2020-01-06", "2020-01-07", ["DTSTART:20200106T090000Z", "RRULE:FREQ=MINUTELY;INTERVAL=7;BYSECOND=0,10,20;BYSETPOS=1,-1;COUNT=3"], "2020-01-06T09 2020-01-06T09:00:20 2020-01-06T09:07" },
        { "BYSETPOS secondly", "2020-01-06", "2020-01-07", ["DTSTART:20200106T090000Z", "RRULE:FREQ=SECONDLY;INTERVAL=7;BYSETPOS=1;COUNT=3"], "2020-01-06T09 2020-01-06T09:00:07 2020-01-06T09:00:14" },
        // Weeks over the border of a year.
        { "week 1 begins in December", "2008-12-01", "2009-12-28", ["DTSTART;VALUE=DATE:20081229", "RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=MO,WE,SU"], "2008-12-29 2008-12-31 2009-01-04" },
        { "weeks that begin on Sunday: the 28th of December 2008 is in week 53, DTSTART all the same", "2008-12-01", "2010-01-04", ["DTSTART;VALUE=DATE:20081228", "RRULE:FREQ=YEARLY;BYWEEKNO=1;BYDAY=SU,MO;WKST=SU"], "2008-12-28 2009-01-04 2009-01-05 2010-01-03" },
        { "week 53 is there in long years alone; dateutil also takes the 2nd of January 2022, which is in week 52", "2020-01-01", "2028-01-01", ["DTSTART;VALUE=DATE:20201228", "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,SU"], "2020-12-28 2021-01-03 2026-12-28 2027-01-03" },
        { "every third week, weeks from Monday", "2020-03-01", "2020-04-10", [Berlin + "20200310T090000", Hour, "RRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SU,FR;WKST=MO"], "2020-03-10T08 2020-03-13T08 2020-03-15T08 2020-03-31T07 2020-04-03T07 2020-04-05T07" },
        { "every third week, weeks from Wednesday", "2020-03-01", "2020-04-01", [Berlin + "20200310T090000", Hour, "RRULE:FREQ=WEEKLY;INTERVAL=3;BYDAY=TU,SU,FR;WKST=WE"], "2020-03-10T08 2020-03-27T08 2020-03-29T07 2020-03-31T07" },
        // Days that not every year or month has.
        { "the 29th of February, not in 2100", "2090-01-01", "2110-01-01", ["DTSTART;VALUE=DATE:20000229", "RRULE:FREQ=YEARLY"], "2092-02-29 2096-02-29 2104-02-29 2108-02-29" },
        { "the 31st", "2020-01-01", "2020-08-01", [Berlin + "20200131T090000", Hour, "RRULE:FREQ=MONTHLY"], "2020-01-31T08 2020-03-31T07 2020-05-31T07 2020-07-31T07" },
        { "day 366 and day -366", "2000-01-01", "2009-01-01", ["DTSTART;VALUE=DATE:20000101", "RRULE:FREQ=YEARLY;BYYEARDAY=366,-366"], "2000-01-01 2000-12-31 2004-01-01 2004-12-31 2008-01-01 2008-12-31" },
        { "the 20th Monday; recurring-ical-events stops after the first (3.3.10)", "1997-01-01", "2000-01-01", [Berlin + "19970519T090000", Hour, "RRULE:FREQ=YEARLY;BYDAY=20MO"], "1997-05-19T07 1998-05-18T07 1999-05-17T07" },
        { "Friday the 13th; the excepted DTSTART is counted", "1998-01-01", "2000-01-01", [Berlin + "19970902T090000", Hour, "EXDATE;TZID=Europe/Berlin:19970902T090000", "RRULE:FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13;COUNT=4"], "1998-02-13T08 1998-03-13T08 1998-11-13T08" },
        { "DTSTART counts though it is no Monday (3.3.10, COUNT)", "2020-01-01", "2021-01-01", [Berlin + "20200303T090000", Hour, "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=3"], "2020-03-03T08 2020-03-09T08 2020-03-16T08" },
        // UNTIL in each form.
        { "UNTIL in UTC is inclusive", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;UNTIL=20200304T080000Z"], "2020-03-02T08 2020-03-03T08 2020-03-04T08" },
        { "a second earlier it is not reached", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;UNTIL=20200304T075959Z"], "2020-03-02T08 2020-03-03T08" },
        { "UNTIL in UTC across the change to summer time; recurring-ical-events leaves the last one out (3.3.10)", "2020-01-01", "2021-01-01", ["DTSTART;TZID=America/New_York:20200307T003000", Hour, "RRULE:FREQ=DAILY;UNTIL=20200309T043000Z"], "2020-03-07T05:30 2020-03-08T05:30 2020-03-09T04:30" },
        { "UNTIL as a date of whole days", "2020-01-01", "2021-01-01", ["DTSTART;VALUE=DATE:20200302", "RRULE:FREQ=DAILY;UNTIL=20200304"], "2020-03-02 2020-03-03 2020-03-04" },
        { "UNTIL as a date of timed ones, which 3.3.10 forbids, means all of that day", "2020-01-01", "2021-01-01", [Berlin + "20200302T233000", Hour, "RRULE:FREQ=DAILY;UNTIL=20200304"], "2020-03-02T22:30 2020-03-03T22:30 2020-03-04T22:30" },
        { "UNTIL floating of floating ones", "2020-01-01", "2021-01-01", ["DTSTART:20200302T090000", Hour, "RRULE:FREQ=DAILY;UNTIL=20200303T090000"], "2020-03-02T09 2020-03-03T09" },
        // Dates beside the rule.
        { "EXDATE in UTC, in another zone, and as a date (3.8.5.1 has none such)", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;COUNT=6", "EXDATE:20200303T080000Z", "EXDATE;TZID=America/New_York:20200304T030000", "EXDATE;VALUE=DATE:20200306"], "2020-03-02T08 2020-03-05T08 2020-03-07T08" },
        { "RDATE in another zone", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;COUNT=2", "RDATE;TZID=America/New_York:20200310T080000"], "2020-03-02T08 2020-03-03T08 2020-03-10T12" },
        { "two rules; recurring-ical-events knows one (3.8.5.3)", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;COUNT=3", "RRULE:FREQ=WEEKLY;COUNT=3"], "2020-03-02T08 2020-03-03T08 2020-03-04T08 2020-03-09T08 2020-03-16T08" },
        { "EXRULE, of RFC 2445", "2020-01-01", "2021-01-01", [Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;COUNT=5", "EXRULE:FREQ=DAILY;INTERVAL=2"], "2020-03-03T08 2020-03-05T08" },
        // Clocks.
        { "an hour that is skipped is read with the offset before (3.3.5)", "2020-03-28", "2020-03-31", [Berlin + "20200328T023000", Hour, "RRULE:FREQ=DAILY"], "2020-03-28T01:30 2020-03-29T01:30 2020-03-30T00:30" },
        { "an hour that comes twice is the first; recurring-ical-events takes the second (3.3.5)", "2020-10-24", "2020-10-27", [Berlin + "20201024T023000", Hour, "RRULE:FREQ=DAILY"], "2020-10-24T00:30 2020-10-25T00:30 2020-10-26T01:30" },
        { "the clocks of 1926", "1926-01-01", "1928-01-01", [Berlin + "19260302T090000", Hour, "RRULE:FREQ=YEARLY"], "1926-03-02T08 1927-03-02T08" },
        { "summer time of 2099, which Python's zones no longer have", "2099-01-01", "2099-06-01", ["DTSTART;TZID=America/New_York:20990302T090000", Hour, "RRULE:FREQ=MONTHLY"], "2099-03-02T14 2099-04-02T13 2099-05-02T13" },
        { "an offset as a zone's name", "2020-01-01", "2021-01-01", ["DTSTART;TZID=GMT+0200:20200302T090000", Hour], "2020-03-02T07" },
        { "another one", "2020-01-01", "2021-01-01", ["DTSTART;TZID=\"UTC-05:30\":20200702T090000", Hour], "2020-07-02T14:30" },
        { "the tz database's own name has the sign the other way round", "2020-01-01", "2021-01-01", ["DTSTART;TZID=Etc/GMT+2:20200302T090000", Hour], "2020-03-02T11" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_hard_case_gives_what_the_standard_says(string name, string from, string to, string[] lines, string starts) =>
        Expanding.Event(lines).Between(from, to).Select(Start).ShouldBe(starts.Split(' '), name);

    [Fact]
    public void An_override_that_left_the_window_is_not_in_it_and_one_that_came_from_outside_is()
    {
        var series = CalendarDocument.Parse(
            """
            BEGIN:VCALENDAR
            BEGIN:VEVENT
            UID:a
            DTSTART;TZID=Europe/Berlin:20200302T090000
            DURATION:PT1H
            RRULE:FREQ=DAILY;COUNT=3
            END:VEVENT
            BEGIN:VEVENT
            UID:a
            RECURRENCE-ID:20200303T080000Z
            DTSTART;TZID=Europe/Berlin:20210303T090000
            DURATION:PT1H
            END:VEVENT
            END:VCALENDAR
            """.ReplaceLineEndings("\r\n"));

        series.Between("2020-01-01", "2021-01-01").Select(Start).ShouldBe(["2020-03-02T08", "2020-03-04T08"]);
        series.Between("2021-01-01", "2022-01-01").Select(Start).ShouldBe(["2021-03-03T08"]);
    }

    [Fact]
    public void After_this_and_future_a_single_override_still_counts()
    {
        string[] tail = ["END:VEVENT", "BEGIN:VEVENT", "UID:a", "RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20200304T090000", Berlin + "20200304T110000", "DURATION:PT2H",
            "END:VEVENT", "BEGIN:VEVENT", "UID:a", "RECURRENCE-ID;TZID=Europe/Berlin:20200305T090000", Berlin + "20200305T070000", "DURATION:PT2H"];

        Expanding.Event([Berlin + "20200302T090000", Hour, "RRULE:FREQ=DAILY;COUNT=6", .. tail]).Between("2020-01-01", "2021-01-01").Select(Start)
            .ShouldBe(["2020-03-02T08", "2020-03-03T08", "2020-03-04T10", "2020-03-05T06", "2020-03-06T10", "2020-03-07T10"]);
    }

    [Fact]
    public void A_day_is_nominal_and_hours_are_exact()
    {
        Expanding.Event(Berlin + "20200328T120000", "DURATION:P1D").Between("2020-01-01", "2021-01-01").Single().Text().ShouldBe("2020-03-28T11:00:00Z 2020-03-29T10:00:00Z");
        Expanding.Event(Berlin + "20200328T120000", "DURATION:PT24H").Between("2020-01-01", "2021-01-01").Single().Text().ShouldBe("2020-03-28T11:00:00Z 2020-03-29T11:00:00Z");
        Expanding.Event(Berlin + "20200302T090000", Hour, "RDATE;VALUE=PERIOD:20200304T080000Z/PT3H,20200305T080000Z/20200305T093000Z", "RDATE;VALUE=PERIOD;TZID=America/New_York:20200306T080000/PT2H")
            .Between("2020-01-01", "2021-01-01").Select(Expanding.Text).ShouldBe(
                ["2020-03-02T08:00:00Z 2020-03-02T09:00:00Z", "2020-03-04T08:00:00Z 2020-03-04T11:00:00Z", "2020-03-05T08:00:00Z 2020-03-05T09:30:00Z", "2020-03-06T13:00:00Z 2020-03-06T15:00:00Z"]);
    }

    /// <summary>Without what is zero; whole days as their date.</summary>
    private static string Start(Occurrence occurrence)
    {
        if (occurrence.IsAllDay)
            return occurrence.LocalStart.Date.ToString("uuuu-MM-dd", null);
        var text = occurrence.Start.InUtc().LocalDateTime.ToString("uuuu-MM-dd'T'HH:mm:ss", null);
        return text.EndsWith(":00:00", StringComparison.Ordinal) ? text[..^6] : text.EndsWith(":00", StringComparison.Ordinal) ? text[..^3] : text;
    }
}
