using System.Globalization;
using System.Text;

namespace Lockstep.Bench.Caldav;

/// <summary>The calendar that is synced: years of appointments, every tenth a weekly one.</summary>
internal static class BenchCalendar
{
    public const int Events = 2000;

    private const string Begin = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Lockstep//Benchmark//EN\r\n";
    private const string End = "END:VCALENDAR\r\n";

    /// <summary>All in one text.</summary>
    public static string Whole() => Begin + string.Concat(Enumerable.Range(0, Events).Select(Event)) + End;

    /// <summary>One resource.</summary>
    public static string One(int number) => Begin + Event(number) + End;

    private static string Event(int i)
    {
        var day = new DateOnly(2026, 1, 1).AddDays(i % 365).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        return new StringBuilder()
            .Append(CultureInfo.InvariantCulture,
                $"BEGIN:VEVENT\r\nUID:bench-{i}@example.com\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{day}T{8 + (i % 10):00}0000Z\r\nDURATION:PT45M\r\nSUMMARY:Appointment {i}\r\nDESCRIPTION:Agenda\\, notes and what was decided last time.\r\nLOCATION:Room {i % 40}\r\n")
            .Append(i % 10 == 0 ? "RRULE:FREQ=WEEKLY;COUNT=20\r\n" : "").Append("END:VEVENT\r\n").ToString();
    }
}
