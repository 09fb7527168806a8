using System.CommandLine;
using System.Text.Json;
using Lockstep.Server.ChangeSync.Keeping;
using Lockstep.Server.Hosting;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Repair;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault;

namespace Lockstep.Cli;

/// <summary><c>lockstep repair integrations</c>, <c>lockstep repair cursors</c></summary>
internal static class RepairCommand
{
    public static Command Create() => new("repair", "Put right what came into the database past its guards.") { Integrations(), Cursors() };

    private static Command Cursors()
    {
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "cursors",
            """
            Make every cursor of the change sync void, after a backup was restored or a replica without the last commits took over.

            The log gives its numbers out again then, and a client that goes on from its old cursor would miss changes. With this, each client is told
            409 cursor_reset once, reads everything anew and sends again what the server has not got. It is safe at any time and costs one full read a client.
            Run it before the server is started again, or beside it: open streams end within a second.

            Example:
              lockstep repair cursors
            """)
        {
            directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var settings = Settings.LoadBeside(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
            await using var maintenance = await MaintenanceConnection.Open(settings, Terminal.Note, stop);
            await maintenance.As(owner: true, stop);
            var scopes = await HistoryBreak.Declare(maintenance.Connection, stop);
            Console.WriteLine($"The cursors of {scopes} users and spaces are void; their clients read everything anew.");
            return ExitCode.Done;
        }));
        return command;
    }

    private static Command Integrations()
    {
        var dryRun = new Option<bool>("--dry-run") { Description = "Only say what would be repaired" };
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "integrations",
            """
            Find integrations that the server cannot read or that hold a secret in clear, such as rows written while triggers were off, and reset them.

            What is wrong in a row becomes the default, the rest stays; the row is switched off until its owner has looked at it. The row as it was is kept as
            a credential of its owner, sealed; its owner, or the admins of its workspace, find INTEGRATION_REPAIRED in their activity. Prints no value.
            Exit code 0: nothing is left to repair. 1: something could not be repaired. 5: --dry-run has found something.

            Example:
              lockstep repair integrations --dry-run
            """)
        {
            dryRun, json, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var settings = Settings.LoadBeside(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
            await using var maintenance = await MaintenanceConnection.Open(settings, Terminal.Note, stop);
            await using var bench = await Workbench.Open(settings, Terminal.Note, stop);
            await maintenance.As(owner: true, stop);
            var dry = parsed.GetValue(dryRun);
            if (!dry && bench.Get<CredentialVault>().Locked)
            {
                Terminal.Error("There is no key to seal the originals with. Give LOCKSTEP_MASTER_KEYS as the server has it. Nothing was changed.");
                return ExitCode.Failed;
            }
            var found = new List<RepairedIntegration>();
            var repair = new IntegrationRepair(bench.Get<Database>(), bench.Get<CredentialVault>(), TimeProvider.System);
            var progress = Terminal.Progress("integrations");
            var rows = await repair.Run(maintenance.Connection, dry, Add, looked => progress(looked, long.MaxValue), stop);
            progress(rows, rows);
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(new Report(rows, dry, [.. found.Select(Line.Of)]), StrictJson.Options));
            var failed = found.Count(each => each.Problem is not null);
            Terminal.Note(found.Count == 0 ? $"Nothing to repair in {rows} integrations."
                : dry ? $"{found.Count} of {rows} integrations would be repaired."
                : $"{found.Count - failed} of {rows} integrations were repaired{(failed > 0 ? $", {failed} could not be" : "")}.");
            return failed > 0 ? ExitCode.Failed : dry && found.Count > 0 ? ExitCode.Found : ExitCode.Done;

            void Add(RepairedIntegration each)
            {
                found.Add(each);
                if (parsed.GetValue(json))
                    return;
                Console.WriteLine($"{each.Id} of {each.Owner}: {string.Join("; ", each.Broken.Select(broken => $"{broken.Column} {broken.What}"))}"
                    + (each.Original is { } original ? $". The row as it was: credential {original}" : ""));
                if (each.Problem is { } problem)
                    Terminal.Error($"{each.Id}: {problem}");
            }
        }));
        return command;
    }

    private sealed record Report(long Rows, bool DryRun, IReadOnlyList<Line> Broken);

    private sealed record Line(Guid Id, string Owner, IReadOnlyList<BrokenColumn> Columns, Guid? OriginalCredentialId, string? Problem)
    {
        public static Line Of(RepairedIntegration each) => new(each.Id.Value, each.Owner, each.Broken, each.Original?.Value, each.Problem);
    }
}
