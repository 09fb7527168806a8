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
    private const int LastYearOfTheirZones = 2037;

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
    public async Task Random_rules_give_what_dateutil_gives()
    {
        var random = new Random(20_261_121);
        var clock = Stopwatch.StartNew();
        var (tried, compared, wrong) = (0, 0, new List<string>());
        while (compared < Rules)
        {
            var batches = Enumerable.Range(0, Environment.ProcessorCount).Select(_ => Enumerable.Range(0, 1_000)
                .Select(_ => $"{RandomRule.Start(random)}|{RandomRule.Text(random)}|{new[] { 1, 30, 400, 3000 }[random.Next(4)]}").ToList()).ToList();
            var answers = await Task.WhenAll(batches.Select(batch => Task.Run(() => Python("rules.py", [], string.Join('\n', batch) + "\n"))));
            foreach (var (sample, answer) in batches.SelectMany(batch => batch).Zip(answers.SelectMany(lines => lines)))
            {
                tried++;
                if (answer == "-" || compared >= Rules)
                    continue;
                compared++;
                if (!Agrees(sample, answer))
                    wrong.Add(sample);
            }
        }
        output.WriteLine($"{compared} rules compared with dateutil in {clock.Elapsed.TotalSeconds:0} s, {wrong.Count} differ; {tried - compared} more had no start, or dateutil took over 50 ms.");
        wrong.ShouldBeEmpty();
    }

    private static bool Agrees(string sample, string answer)
    {
        var (rule, expected) = (sample.Split('|')[1], answer.Split('|'));
        var from = CalendarTime.Parse(expected[0], null)!.Value.Local.InUtc().ToInstant();
        var to = Instant.Min(from + Duration.FromDays(int.Parse(sample.Split('|')[2], null)), Expanding.At("2031-01-01"));
        var found = Occurrences.Expand(Expanding.Event($"DTSTART:{expected[0]}", $"RRULE:{rule}"), new Interval(from, to), DateTimeZone.Utc)
            .Take(200).Select(o => CalendarTime.Utc(o.Start).ToString());
        return string.Join(' ', found) == expected[1];
    }

    [Theory]
    [InlineData(1998, 2003)]
    [InlineData(2003, 2015)]
    [InlineData(2015, 2027)]
    [InlineData(2027, 2037)]
    [InlineData(2037, 2040)]
    public void Files_give_what_recurring_ical_events_gives(int from, int to)
    {
        var files = CalendarFiles.All;
        var expected = Python("files.py", [$"{from}", $"{to}", .. files], "").Select(line => line.Split('|', 2)).ToLookup(part => int.Parse(part[0], null), part => part[1]);
        var (differing, same) = (new List<string>(), 0);
        for (var i = 0; i < files.Count; i++)
        {
            var name = Path.GetFileName(files[i]);
            if (expected[i].FirstOrDefault(line => line.StartsWith("ERROR", StringComparison.Ordinal)) is { } error)
            {
                output.WriteLine($"{name}: not compared, the library fails: {error}");
                continue;
            }
            List<string> found = [.. CalendarDocument.Parse(File.ReadAllBytes(files[i])).Between($"{from}-01-01", $"{to}-01-01")
                .Select(o => $"{CalendarTime.Utc(o.Start)}|{CalendarTime.Utc(o.End)}|{o.Uid}").Order(StringComparer.Ordinal)];
            List<string> theirs = [.. expected[i].Order(StringComparer.Ordinal)];
            if (found.SequenceEqual(theirs))
            {
                same++;
                continue;
            }
            var why = Explained.GetValueOrDefault(name) ?? (from >= LastYearOfTheirZones && WithinAnHour(found, theirs) ? "its zones change no clock after 2037, those of the tz database do" : null);
            output.WriteLine($"{name}: {found.Except(theirs).Count()} only here, {theirs.Except(found).Count()} only there: {why ?? "NOT EXPLAINED"}");
            if (why is null)
                differing.Add(name);
        }
        output.WriteLine($"{same} of {files.Count} files give the same occurrences from {from} to {to}.");
        differing.ShouldBeEmpty();
    }

    /// <summary>Each occurrence there is one here, at the same time or an hour beside it.</summary>
    private static bool WithinAnHour(List<string> found, List<string> theirs) => found.Count == theirs.Count && found.Zip(theirs).All(pair =>
        pair.First.Split('|')[2] == pair.Second.Split('|')[2]
        && Duration.FromHours(1) >= Apart(pair.First, pair.Second) && Apart(pair.First, pair.Second) >= Duration.FromHours(-1));

    private static Duration Apart(string one, string other) => Start(one) - Start(other);

    private static Instant Start(string line) => CalendarTime.Parse(line.Split('|')[0], null)!.Value.Local.InUtc().ToInstant();

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
