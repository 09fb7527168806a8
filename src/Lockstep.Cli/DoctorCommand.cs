using System.CommandLine;
using System.Text.Json;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Doctor;
using Lockstep.Server.Http;

namespace Lockstep.Cli;

/// <summary><c>lockstep doctor</c></summary>
internal static class DoctorCommand
{
    public static Command Create()
    {
        var json = SharedOptions.Json();
        var urls = new Option<string?>("--urls") { Description = "Where the server listens, as for serve", HelpName = "URLS" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "doctor",
            """
            Look over settings, database roles, row-level security, triggers, keys, clock, outbound rules and disk; say what is wrong and how to mend it.

            Give it the settings of the server. It changes nothing, and works beside a server that runs or cannot start.
            Exit code 0: well, or warnings alone. 1: something is wrong. 4: the database cannot be reached.

            Example:
              lockstep doctor
              FAULT  keys    No master key is given: the vault is locked.
                             -> Make one and set it: LOCKSTEP_MASTER_KEYS="k1:$(openssl rand -base64 32)" ...
            """)
        {
            json, urls, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var checkup = new Checkup(
                new ServeOptions(parsed.GetValue(urls), parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable, TimeProvider.System)
            {
                Names = Terminal.EnvironmentNames(),
            };
            var found = await checkup.Run(Terminal.Note, stop);
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(Report.Of(found), StrictJson.Options));
            else
                Tell(found);
            return found.Any(each => each.Code == DatabaseUnderCheck.UnreachableCode) ? ExitCode.Unreachable
                : found.Any(each => each.Condition == Condition.Fault) ? ExitCode.Failed : ExitCode.Done;
        }));
        return command;
    }

    private static void Tell(IReadOnlyList<Diagnosis> found)
    {
        var plain = Console.IsOutputRedirected || Environment.GetEnvironmentVariable("NO_COLOR") is { Length: > 0 };
        foreach (var each in found)
        {
            var word = Word(each.Condition);
            var shown = plain ? word : $"\u001b[{(each.Condition switch { Condition.Well => 32, Condition.Warning => 33, _ => 31 })}m{word}\u001b[0m";
            Console.WriteLine($"{shown}{new string(' ', 9 - word.Length)}{each.Area,-9} {each.What}");
            if (each.Mend is { } mend)
                Console.WriteLine($"{new string(' ', 19)}-> {mend}");
        }
        var (faults, warnings) = (Count(found, Condition.Fault), Count(found, Condition.Warning));
        Terminal.Note(faults == 0 && warnings == 0 ? "All is well." : $"{faults} wrong, {warnings} to look at.");
    }

    private static int Count(IEnumerable<Diagnosis> found, Condition condition) => found.Count(each => each.Condition == condition);

    private static string Word(Condition condition) => condition switch
    {
        Condition.Well => "ok",
        Condition.Warning => "warning",
        _ => "FAULT",
    };

    /// <param name="Faults">How many things are wrong.</param>
    private sealed record Report(int Faults, int Warnings, IReadOnlyList<Line> Checks)
    {
        public static Report Of(IReadOnlyList<Diagnosis> found) => new(Count(found, Condition.Fault), Count(found, Condition.Warning),
            [.. found.Select(each => new Line(each.Area, each.Code, Word(each.Condition).ToLowerInvariant(), each.What, each.Mend))]);
    }

    private sealed record Line(string Area, string Code, string Condition, string What, string? Mend);
}
