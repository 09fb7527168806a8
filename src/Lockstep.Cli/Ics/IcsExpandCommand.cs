using System.CommandLine;
using Lockstep.Calendaring.ICalendar;
using NodaTime;

namespace Lockstep.Cli;

/// <summary><c>lockstep ics expand</c></summary>
internal static class IcsExpandCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("FILE") { Description = "An iCalendar file; - reads standard input" };
        var from = Time("--from", "Where the window begins: 2026-03-01 or 2026-03-01T09:00:00 in the zone, or 2026-03-01T09:00:00Z");
        var to = Time("--to", "Where it ends, exclusive; written likewise");
        var zone = new Option<string?>("--zone")
        {
            Description = "The reader's zone, such as Europe/Berlin, for all-day and floating events and the local times shown (default: the file's own, else UTC; local times on each event's own clock)",
            HelpName = "Z",
        };
        var command = new Command(
            "expand",
            """
            Print the occurrences that overlap a window, in order of start: one JSON line each.

            start and end are UTC; startLocal and endLocal are on the clock of zone. What cannot be read is
            said on standard error. Exit code 0: done. 1: the file cannot be read, or repeats too often to finish.

            Example:
              lockstep ics expand calendar.ics --from 2026-03-01 --to 2026-04-01 --zone Europe/Berlin
              {"start":"2026-03-02T08:00:00Z","end":"2026-03-02T08:15:00Z","startLocal":"2026-03-02T09:00:00+01:00", ...}
            """)
        {
            file, from, to, zone,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var reader = parsed.GetValue(zone) is { } name ? ZoneResolver.Find(name) : null;
            if (parsed.GetValue(zone) is { } unknown && reader is null)
                return Wrong($"There is no zone {unknown} in the tz database. Write a name such as Europe/Berlin.");
            if (await CalendarFile.Read(parsed.GetValue(file)!, stop) is not { } document)
                return ExitCode.Failed;
            var home = reader ?? OwnZone(document) ?? DateTimeZone.Utc;
            if (WindowTime.Parse(parsed.GetValue(from)!, home) is not { } start)
                return Wrong($"--from {parsed.GetValue(from)} is no time. Write 2026-03-01, 2026-03-01T09:00:00 or 2026-03-01T09:00:00Z.");
            if (WindowTime.Parse(parsed.GetValue(to)!, home) is not { } end)
                return Wrong($"--to {parsed.GetValue(to)} is no time. Write 2026-03-01, 2026-03-01T09:00:00 or 2026-03-01T09:00:00Z.");
            return end < start ? Wrong("--to comes before --from.") : Expand(document, new Interval(start, end), home, reader, stop);
        }));
        return command;
    }

    private static int Expand(CalendarDocument document, Interval window, DateTimeZone home, DateTimeZone? shown, CancellationToken ct)
    {
        var report = new ExpansionReport();
        if (!document.Components.Any())
        {
            Terminal.Error("The file holds no calendar: an iCalendar text begins with BEGIN:VCALENDAR.");
            return ExitCode.Failed;
        }
        using var output = new OccurrenceLines(Console.OpenStandardOutput());
        foreach (var occurrence in Occurrences.Expand(document, window, home, report))
        {
            ct.ThrowIfCancellationRequested();
            output.Write(occurrence, shown ?? occurrence.Zone);
        }
        output.Flush();
        foreach (var problem in report.Problems)
            Terminal.Note($"warning: line {problem.Line}: {problem.Message}");
        if (report.CompleteUntil is not { } until)
            return ExitCode.Done;
        Terminal.Error($"Occurrences from {until} on may be missing: the file repeats too often. Ask for a shorter window.");
        return ExitCode.Failed;
    }

    private static DateTimeZone? OwnZone(CalendarDocument document) =>
        document.Calendar?.Text("X-WR-TIMEZONE") is { } name ? ZoneResolver.Find(name) : null;

    private static Option<string> Time(string name, string description) => new(name) { Description = description, HelpName = "T", Required = true };

    private static int Wrong(string message)
    {
        Terminal.Error(message);
        return ExitCode.Usage;
    }
}
