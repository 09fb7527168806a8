using System.Globalization;
using NodaTime;

namespace Lockstep.Tests.Booking;

/// <summary>Resources such as calendars hold them, around a week: whole days, series with exceptions, what does not block, other zones, floating times.</summary>
/// <param name="week">Its Monday; the clock turns in it.</param>
internal sealed class RandomCalendar(Random random, string zone, LocalDate week)
{
    private static readonly string[] Elsewhere = ["Asia/Kathmandu", "America/Los_Angeles", "Europe/London", "Asia/Tokyo"];
    private static readonly string[] Days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

    private int made;

    public List<string> Events(int count) => [.. Enumerable.Range(0, count).Select(_ => Resource())];

    private string Resource()
    {
        var uid = $"{++made}-{random.Next()}@oracle";
        return random.Next(9) switch
        {
            0 => Wrap(Event(uid, WholeDays(), Words())),
            1 => Wrap(Event(uid, $"{WholeDays()}\r\nRRULE:FREQ=WEEKLY;INTERVAL={random.Next(1, 3)}", Words())),
            2 or 3 => Wrap(Event(uid, Timed(Date(), Minute(), random.Next(15, 240), Zone()), Words())),
            4 => Wrap(Event(uid, Timed(Date(), Minute(), random.Next(600, 2400), Zone()), Words())),
            5 => Series(uid, $"FREQ=DAILY;COUNT={random.Next(3, 200)}"),
            6 => Series(uid, $"FREQ=WEEKLY;BYDAY={string.Join(',', Days.Where(_ => random.Next(3) == 0).DefaultIfEmpty("TU"))}"),
            7 => Series(uid, $"FREQ=MONTHLY;BYDAY={random.Next(1, 4)}{Days[random.Next(7)]}"),
            _ => Series(uid, $"FREQ=DAILY;INTERVAL={random.Next(1, 4)}"),
        };
    }

    /// <summary>A series with some of its instances left out, moved, called off, or made free.</summary>
    private string Series(string uid, string rule)
    {
        var (of, minute, length) = (Zone(), Minute(), random.Next(15, 120));
        var daily = rule.StartsWith("FREQ=DAILY", StringComparison.Ordinal);
        var interval = rule.Contains("INTERVAL=", StringComparison.Ordinal) ? int.Parse(rule[^1..], CultureInfo.InvariantCulture) : 1;
        var start = week.PlusDays(-random.Next(0, 60));
        var main = $"{Timed(start, minute, length, of)}\r\nRRULE:{rule}";
        if (!daily)
            return Wrap(Event(uid, main, Words()));
        // The instances of the week, which exceptions can name.
        var instances = Enumerable.Range(0, 90).Select(i => start.PlusDays(i * interval)).Where(day => day >= week && day < week.PlusDays(7)).ToList();
        var exceptions = "";
        foreach (var day in instances)
            switch (random.Next(10))
            {
                case 0:
                    main += $"\r\n{Time("EXDATE", day, minute, of)}";
                    break;
                case 1:
                    exceptions += Event(uid, $"{Time("RECURRENCE-ID", day, minute, of)}\r\n{Timed(day, Math.Min(1380, minute + 130), length, of)}", "");
                    break;
                case 2:
                    exceptions += Event(uid, $"{Time("RECURRENCE-ID", day, minute, of)}\r\n{Timed(day, minute, length, of)}", "STATUS:CANCELLED\r\n");
                    break;
                case 3:
                    exceptions += Event(uid, $"{Time("RECURRENCE-ID", day, minute, of)}\r\n{Timed(day, minute, length, of)}", "TRANSP:TRANSPARENT\r\n");
                    break;
            }
        return Wrap(Event(uid, main, random.Next(4) == 0 ? "STATUS:TENTATIVE\r\n" : "") + exceptions);
    }

    private string WholeDays()
    {
        var day = Date();
        return $"DTSTART;VALUE=DATE:{day:yyyyMMdd}\r\nDTEND;VALUE=DATE:{day.PlusDays(random.Next(1, 3)):yyyyMMdd}";
    }

    private static string Timed(LocalDate day, int minute, int length, string? of)
    {
        // A start that the clock skips is read an hour later (RFC 5545 section 3.3.5); the end still comes after it.
        var end = day.AtMidnight().PlusMinutes(minute + (minute < 180 ? Math.Max(length, 75) : length));
        return $"{Time("DTSTART", day, minute, of)}\r\n{Time("DTEND", end.Date, (end.Hour * 60) + end.Minute, of)}";
    }

    /// <param name="of">A zone; empty for UTC, null for floating.</param>
    private static string Time(string name, LocalDate day, int minute, string? of)
    {
        var text = $"{day:yyyyMMdd}T{minute / 60:00}{minute % 60:00}00";
        return of switch { null => $"{name}:{text}", "" => $"{name}:{text}Z", _ => $"{name};TZID={of}:{text}" };
    }

    private static string Event(string uid, string times, string words) =>
        $"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTAMP:20260101T000000Z\r\nSUMMARY:Taken\r\n{times}\r\n{words}END:VEVENT\r\n";

    private static string Wrap(string events) => $"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Oracle//EN\r\n{events}END:VCALENDAR\r\n";

    private string Words() => random.Next(8) switch
    {
        0 => "TRANSP:TRANSPARENT\r\n",
        1 => "STATUS:CANCELLED\r\n",
        2 => "STATUS:TENTATIVE\r\n",
        3 => "TRANSP:OPAQUE\r\nSTATUS:CONFIRMED\r\n",
        _ => "",
    };

    private LocalDate Date() => week.PlusDays(random.Next(-2, 9));

    private int Minute() => random.Next(0, 96) * 15;

    private string? Zone() => random.Next(6) switch { 0 => "", 1 => null, 2 => Elsewhere[random.Next(Elsewhere.Length)], _ => zone };
}
