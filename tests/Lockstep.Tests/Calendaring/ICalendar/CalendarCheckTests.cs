using Lockstep.Calendaring.ICalendar;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

public sealed class CalendarCheckTests
{
    private const string Berlin =
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nBEGIN:STANDARD\r\nDTSTART:19701025T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

    [Fact]
    public void Nothing_is_wrong_with_what_lockstep_writes()
    {
        var document = EventWriter.Create(
            new NewEvent
            {
                Uid = "a",
                Summary = "Lunch; or dinner, or both",
                Start = CalendarTime.Zoned(new(2026, 3, 2, 12, 0), "Europe/Berlin"),
                End = CalendarTime.Zoned(new(2026, 3, 2, 13, 0), "Europe/Berlin"),
                Recurrence = ["RRULE:FREQ=WEEKLY;BYDAY=MO", "EXDATE;TZID=Europe/Berlin:20260309T120000"],
            },
            Expanding.At("2026-01-01"));
        CalendarCheck.Of(CalendarDocument.Parse(document.ToBytes())).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("RRULE:FREQ=SOMETIMES", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=DAILY;COUNT=3;UNTIL=20270101T000000Z", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=DAILY;UNTIL=20270101", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=DAILY;UNTIL=20270101T000000", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=WEEKLY;BYMONTHDAY=2", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=MONTHLY;BYWEEKNO=10", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=WEEKLY;BYDAY=2MO", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=DAILY;BYYEARDAY=61", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=DAILY;BYSETPOS=1", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "RRULE", "3.3.10")]
    [InlineData("RRULE:FREQ=WEEKLY;BYDAY=TU", "RRULE", "3.8.5.3")]
    [InlineData("DTEND;TZID=Europe/Berlin:20260302T110000", "DTEND", "3.8.2.2")]
    [InlineData("DTEND;VALUE=DATE:20260303", "DTEND", "3.8.2.2")]
    [InlineData("DTEND:20260302T130000", "DTEND", "3.8.2.2")]
    [InlineData("DTEND;TZID=Europe/Berlin:soon", "DTEND", "3.8.2.2")]
    [InlineData("DURATION:-PT1H", "DURATION", "3.8.2.5")]
    [InlineData("DURATION:1 hour", "DURATION", "3.3.6")]
    [InlineData("EXDATE;VALUE=DATE:20260309", "EXDATE", "3.8.5.1")]
    [InlineData("RDATE:whenever", "RDATE", "3.8.5.2")]
    [InlineData("STATUS:MAYBE", "STATUS", "3.8.1.11")]
    [InlineData("TRANSP:GLASS", "TRANSP", "3.8.2.7")]
    [InlineData("PRIORITY:11", "PRIORITY", "3.8.1.9")]
    [InlineData("SEQUENCE:one", "SEQUENCE", "3.8.7.4")]
    [InlineData("GEO:here", "GEO", "3.8.1.6")]
    [InlineData("ATTENDEE:Jo", "ATTENDEE", "3.3.3")]
    [InlineData("SUMMARY:a, b", "SUMMARY", "3.3.11")]
    [InlineData("DESCRIPTION:C:\\temp", "DESCRIPTION", "3.3.11")]
    [InlineData("CREATED:20260101T000000", "CREATED", "3.8.7.1")]
    [InlineData("RECURRENCE-ID;TZID=Europe/Berlin;RANGE=THISANDPRIOR:20260302T120000", "RECURRENCE-ID", "3.2.13")]
    [InlineData("RECURRENCE-ID;TZID=Mars/Olympus:20260302T120000", "RECURRENCE-ID", "3.2.19")]
    [InlineData("DTEND;TZID=America/New_York:20260302T130000", "DTEND", "3.2.19")]
    [InlineData("UID:b", "UID", "3.6.1")]
    public void A_line_that_is_wrong_is_named_with_its_number_and_the_section(string wrong, string property, string section)
    {
        var document = CalendarDocument.Parse(
            $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//EN\r\n{Berlin}BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\nDTSTART;TZID=Europe/Berlin:20260302T120000\r\n{wrong}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        var finding = CalendarCheck.Of(document).ShouldHaveSingleItem();
        (finding.Line, finding.Component, finding.Property, finding.Source).ShouldBe((16, "VEVENT", property, $"RFC 5545 section {section}"));
    }

    [Theory]
    [InlineData("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n", "PRODID", "UID", "DTSTAMP", "DTSTART")]
    [InlineData("BEGIN:VCALENDAR\r\nVERSION:1.0\r\nPRODID:x\r\nEND:VCALENDAR\r\n", null, "VERSION")]
    [InlineData("BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\n", null, "ACTION", "TRIGGER")]
    [InlineData("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTIMEZONE\r\nBEGIN:STANDARD\r\nTZOFFSETTO:one\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n", "TZID", "DTSTART", "TZOFFSETFROM", "TZOFFSETTO")]
    public void What_is_missing_is_named(string text, params string?[] properties) =>
        CalendarCheck.Of(CalendarDocument.Parse(text)).Select(finding => finding.Property).ShouldBe(properties, ignoreOrder: true);

    [Fact]
    public void An_override_of_no_instance_and_a_second_one_of_the_same_are_named()
    {
        const string Event = "BEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\n";
        var findings = CalendarCheck.Of(CalendarDocument.Parse(
            "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n"
            + Event + "DTSTART:20260302T120000Z\r\nRRULE:FREQ=WEEKLY\r\nEND:VEVENT\r\n"
            + Event + "DTSTART:20260303T120000Z\r\nRECURRENCE-ID:20260309T120000Z\r\nEND:VEVENT\r\n"
            + Event + "DTSTART:20260304T120000Z\r\nRECURRENCE-ID:20260309T120000Z\r\nEND:VEVENT\r\n"
            + Event + "DTSTART:20260304T120000Z\r\nRECURRENCE-ID:20260310T120000Z\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"));
        findings.Select(finding => finding.Line).ShouldBe([20, 26]);
    }

    [Fact]
    public void Every_file_is_checked_without_exception_and_each_finding_has_a_place_and_a_source()
    {
        foreach (var file in CalendarFiles.All)
            foreach (var finding in CalendarCheck.Of(CalendarDocument.Parse(File.ReadAllBytes(file))))
            {
                finding.Message.ShouldEndWith(".", Case.Sensitive, file);
                finding.Source.ShouldStartWith("RFC ", Case.Sensitive, file);
                finding.Line.ShouldBeInRange(0, File.ReadAllBytes(file).Count(b => b == (byte)'\n') + 1);
            }
    }
}
