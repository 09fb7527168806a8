using System.Text.Json.Nodes;
using Lockstep.Tests.Calendaring.ICalendar;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Cli.Ics;

public sealed class IcsCommandTests : IDisposable
{
    private static readonly Dictionary<string, string> Nothing = [];

    private readonly string directory = Directory.CreateTempSubdirectory("lockstep-ics-").FullName;

    [Fact]
    public async Task Expand_prints_one_line_an_occurrence_in_utc_and_local_time()
    {
        await using var run = await LockstepProcess.RunAsync(
            Nothing, "ics", "expand", Sample("weekly-berlin-crlf.ics"), "--from", "2026-03-23", "--to", "2026-04-07", "--zone", "America/New_York");

        (await run.Ended).ShouldBe(0, run.Errors);
        var lines = run.Output.Split('\n').Select(line => JsonNode.Parse(line)!.AsObject()).ToList();
        lines.Select(line => line.Text("start")).ShouldBe(lines.Select(line => line.Text("start")).Order(StringComparer.Ordinal));
        foreach (var line in lines)
        {
            line.Select(member => member.Key).ShouldBe(
                ["start", "end", "startLocal", "endLocal", "zone", "allDay", "uid", "summary", "recurrenceId"]);
            line.Text("start").ShouldEndWith("Z");
            line.Text("startLocal").ShouldEndWith("-04:00");
            DateTimeOffset.Parse(line.Text("startLocal"), null).ShouldBe(DateTimeOffset.Parse(line.Text("start"), null));
        }
    }

    [Fact]
    public async Task Without_a_zone_local_times_are_on_the_events_own_clock()
    {
        var file = Write("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:ä\r\nSUMMARY:Früh\r\nDTSTART;TZID=Africa/Monrovia:19600601T100000\r\nDURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        await using var run = await LockstepProcess.RunAsync(Nothing, "ics", "expand", file, "--from", "1926-01-01", "--to", "2126-01-01");

        (await run.Ended).ShouldBe(0, run.Errors);
        // Liberia was 44 minutes and 30 seconds behind until 1972.
        run.Output.ShouldBe(
            """{"start":"1960-06-01T10:44:30Z","end":"1960-06-01T11:44:30Z","startLocal":"1960-06-01T10:00:00-00:44:30","endLocal":"1960-06-01T11:00:00-00:44:30","zone":"Africa/Monrovia","allDay":false,"uid":"ä","summary":"Früh","recurrenceId":null}""");
    }

    [Fact]
    public async Task A_rule_that_never_ends_its_work_is_cut_off_and_said_so()
    {
        var file = Write("BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTART:20200101T000000Z\r\nRRULE:FREQ=SECONDLY;BYSECOND=1,2\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        await using var run = await LockstepProcess.RunAsync(Nothing, "ics", "expand", file, "--from", "2026-01-01", "--to", "2127-01-01");

        (await run.Ended).ShouldBe(1);
        run.Errors.ShouldContain("may be missing");
        run.Errors.ShouldContain("line 2:");
    }

    [Fact]
    public async Task Check_names_file_line_property_and_section_and_fails_on_errors()
    {
        var file = Write("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:a\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:20260101T000000Z\r\nRRULE:FREQ=OFTEN\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n");
        await using var run = await LockstepProcess.RunAsync(Nothing, "ics", "check", file);
        (await run.Ended).ShouldBe(1);
        run.Output.ShouldBe($"{file}:8: error: RRULE is not used: FREQ has a value that the rule may not have. (RFC 5545 section 3.3.10)");
        run.Errors.ShouldBe($"{file}: 1 error, 0 warnings, 1 event.");

        await using var json = await LockstepProcess.RunAsync(Nothing, "ics", "check", "--json", file);
        var finding = JsonNode.Parse(json.Output)!;
        (finding["line"]!.GetValue<int>(), finding.Text("severity"), finding.Text("component"), finding.Text("property")).ShouldBe((8, "error", "VEVENT", "RRULE"));
    }

    [Fact]
    public async Task What_cannot_be_read_or_meant_is_said_with_the_way_out()
    {
        await using var missing = await LockstepProcess.RunAsync(Nothing, "ics", "check", Path.Combine(directory, "none.ics"));
        (await missing.Ended).ShouldBe(1);
        missing.Errors.ShouldContain("There is no file");
        await using var zone = await LockstepProcess.RunAsync(
            Nothing, "ics", "expand", Sample("weekly-berlin.ics"), "--from", "2026-01-01", "--to", "2026-02-01", "--zone", "Mars/Olympus");
        (await zone.Ended).ShouldBe(2);
        zone.Errors.ShouldContain("Write a name such as Europe/Berlin");
        await using var window = await LockstepProcess.RunAsync(Nothing, "ics", "expand", Sample("weekly-berlin.ics"), "--from", "today", "--to", "2026-02-01");
        (await window.Ended).ShouldBe(2);
        window.Errors.ShouldContain("--from today is no time");
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);

    private static string Sample(string name) => Path.Combine(CalendarFiles.Samples, name);

    private string Write(string text)
    {
        var file = Path.Combine(directory, "test.ics");
        File.WriteAllText(file, text);
        return file;
    }
}
