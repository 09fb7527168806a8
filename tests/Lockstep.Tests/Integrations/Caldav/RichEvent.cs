using Lockstep.Calendaring.ICalendar;

namespace Lockstep.Tests.Integrations.Caldav;

/// <summary>An event with much of what real clients write, most of which means nothing to Lockstep.</summary>
internal static class RichEvent
{
    public static readonly string Ics =
        """
        BEGIN:VCALENDAR
        VERSION:2.0
        PRODID:-//Example//Rich//EN
        CALSCALE:GREGORIAN
        BEGIN:VTIMEZONE
        TZID:Europe/Berlin
        BEGIN:DAYLIGHT
        TZOFFSETFROM:+0100
        TZOFFSETTO:+0200
        TZNAME:CEST
        DTSTART:19700329T020000
        RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
        END:DAYLIGHT
        BEGIN:STANDARD
        TZOFFSETFROM:+0200
        TZOFFSETTO:+0100
        TZNAME:CET
        DTSTART:19701025T030000
        RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
        END:STANDARD
        END:VTIMEZONE
        BEGIN:VEVENT
        UID:rich@example.com
        DTSTAMP:20260101T000000Z
        CREATED:20251224T180000Z
        LAST-MODIFIED:20260101T000000Z
        SEQUENCE:3
        DTSTART;TZID=Europe/Berlin:20260302T090000
        DTEND;TZID=Europe/Berlin:20260302T100000
        RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=20
        EXDATE;TZID=Europe/Berlin:20260309T090000
        SUMMARY;LANGUAGE=en:Weekly\, rich
        DESCRIPTION:Two lines\nand a backslash \\ with a semicolon\;
        LOCATION;ALTREP="https://example.com/room?a=1":Room 1\, first floor
        CATEGORIES:WORK,A\,B
        GEO:52.52;13.405
        PRIORITY:5
        CLASS:PRIVATE
        TRANSP:OPAQUE
        URL:https://example.com/?q=a,b
        ORGANIZER;CN="Ada, the organizer":mailto:ada@example.com
        ATTENDEE;CN=Bob;PARTSTAT=ACCEPTED;ROLE=REQ-PARTICIPANT;RSVP=TRUE;SCHEDULE-AGENT=CLIENT:mailto:bob@example.com
        ATTENDEE;CN="Eve; X";PARTSTAT=TENTATIVE:mailto:eve@example.com
        X-PRIVATE;X-PARAM=one:value\, with comma
        X-APPLE-STRUCTURED-LOCATION;VALUE=URI;X-TITLE="Room 1":geo:52.52,13.405
        BEGIN:VALARM
        ACTION:DISPLAY
        TRIGGER;RELATED=START:-PT15M
        DESCRIPTION:Soon
        X-ALARM:kept
        END:VALARM
        END:VEVENT
        BEGIN:VEVENT
        UID:rich@example.com
        RECURRENCE-ID;TZID=Europe/Berlin:20260304T090000
        DTSTAMP:20260101T000000Z
        DTSTART;TZID=Europe/Berlin:20260304T110000
        DTEND;TZID=Europe/Berlin:20260304T120000
        SUMMARY:Moved once
        END:VEVENT
        END:VCALENDAR

        """.ReplaceLineEndings("\r\n");

    /// <summary>Every property with its component and parameters, sorted; without the stamps that an edit moves.</summary>
    public static string[] Lines(string ics)
    {
        var lines = new List<string>();
        foreach (var component in CalendarDocument.Parse(ics).Components)
            Collect(component, "");
        return [.. lines.Order(StringComparer.Ordinal)];

        void Collect(CalendarComponent component, string path)
        {
            path = path.Length == 0 ? component.Name : $"{path}/{component.Name}";
            foreach (var line in component.Properties)
                if (line.Name is not ("DTSTAMP" or "LAST-MODIFIED" or "PRODID"))
                    lines.Add($"{path}/{line.Name}{string.Concat(line.Parameters.Select(p => $";{p.Name}={p.Value}").Order(StringComparer.Ordinal))}:{line.Value}");
            foreach (var inner in component.Components)
                Collect(inner, path);
        }
    }
}
