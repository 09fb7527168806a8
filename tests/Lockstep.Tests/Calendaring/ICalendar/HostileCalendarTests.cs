using System.Globalization;
using System.Text;
using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>Texts that somebody made to stop a server. Each is answered, and what it takes is bounded by what is allocated, not by a clock.</summary>
public sealed class HostileCalendarTests
{
    // What a resource may have when it comes from a CalDAV server or through the API.
    private const int MaxText = 4 * 1024 * 1024;
    private const long Megabyte = 1024 * 1024;

    private static readonly Interval OneDay = new(Expanding.At("2026-03-02"), Expanding.At("2026-03-03"));
    private static readonly Interval Always = new(null, null);

    private static readonly string EveryPart =
        $"BYMONTH={Numbers(1, 12)};BYMONTHDAY={Numbers(1, 31)},{Numbers(-31, -1)};BYYEARDAY={Numbers(1, 366)};BYWEEKNO={Numbers(1, 53)};BYDAY=MO,TU,WE,TH,FR,SA,SU;"
        + $"BYHOUR={Numbers(0, 23)};BYMINUTE={Numbers(0, 59)};BYSECOND={Numbers(0, 59)}";

    public static TheoryData<string, string> Rules => new()
    {
        { "every second since the year 1", "DTSTART:00010101T000000Z\r\nRRULE:FREQ=SECONDLY" },
        { "every second, but never", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30" },
        { "every minute on one second of each leap day", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=MINUTELY;BYMONTH=2;BYMONTHDAY=29;BYSECOND=59" },
        { "30 February", "DTSTART:20200230T000000Z\r\nRRULE:FREQ=YEARLY\r\nDTSTART:20200201T000000Z" },
        { "30 February by parts", "DTSTART:20200201T000000Z\r\nRRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30" },
        { "YEARLY with every BY-part", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=YEARLY;" + EveryPart },
        { "YEARLY with every BY-part, chosen from its end", $"DTSTART:20200101T000000Z\r\nRRULE:FREQ=YEARLY;{EveryPart};BYSETPOS={Numbers(-500, -1)},{Numbers(1, 400)}" },
        { "SECONDLY with every BY-part", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=SECONDLY;" + EveryPart },
        { "COUNT in the millions, by days that have to be counted", "DTSTART:00010101T000000Z\r\nRRULE:FREQ=MONTHLY;BYDAY=1MO,2TU,-1FR;BYHOUR=1,2,3;COUNT=99999999" },
        { "COUNT in the millions, by the second", "DTSTART:19000101T000000Z\r\nRRULE:FREQ=SECONDLY;BYHOUR=3;COUNT=999999999" },
        { "an INTERVAL as large as can be", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=YEARLY;INTERVAL=999999999" },
        { "from the year 1, ten thousand years long", "DTSTART:00010101T000000Z\r\nDURATION:P3652058D\r\nRRULE:FREQ=DAILY" },
        { "at the end of the year 9999", "DTSTART:99991231T235959Z\r\nDURATION:P521722W\r\nRRULE:FREQ=SECONDLY" },
        { "an end before the start by ten thousand years", "DTSTART:99991231T235959Z\r\nDTEND:00010101T000000Z\r\nRRULE:FREQ=DAILY" },
        { "64 rules and 64 exception rules, each with all times of day", "DTSTART:20200101T000000Z\r\n" + Repeat(200, i => $"RRULE:FREQ=DAILY;INTERVAL={i + 1};BYHOUR={Numbers(0, 23)};BYMINUTE={Numbers(0, 59)};BYSECOND={Numbers(0, 59)}\r\nEXRULE:FREQ=DAILY;INTERVAL={i + 1};BYHOUR={Numbers(0, 23)};BYMINUTE={Numbers(0, 59)};BYSECOND={Numbers(0, 59)}\r\n") },
        { "a hundred thousand rules", "DTSTART:20200101T000000Z\r\n" + Repeat(100_000, i => $"RRULE:FREQ=DAILY;INTERVAL={i + 1}\r\n") },
        { "RDATE bomb", "DTSTART:20200101T000000Z\r\nRDATE:" + string.Join(',', Enumerable.Range(0, 240_000).Select(Time)) },
        { "RDATE bomb of periods, each a thousand years long", "DTSTART:20200101T000000Z\r\nRDATE;VALUE=PERIOD:" + string.Join(',', Enumerable.Range(0, 150_000).Select(i => $"{Time(i)}/P365000D")) },
        { "EXDATE bomb", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=MINUTELY\r\nEXDATE:" + string.Join(',', Enumerable.Range(0, 240_000).Select(Time)) },
        { "EXDATE bomb, a line each", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=MINUTELY\r\n" + Repeat(150_000, i => $"EXDATE:{Time(i)}\r\n") },
        { "a zone of slashes", $"DTSTART;TZID={new string('/', 1_000_000)}:20200101T000000\r\nRRULE:FREQ=DAILY" },
        { "a zone of blanks", $"DTSTART;TZID={new string(' ', 1_000_000)}:20200101T000000\r\nRRULE:FREQ=DAILY" },
        { "a million parameters", $"DTSTART{Repeat(500_000, _ => ";X=Y")}:20200101T000000Z\r\nRRULE:FREQ=DAILY" },
        { "a line folded a million times", $"DTSTART:20200101T000000Z\r\nSUMMARY:{Repeat(1_000_000, _ => "x\r\n ")}\r\nRRULE:FREQ=DAILY" },
        { "numbers beyond numbers", "DTSTART:20200101T000000Z\r\nRRULE:FREQ=DAILY;INTERVAL=99999999999999999999;COUNT=99999999999999999999\r\nSEQUENCE:99999999999999999999\r\nDURATION:P99999999999999999999W" },
    };

    [Theory]
    [MemberData(nameof(Rules))]
    public void A_hostile_event_is_read_expanded_and_checked_with_bounded_work(string attack, string lines) => Survives(attack, Text(lines));

    public static TheoryData<string, string> Documents => new()
    {
        { "a THISANDFUTURE for each day, of a rule with all times of day", Vevent($"DTSTART:20200101T000000Z\r\nRRULE:FREQ=DAILY;BYHOUR={Numbers(0, 23)};BYMINUTE={Numbers(0, 59)};BYSECOND={Numbers(0, 59)}\r\n") + Repeat(10_000, i => Vevent($"RECURRENCE-ID;RANGE=THISANDFUTURE:{Day(i)}T000000Z\r\nDTSTART:{Day(i)}T000001Z\r\n")) },
        { "a THISANDFUTURE for each day, among an RDATE bomb", Vevent("DTSTART:20200101T000000Z\r\nRDATE:" + string.Join(',', Enumerable.Range(0, 100_000).Select(Time)) + "\r\n") + Repeat(10_000, i => Vevent($"RECURRENCE-ID;RANGE=THISANDFUTURE:{Day(i)}T000000Z\r\nDTSTART:{Day(i)}T000001Z\r\n")) },
        { "as many masters as overrides of one UID", Repeat(15_000, _ => Vevent("DTSTART:20200101T000000Z\r\nRRULE:FREQ=DAILY\r\n")) + Repeat(15_000, i => Vevent($"RECURRENCE-ID:{Day(i)}T000000Z\r\nDTSTART:{Day(i)}T010000Z\r\n")) },
        { "overrides of nothing", Vevent("DTSTART:20200101T000000Z\r\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30\r\n") + Repeat(30_000, i => Vevent($"RECURRENCE-ID:{Day(i)}T010000Z\r\nDTSTART:{Day(i)}T010000Z\r\n")) },
        { "thirty thousand endless series", Repeat(30_000, i => Vevent("DTSTART:00010101T000000Z\r\nRRULE:FREQ=SECONDLY\r\n", i)) },
        { "a zone for each event", Repeat(20_000, i => $"BEGIN:VTIMEZONE\r\nTZID:Z{i}\r\nEND:VTIMEZONE\r\n") + Repeat(20_000, i => Vevent($"DTSTART;TZID=Z{i}:20200101T000000\r\n", i)) },
        { "a zone with thousands of observances", "BEGIN:VTIMEZONE\r\nTZID:Bomb\r\n" + Repeat(20_000, i => $"BEGIN:STANDARD\r\nDTSTART:{Day(i)}T000000\r\nTZOFFSETFROM:+0{i % 9}00\r\nTZOFFSETTO:+0{(i + 1) % 9}00\r\nEND:STANDARD\r\n") + "END:VTIMEZONE\r\n" + Vevent("DTSTART;TZID=Bomb:20200101T000000\r\nRRULE:FREQ=HOURLY\r\n") },
        { "a zone whose clock changes each second", "BEGIN:VTIMEZONE\r\nTZID:Bomb\r\n" + Repeat(2, i => $"BEGIN:{(i == 0 ? "STANDARD" : "DAYLIGHT")}\r\nDTSTART:0001010{i + 1}T000000\r\nTZOFFSETFROM:+1800\r\nTZOFFSETTO:-1800\r\nRRULE:FREQ=SECONDLY\r\nRDATE:{string.Join(',', Enumerable.Range(0, 100_000).Select(Time))}\r\nEND:{(i == 0 ? "STANDARD" : "DAYLIGHT")}\r\n") + "END:VTIMEZONE\r\n" + Vevent("DTSTART;TZID=Bomb:20200101T000000\r\nRRULE:FREQ=MINUTELY\r\n") },
        { "a zone whose rule never comes", "BEGIN:VTIMEZONE\r\nTZID:Bomb\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\nTZOFFSETFROM:+0000\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n" + Vevent("DTSTART;TZID=Bomb:20200101T000000\r\nRRULE:FREQ=DAILY\r\n") },
        { "a component in each other", Repeat(100_000, _ => "BEGIN:VEVENT\r\n") + Repeat(100_000, _ => "END:VEVENT\r\n") },
        { "events that contain themselves", "BEGIN:VEVENT\r\nUID:a\r\nRELATED-TO:a\r\nRELATED-TO;RELTYPE=PARENT:a\r\nDTSTART:20260302T000000Z\r\nRRULE:FREQ=DAILY\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20260302T000000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\nEND:VEVENT\r\n" },
        { "ends of what never began", Repeat(200_000, _ => "END:VEVENT\r\n") },
        { "lines of nothing", new string('\n', 2_000_000) },
        { "quotes that are never closed", Repeat(100_000, _ => "X;Y=\"\"\"\"\"\"\"\"\"\":\"\r\n") },
    };

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_hostile_document_is_read_expanded_and_checked_with_bounded_work(string attack, string components) =>
        Survives(attack, $"BEGIN:VCALENDAR\r\n{components}END:VCALENDAR\r\n");

    [Fact]
    public void Editing_an_occurrence_of_a_hostile_series_is_bounded_too()
    {
        var text = $"BEGIN:VCALENDAR\r\n{Vevent($"DTSTART:00010101T000000Z\r\nRRULE:FREQ=MONTHLY;BYDAY=1MO;BYHOUR={Numbers(0, 23)};BYMINUTE={Numbers(0, 59)};COUNT=99999999\r\n")}"
            + Repeat(20_000, i => Vevent($"RECURRENCE-ID:{Day(i)}T000000Z\r\nDTSTART:{Day(i)}T010000Z\r\n")) + "END:VCALENDAR\r\n";
        var document = CalendarDocument.Parse(text);
        var master = document.ComponentsNamed("VEVENT").First();
        Bounded("edits", 600, () =>
        {
            var at = CalendarTime.Parse("20260302T000000Z", null)!.Value;
            _ = Occurrences.Find(document, at, DateTimeZone.Utc);
            _ = SeriesSplit.Problem(master, at);
            master.Override(at, Expanding.At("2026-01-01"));
            master.Shift(CalendarTime.Parse("00010101T000000Z", null)!.Value, CalendarTime.Parse("00010101T010000Z", null)!.Value, withRecurrence: true);
            master.DropStrayOverrides();
            master.Exclude(at);
        });
    }

    private static void Survives(string attack, string text)
    {
        text.Length.ShouldBeLessThanOrEqualTo(MaxText, attack);
        CalendarDocument document = null!;
        // The tree of a text is a few hundred bytes a line.
        Bounded($"reading {attack}", 40 + (text.Count(c => c == '\n') * 400 / Megabyte), () => document = CalendarDocument.Parse(text));
        document.ToString().ShouldBe(text);
        foreach (var window in new[] { OneDay, Always })
        {
            var report = new ExpansionReport();
            var (count, last) = (0, Instant.MinValue);
            Bounded($"expanding {attack}", 500, () =>
            {
                foreach (var occurrence in Occurrences.Expand(document, window, Expanding.Berlin, report).Take(100_000))
                {
                    occurrence.Start.ShouldBeGreaterThanOrEqualTo(last, attack);
                    (count, last) = (count + 1, occurrence.Start);
                }
            });
        }
        var budget = new ExpansionBudget(50_000, 1_000, TestContext.Current.CancellationToken);
        Bounded($"sharing a budget with {attack}", 200, () => Occurrences.Expand(document, Always, Expanding.Berlin, null, budget).Count().ShouldBeLessThanOrEqualTo(1_000, attack));
        Bounded($"checking {attack}", 500, () => CalendarCheck.Of(document).Count.ShouldBeLessThanOrEqualTo(1_000, attack));
        Bounded($"facts of {attack}", 200, () => EventFacts.Of(document));
    }

    private static void Bounded(string what, long megabytes, Action work)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        work();
        ((GC.GetAllocatedBytesForCurrentThread() - before) / Megabyte).ShouldBeLessThan(megabytes, what);
    }

    private static string Text(string lines) => $"BEGIN:VCALENDAR\r\n{Vevent(lines.TrimEnd() + "\r\n")}END:VCALENDAR\r\n";

    private static string Vevent(string lines, int uid = 0) => $"BEGIN:VEVENT\r\nUID:{uid}\r\n{lines}END:VEVENT\r\n";

    private static string Repeat(int count, Func<int, string> piece)
    {
        var text = new StringBuilder();
        for (var i = 0; i < count; i++)
            text.Append(piece(i));
        return text.ToString();
    }

    private static string Numbers(int from, int to) => string.Join(',', Enumerable.Range(from, to - from + 1));

    private static string Time(int minute) => new DateTime(2020, 1, 1).AddMinutes(minute).ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);

    private static string Day(int day) => new DateTime(2020, 1, 1).AddDays(day).ToString("yyyyMMdd", CultureInfo.InvariantCulture);
}
