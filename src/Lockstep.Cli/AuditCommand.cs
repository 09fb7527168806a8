using System.CommandLine;
using System.Text.Json;
using Lockstep.Server;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault;

namespace Lockstep.Cli;

/// <summary><c>lockstep audit</c>: checks the audit, signs where it stands, and hands it out.</summary>
internal static class AuditCommand
{
    public static Command Create() => new("audit", "Check the audit, sign where it stands, hand it out.")
    {
        Verify(), Checkpoints(), Export(),
    };

    private static Command Verify()
    {
        var kept = new Option<FileInfo[]>("--checkpoint")
        {
            Description = "A file with checkpoints that were kept elsewhere, one a line, as 'lockstep audit checkpoint' prints them",
            HelpName = "FILE",
        };
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("verify", "Check every line of the audit: names the first that was changed, gaps, and a missing end.\n\nExit code 1 when something is wrong.\n\nExample:\n  lockstep audit verify --checkpoint kept.ndjson")
        {
            kept, json, directory, database,
        };
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            var report = await bench.Get<AuditVerifier>().Verify(
                await Read(parsed.GetValue(kept) ?? [], ct), Terminal.Progress("audit lines"), ct);
            report = report with { Notes = [.. report.Notes, .. await SqlVault.Gaps(bench.Get<Database>(), ct)] };
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(report, StrictJson.Options));
            else
                Tell(report);
            return report.Faults.Count == 0 ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    private static Command Checkpoints()
    {
        var all = new Option<bool>("--all") { Description = "Print every checkpoint there is, oldest first, and sign no new one" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("checkpoint", "Sign where the audit stands, and print that as one line of JSON. Keep it where the database's administrator cannot reach.\n\nExample:\n  lockstep audit checkpoint >> kept.ndjson")
        {
            all, directory, database,
        };
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            var chain = bench.Get<AuditChain>();
            if (parsed.GetValue(all))
            {
                foreach (var each in await chain.Checkpoints(0, int.MaxValue, ct))
                    Print(each);
                return ExitCode.Done;
            }
            var sealing = await chain.SealAll(ct);
            if (sealing.Head == 0)
            {
                Terminal.Error("The audit is empty: there is nothing to sign yet.");
                return ExitCode.Failed;
            }
            // The newest one is of now when nothing has happened since, or when the server has signed this very position.
            if ((await chain.Sign(sealing, ct) ?? await chain.Newest(ct)) is { } checkpoint && checkpoint.Position >= (sealing.Head ?? 0))
            {
                Print(checkpoint);
                return ExitCode.Done;
            }
            Terminal.Error(sealing.Head is null
                ? "The server is sealing right now. Try again in a moment."
                : "There is no key to sign with. Set LOCKSTEP_MASTER_KEYS as for the server.");
            return ExitCode.Failed;
        }));
        return command;
    }

    private static Command Export()
    {
        var after = new Option<long>("--after") { Description = "Only what stands behind this position", HelpName = "POSITION" };
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("export", "Write the audit to standard output as NDJSON, in the order of the chain, with its hashes.\n\nExample:\n  lockstep audit export > audit.ndjson")
        {
            after, directory, database,
        };
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            await bench.Get<AuditChain>().SealAll(ct);
            await using var output = Console.OpenStandardOutput();
            var lines = await bench.Get<AuditExport>().Write(output, parsed.GetValue(after), ct);
            Terminal.Note($"{lines} lines.");
            return ExitCode.Done;
        }));
        return command;
    }

    private static void Print(Checkpoint checkpoint) => Console.WriteLine(JsonSerializer.Serialize(checkpoint, StrictJson.Options));

    private static void Tell(AuditReport report)
    {
        foreach (var note in report.Notes)
            Terminal.Note($"note: {note}");
        foreach (var fault in report.Faults)
            Terminal.Error(fault.What);
        Console.WriteLine(report.Faults.Count == 0
            ? $"The audit is whole: {report.Lines} lines, positions {report.First} to {report.Last}, {report.Checkpoints} checkpoints."
            : $"The audit is NOT whole: {(report.Faults.Count == AuditReport.MostFaults ? "at least " : "")}{report.Faults.Count} faults in {report.Lines} lines, positions {report.First} to {report.Last}.");
        Console.WriteLine($"Last hash {report.LastHash}");
    }

    private static async Task<List<Checkpoint>> Read(FileInfo[] files, CancellationToken ct)
    {
        var checkpoints = new List<Checkpoint>();
        foreach (var file in files)
        {
            var number = 0;
            await foreach (var line in File.ReadLinesAsync(file.FullName, ct))
            {
                number++;
                if (string.IsNullOrWhiteSpace(line))
                    continue;
                try
                {
                    checkpoints.Add(JsonSerializer.Deserialize<Checkpoint>(line, StrictJson.Options)!);
                }
                catch (JsonException)
                {
                    throw new StartRefusedException($"{file.Name}, line {number}, is no checkpoint as 'lockstep audit checkpoint' prints it.");
                }
            }
        }
        return checkpoints;
    }
}
