using System.Diagnostics;
using Lockstep.Calendaring.ICalendar;
using NodaTime;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>
/// Against python3-dateutil and python3-recurring-ical-events, which <c>./test --long</c> installs. What they do
/// otherwise is named here with the section of RFC 5545 that decides.
/// </summary>
[Trait("Category", "Long")]
public sealed class DifferentialTests(ITestOutputHelper output)
{
    private const int Rules = 10_000;

    /// <summary>Files whose occurrences differ, and why ours are right.</summary>
    private static readonly Dictionary<string, string> Explained = new()
    {
        ["this-and-future.ics"] = "the library does not know RANGE=THISANDFUTURE (3.2.13)",
        ["issue_165_missing_event.ics"] = "events without UID are events of their own; the library keeps one (3.8.4.7)",
        ["issue_107_omitting_last_event.ics"] = "UNTIL is inclusive (3.3.10)",
        ["issue_128_only_first_event.ics"] = "COUNT=-1 is no number of occurrences; UNTIL decides (3.3.10)",
        ["issue_148_ignored_exdate.ics"] = "the revision with the higher SEQUENCE replaces the other (3.8.7.4)",
        ["issue_86_x_wr_timezone_without_time_zone_in_dt.ics"] = "a floating time is in the reader's zone (3.3.5)",
        ["issue_201_test_matrix.ics"] = "DTSTART with VALUE=DATE and DTEND with a time may not be mixed (3.8.2.2); whole days are kept",
    };

    [Fact]
    public void Random_rules_give_what_dateutil_gives()
    {
        var random = new Random(20_261_121);
        var cases = new List<string>();
        var (compared, wrong) = (0, new List<string>());
        while (compared < Rules)
        {
            cases.Clear();
            for (var i = 0; i < 2_000; i++)
                cases.Add($"{RandomRule.Start(random)}|{RandomRule.Text(random)}|{new[] { 1, 30, 400, 3000 }[random.Next(4)]}");
            var answers = Python("rules.py", [], string.Join('\n', cases) + "\n");
            foreach (var (sample, answer) in cases.Zip(answers))
            {
                if (answer == "-" || compared >= Rules)
                    continue;
                compared++;
                var (rule, expected) = (sample.Split('|')[1], answer.Split('|'));
                var from = CalendarTime.Parse(expected[0], null)!.Value.Local.InUtc().ToInstant();
                var to = Instant.Min(from + Duration.FromDays(int.Parse(sample.Split('|')[2], null)), Expanding.At("2031-01-01"));
                var found = Occurrences.Expand(Expanding.Event($"DTSTART:{expected[0]}", $"RRULE:{rule}"), new Interval(from, to), DateTimeZone.Utc)
                    .Take(200).Select(o => CalendarTime.Utc(o.Start).ToString());
                if (string.Join(' ', found) != expected[1])
                    wrong.Add($"DTSTART:{expected[0]} RRULE:{rule}");
            }
        }
        output.WriteLine($"{compared} rules compared with dateutil, {wrong.Count} differ.");
        wrong.ShouldBeEmpty();
    }

    // To 2037: the library's zones change no clock after that year, those of the tz database do.
    [Theory]
    [InlineData(1998, 2003)]
    [InlineData(2003, 2015)]
    [InlineData(2015, 2027)]
    [InlineData(2027, 2037)]
    public void Files_give_what_recurring_ical_events_gives(int from, int to)
    {
        var files = CalendarFiles.All;
        var expected = Python("files.py", [$"{from}", $"{to}", .. files], "").Select(line => line.Split('|', 2)).ToLookup(part => int.Parse(part[0], null), part => part[1]);
        var differing = new List<string>();
        for (var i = 0; i < files.Count; i++)
        {
            var name = Path.GetFileName(files[i]);
            if (expected[i].Contains("ERROR"))
            {
                output.WriteLine($"{name}: the library cannot expand it");
                continue;
            }
            var found = CalendarDocument.Parse(File.ReadAllBytes(files[i])).Between($"{from}-01-01", $"{to}-01-01")
                .Select(o => $"{CalendarTime.Utc(o.Start)}|{CalendarTime.Utc(o.End)}|{o.Uid}");
            if (found.Order(StringComparer.Ordinal).SequenceEqual(expected[i].Order(StringComparer.Ordinal)))
                continue;
            output.WriteLine($"{name}: {Explained.GetValueOrDefault(name, "NOT EXPLAINED")}");
            if (!Explained.ContainsKey(name))
                differing.Add(name);
        }
        differing.ShouldBeEmpty();
    }

    private static string[] Python(string script, IReadOnlyList<string> arguments, string input)
    {
        var start = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(CalendarFiles.Samples, "../differential", script), .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var answer = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, errors.Result);
        return answer.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }
}
