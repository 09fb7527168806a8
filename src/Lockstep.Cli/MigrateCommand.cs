using System.CommandLine;
using Lockstep.Server.Hosting;

namespace Lockstep.Cli;

/// <summary><c>lockstep migrate</c>: what serving does first, alone, for a deployment that wants it as a step of its own.</summary>
internal static class MigrateCommand
{
    public static Command Create()
    {
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var json = SharedOptions.Json();
        var command = new Command("migrate", "Bring the database to this program's version and stop.\n\nExample:\n  lockstep migrate --database postgres://admin@db.example.com/app")
        {
            directory, database, json,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var settings = Settings.LoadBeside(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
            await using var started = await DatabaseStart.Start(settings, Terminal.Note, stop);
            var lines = started.Migrations.Select(migration => $"applied {migration}").Append(started.Migrations.Count == 0 ? "Nothing to do: the database is up to date." : "Done.");
            Terminal.Say(parsed.GetValue(json), string.Join(Environment.NewLine, lines), new { applied = started.Migrations });
            return ExitCode.Done;
        }));
        return command;
    }
}
