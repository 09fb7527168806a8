using System.Globalization;
using System.Text;

namespace Lockstep.Bench.Ical;

/// <summary>Calendars as programs write them: a zone, folded lines, attendees, alarms.</summary>
internal static class SampleCalendars
{
    private const string Zone =
        "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\nX-LIC-LOCATION:Europe/Berlin\r\nBEGIN:DAYLIGHT\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nTZNAME:CEST\r\nDTSTART:19700329T020000\r\n"
        + "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\r\nEND:DAYLIGHT\r\nBEGIN:STANDARD\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nTZNAME:CET\r\nDTSTART:19701025T030000\r\nRRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n";

    /// <summary>One document of so many events, about 900 bytes each.</summary>
    public static byte[] Export(int events) => Document(events, i => (i % 4) switch
    {
        0 => $"DTSTART;TZID=Europe/Berlin:{Day(i)}T090000\r\nDTEND;TZID=Europe/Berlin:{Day(i)}T093000\r\nRRULE:FREQ=WEEKLY;BYDAY=MO,TH\r\nEXDATE;TZID=Europe/Berlin:{Day(i + 7)}T090000\r\n",
        1 => $"DTSTART:{Day(i)}T120000Z\r\nDTEND:{Day(i)}T130000Z\r\n",
        2 => $"DTSTART;VALUE=DATE:{Day(i)}\r\nDTEND;VALUE=DATE:{Day(i + 1)}\r\n",
        _ => $"DTSTART;TZID=Europe/Berlin:{Day(i)}T150000\r\nDURATION:PT1H\r\nRRULE:FREQ=MONTHLY;BYDAY=2TU;COUNT=20\r\n",
    });

    /// <summary>One document of so many series that began two years before 2026 and do not end: <paramref name="rule"/> by number.</summary>
    public static byte[] Recurring(int events, Func<int, string> rule) => Document(events, i => string.Create(CultureInfo.InvariantCulture,
        $"DTSTART;TZID=Europe/Berlin:202401{1 + (i % 28):00}T{8 + (i % 10):00}{i % 4 * 15:00}00\r\nDURATION:PT30M\r\nRRULE:{rule(i)}\r\n"));

    /// <summary>As people have them: most weekly, some daily, monthly, yearly.</summary>
    public static string MixedRule(int i) => (i % 10) switch
    {
        0 or 1 => "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        2 => "FREQ=DAILY",
        3 => "FREQ=MONTHLY;BYDAY=2TU",
        4 => "FREQ=YEARLY",
        5 => "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE",
        _ => "FREQ=WEEKLY",
    };

    private static string Day(int i) => new DateOnly(2026, 1, 5).AddDays(i % 300).ToString("yyyyMMdd", CultureInfo.InvariantCulture);

    private static byte[] Document(int events, Func<int, string> times)
    {
        var text = new StringBuilder("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//Client//EN\r\nCALSCALE:GREGORIAN\r\n").Append(Zone);
        for (var i = 0; i < events; i++)
            text.Append(CultureInfo.InvariantCulture,
                $"BEGIN:VEVENT\r\nUID:{i:00000}-6f1c8a52-9c4e-4f0e-8a53-0f5f4f0f2b11@example.com\r\nDTSTAMP:20260101T000000Z\r\nCREATED:20260101T000000Z\r\nLAST-MODIFIED:20260101T000000Z\r\nSEQUENCE:{i % 3}\r\n{times(i)}")
                .Append(CultureInfo.InvariantCulture,
                $"SUMMARY:Meeting number {i} about the plans for spring\\, and what is left\r\nLOCATION:Room {i % 40}\\, second floor\r\nSTATUS:CONFIRMED\r\nTRANSP:OPAQUE\r\n")
                .Append("DESCRIPTION:We look at what was done since the last time\\, what is in the wa\r\n y\\, and who does what until the next. Bring your numbers.\\n\\nDial in: https://\r\n meet.example.com/spring-plans\\nCode: 123 456\r\n")
                .Append("ORGANIZER;CN=Jo Doe:mailto:jo@example.com\r\nATTENDEE;CN=\"Doe, Jane\";ROLE=REQ-PARTICIPANT;PARTSTAT=ACCEPTED;RSVP=TRUE:mailto:ja\r\n ne@example.com\r\nATTENDEE;CN=Sam;ROLE=OPT-PARTICIPANT;PARTSTAT=NEEDS-ACTION:mailto:sam@example.com\r\n")
                .Append("X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Reminder\r\nTRIGGER:-PT15M\r\nEND:VALARM\r\nEND:VEVENT\r\n");
        return Encoding.UTF8.GetBytes(text.Append("END:VCALENDAR\r\n").ToString());
    }
}
