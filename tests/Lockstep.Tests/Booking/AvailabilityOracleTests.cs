using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Tests.Support;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Booking;

/// <summary>The free times of a page beside those that python3-recurring-ical-events and a loop over minutes come to, in the weeks in which clocks turn.</summary>
public sealed class AvailabilityOracleTests(LockstepApp app, ITestOutputHelper output) : IClassFixture<LockstepApp>
{
    /// <summary>An hour, another hour, half an hour, and one that turns at midnight.</summary>
    private static readonly string[] Zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"];

    private const int EventsEach = 10;
    private const int DaysEach = 9;

    [Fact]
    public Task The_times_offered_are_those_that_another_program_finds() => CompareAsync(calendars: 2, seed: 7);

    [Fact]
    [Trait("Category", "Long")]
    public Task Fifty_calendars_in_four_zones_in_the_weeks_in_which_clocks_turn() => CompareAsync(calendars: 50, seed: 20_261_121);

    private async Task CompareAsync(int calendars, int seed)
    {
        var clock = Stopwatch.StartNew();
        var cases = new ConcurrentBag<(string Name, JsonObject Question, List<string> Found)>();
        var wanted = Enumerable.Range(0, calendars).SelectMany(i => Zones.Select((zone, z) => (Slug: $"oracle-{seed}-{i}-{z}", Zone: zone, Seed: (seed * 1_000) + (i * 10) + z)));
        await Parallel.ForEachAsync(wanted, new ParallelOptions { MaxDegreeOfParallelism = 4 }, async (one, _) =>
        {
            foreach (var found in await AskAsync(one.Slug, one.Zone, new Random(one.Seed)))
                cases.Add(found);
        });
        var all = cases.OrderBy(one => one.Name, StringComparer.Ordinal).ToList();
        var answers = await ExpectedAsync([.. all.Select(one => one.Question)]);
        var differing = new List<string>();
        foreach (var ((name, question, found), expected) in all.Zip(answers))
            if (!found.SequenceEqual(expected))
                differing.Add($"{name}: only here {string.Join(' ', found.Except(expected).Take(5))}; only there {string.Join(' ', expected.Except(found).Take(5))}\n{question.ToJsonString()}");
        output.WriteLine($"{calendars} calendars in {Zones.Length} zones, {all.Count} weeks, {all.Sum(one => one.Found.Count)} times: {differing.Count} weeks differ, in {clock.Elapsed.TotalSeconds:0.0} s.");
        differing.ShouldBeEmpty();
        // Something was compared: most weeks have free times, and the busy ones are not the only ones that agree.
        all.Count(one => one.Found.Count > 0).ShouldBeGreaterThan(all.Count / 2);
    }

    /// <summary>Somebody with a calendar and settings of his own, asked for each week in which his clock turns.</summary>
    private async Task<List<(string Name, JsonObject Question, List<string> Found)>> AskAsync(string slug, string zone, Random random)
    {
        var owner = app.As(slug);
        var settings = RandomSettings(random);
        var hours = (JsonArray)settings["workingHours"]!["ranges"]!;
        await owner.PublishAsync(slug, body => (body["timezone"], body["settings"]) = (zone, settings));
        var events = new List<string>();
        var weeks = Turns(zone);
        foreach (var week in weeks)
            foreach (var ics in new RandomCalendar(random, zone, week).Events(EventsEach))
            {
                await owner.SendAsync("POST", "/v1/events/ics", ics, type: "text/calendar").ShouldBeAsync(HttpStatusCode.Created);
                events.Add(ics);
            }
        var found = new List<(string, JsonObject, List<string>)>();
        foreach (var week in weeks)
        {
            var answer = await app.Anonymous().GetAsync($"/c/{slug}/slots?from={week.Text()}&days={DaysEach}").ShouldBeAsync(HttpStatusCode.OK);
            answer["unconfirmed"]!.GetValue<bool>().ShouldBeFalse();
            var at = DateTimeZoneProviders.Tzdb[zone];
            found.Add(($"{slug} {zone} {week.Text()}",
                new JsonObject
                {
                    ["zone"] = zone,
                    ["from"] = Iso(at.AtStartOfDay(week).ToInstant()),
                    ["to"] = Iso(at.AtStartOfDay(week.PlusDays(DaysEach)).ToInstant()),
                    ["now"] = Iso(InstantPattern.ExtendedIso.Parse(answer.Text("asOf")).Value),
                    ["ranges"] = new JsonArray([.. hours.Select(range => (JsonNode)new JsonObject
                    {
                        ["days"] = range!["days"]!.DeepClone(), ["start"] = Minute(range.Text("start")), ["end"] = Minute(range.Text("end")),
                    })]),
                    ["length"] = settings["slots"]!["durationMinutes"]!.DeepClone(),
                    ["step"] = settings["slots"]!["stepMinutes"]!.DeepClone(),
                    ["before"] = settings["slots"]!["bufferBeforeMinutes"]!.DeepClone(),
                    ["after"] = settings["slots"]!["bufferAfterMinutes"]!.DeepClone(),
                    ["notice"] = settings["slots"]!["noticeMinutes"]!.DeepClone(),
                    ["horizon"] = settings["slots"]!["horizonDays"]!.DeepClone(),
                    ["events"] = new JsonArray([.. events.Select(ics => (JsonNode)ics)]),
                },
                [.. answer["slots"]!.AsArray().Select(slot => slot!.Text("start"))]));
        }
        return found;
    }

    private static JsonObject RandomSettings(Random random)
    {
        var ranges = new JsonArray();
        var days = Enumerable.Range(1, 7).Where(_ => random.Next(5) > 0).DefaultIfEmpty(7).ToArray();
        if (random.Next(3) == 0)
            ranges.Add(Range([7], "00:00", "24:00"));
        else
        {
            ranges.Add(Range(days, "00:30", "03:15"));
            ranges.Add(Range(days, "08:00", "12:00"));
            ranges.Add(Range([.. days.Where(day => day != 5).DefaultIfEmpty(5)], random.Next(2) == 0 ? "12:00" : "13:20", "18:30"));
        }
        return new JsonObject
        {
            ["workingHours"] = new JsonObject { ["ranges"] = ranges },
            ["slots"] = new JsonObject
            {
                ["durationMinutes"] = random.Next(1, 7) * 15,
                ["stepMinutes"] = random.Next(2, 13) * 5,
                ["bufferBeforeMinutes"] = random.Next(0, 5) * 10,
                ["bufferAfterMinutes"] = random.Next(0, 5) * 7,
                ["noticeMinutes"] = random.Next(0, 10_000),
                ["horizonDays"] = random.Next(8) == 0 ? random.Next(60, 300) : 365,
            },
        };
    }

    private static JsonObject Range(int[] days, string start, string end) =>
        new() { ["days"] = new JsonArray([.. days.Select(day => (JsonNode)day)]), ["start"] = start, ["end"] = end };

    /// <summary>Four days before each turn of the clock that can be booked up to.</summary>
    private static List<LocalDate> Turns(string zone)
    {
        var (now, of) = (SystemClock.Instance.GetCurrentInstant(), DateTimeZoneProviders.Tzdb[zone]);
        return [.. of.GetZoneIntervals(now, now + Duration.FromDays(355)).Skip(1).Select(turned => turned.IsoLocalStart.Date.PlusDays(-4)).Where(day => day > now.InZone(of).Date)];
    }

    private static async Task<List<List<string>>> ExpectedAsync(IReadOnlyList<JsonObject> questions)
    {
        var share = (questions.Count + 1) / 2;
        var halves = await Task.WhenAll(questions.Chunk(Math.Max(1, share)).Select(part => Task.Run(() => Python(string.Join('\n', part.Select(question => question.ToJsonString())) + "\n"))));
        return [.. halves.SelectMany(half => half)];
    }

    private static List<List<string>> Python(string input)
    {
        var info = new ProcessStartInfo("/usr/bin/python3", [Path.Combine(Repository.Root, "tests/Lockstep.Tests/Booking/oracle/slots.py")])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(info)!;
        var (errors, answers) = (process.StandardError.ReadToEndAsync(), process.StandardOutput.ReadToEndAsync());
        using (var writer = new StreamWriter(process.StandardInput.BaseStream, new UTF8Encoding(false)))
            writer.Write(input);
        process.WaitForExit();
        process.ExitCode.ShouldBe(0, errors.Result);
        return [.. answers.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!.AsArray().Select(start => start!.GetValue<string>()).ToList())];
    }

    private static string Iso(Instant instant) => InstantPattern.CreateWithInvariantCulture("uuuu-MM-ddTHH:mm:ss.ffffff'+00:00'").Format(instant);

    private static int Minute(string time) =>
        (int.Parse(time.AsSpan(0, 2), CultureInfo.InvariantCulture) * 60) + int.Parse(time.AsSpan(3, 2), CultureInfo.InvariantCulture);
}
