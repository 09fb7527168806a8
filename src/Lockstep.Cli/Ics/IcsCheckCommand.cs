using System.CommandLine;
using System.Text.Json;
using Lockstep.Calendaring.ICalendar;

namespace Lockstep.Cli;

/// <summary><c>lockstep ics check</c></summary>
internal static class IcsCheckCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("FILE") { Description = "iCalendar files; - reads standard input", Arity = ArgumentArity.OneOrMore };
        var json = new Option<bool>("--json") { Description = "One JSON line a finding: file, line, severity, component, property, message, source" };
        var quiet = new Option<bool>("--quiet", "-q") { Description = "Errors only, no warnings" };
        var command = new Command(
            "check",
            """
            List what is wrong with calendar files, and where: line, severity, what, and the section of the standard.

            An error is lost, misread or refused by strict servers; a warning is read nevertheless.
            Exit code 0: no error. 1: errors, or a file that cannot be read.

            Example:
              lockstep ics check calendar.ics
              calendar.ics:12: error: RRULE is not used: FREQ is missing. (RFC 5545 section 3.3.10)
            """)
        {
            files, json, quiet,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var failed = false;
            foreach (var file in parsed.GetValue(files)!)
                failed |= await Check(file, parsed.GetValue(json), parsed.GetValue(quiet), stop);
            return failed ? ExitCode.Failed : ExitCode.Done;
        }));
        return command;
    }

    /// <returns>Whether there are errors, or the file cannot be read.</returns>
    private static async Task<bool> Check(string file, bool json, bool quiet, CancellationToken ct)
    {
        if (await CalendarFile.Read(file, ct) is not { } document)
            return true;
        var findings = CalendarCheck.Of(document);
        var errors = findings.Count(finding => finding.Severity == FindingSeverity.Error);
        foreach (var finding in findings)
            if (!quiet || finding.Severity == FindingSeverity.Error)
                Console.WriteLine(json ? Json(file, finding) : Line(file, finding));
        var (warnings, events) = (findings.Count - errors, document.ComponentsNamed("VEVENT").Count());
        Terminal.Note($"{file}: {Counted(errors, "error")}, {Counted(warnings, "warning")}, {Counted(events, "event")}.");
        return errors > 0;
    }

    /// <summary>As compilers write it, so that editors jump there.</summary>
    private static string Line(string file, CalendarFinding finding) =>
        $"{file}:{finding.Line}: {Word(finding)}: {finding.Message} ({finding.Source})";

    private static string Json(string file, CalendarFinding finding) => JsonSerializer.Serialize(
        new
        {
            File = file,
            finding.Line,
            Severity = Word(finding),
            Component = finding.Component.Length == 0 ? null : finding.Component,
            finding.Property,
            finding.Message,
            finding.Source,
        },
        JsonSerializerOptions.Web);

    private static string Word(CalendarFinding finding) => finding.Severity == FindingSeverity.Error ? "error" : "warning";

    private static string Counted(int count, string word) => count == 1 ? $"1 {word}" : $"{count} {word}s";
}
