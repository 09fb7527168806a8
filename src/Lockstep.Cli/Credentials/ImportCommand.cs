using System.CommandLine;
using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Npgsql;

namespace Lockstep.Cli.Credentials;

/// <summary><c>lockstep credentials import</c>: from a file into the vault, past HTTP, so that ids stay.</summary>
internal static class ImportCommand
{
    private const string KeySetting = "LOCKSTEP_IMPORT_KEY";

    public static Command Create()
    {
        var file = new Argument<FileInfo>("file") { Description = "NDJSON: {\"name\", \"provider\", \"type\", \"userId\", \"value\" or \"encrypted\", ...} a line" };
        var keyFile = new Option<FileInfo?>("--key-file") { HelpName = "FILE", Description = $"The key that sealed the encrypted values: base64 or 64 hexadecimal digits. Also {KeySetting}" };
        var dry = new Option<bool>("--dry-run") { Description = "Open and check every line, and store nothing" };
        var skip = new Option<bool>("--skip-bad") { Description = "Store the good lines although others are bad" };
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("import", "Import credentials from a file, in clear or as iv:authTag:encrypted (hex or base64) or nonce-prefixed bytea of AES-256-GCM.\n\nEvery line is opened and checked before any is stored; run again, it goes on where it was.\n\nExample:\n  lockstep credentials import old.ndjson --key-file old.key --dry-run")
        {
            file, keyFile, dry, skip, json, directory, database,
        };
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            using var key = ReadKey(parsed.GetValue(keyFile));
            var path = parsed.GetValue(file)!.FullName;
            // (1) Everything is opened and checked; (2) then it is stored, line by line.
            var report = await Each(path, bench, key, store: false, [], ct);
            if (!parsed.GetValue(dry) && (report.Bad.Count == 0 || parsed.GetValue(skip)))
            {
                HashSet<int> bad = [.. report.Bad.Select(line => line.Number)];
                var stored = await Each(path, bench, key, store: true, bad, ct);
                report = stored with { Bad = [.. report.Bad, .. stored.Bad] };
            }
            return Tell(report, parsed.GetValue(dry), parsed.GetValue(json));
        }));
        return command;
    }

    private static Secret? ReadKey(FileInfo? file)
    {
        var text = file is null ? Environment.GetEnvironmentVariable(KeySetting) : File.ReadAllText(file.FullName);
        return string.IsNullOrWhiteSpace(text)
            ? null
            : OldBlob.ReadKey(text) ?? throw new StartRefusedException($"{(file is null ? KeySetting : file.Name)} holds no key of 32 bytes: write it in base64, or as 64 hexadecimal digits.");
    }

    private static async Task<ImportReport> Each(string path, Workbench bench, Secret? key, bool store, HashSet<int> leave, CancellationToken ct)
    {
        var report = new ImportReport(0, 0, 0, []);
        var number = 0;
        await foreach (var text in File.ReadLinesAsync(path, ct))
        {
            number++;
            if (string.IsNullOrWhiteSpace(text) || leave.Contains(number))
                continue;
            try
            {
                var line = ImportLine.Parse(text);
                var credential = line.ToCredential(key);
                using (credential.Value)
                {
                    var fault = CredentialRules.Check(credential, line.Caller, NodaTime.SystemClock.Instance.GetCurrentInstant());
                    if (fault.Any)
                        throw new FormatException(string.Join(" ", fault.All.Select(error => $"{error.Key} {string.Join(" ", error.Value)}")));
                    report = report with { Good = report.Good + 1 };
                    if (store)
                        report = await Store(report, number, bench, line, credential, ct);
                }
            }
            catch (FormatException e)
            {
                report.Bad.Add(new(number, e.Message));
            }
        }
        return report;
    }

    private static async Task<ImportReport> Store(
        ImportReport report, int number, Workbench bench, ImportLine line, NewCredential credential, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(line.Caller);
        try
        {
            switch (await bench.Get<CredentialVault>().Import(session, credential, line.Id is { } id ? new CredentialId(id) : CredentialId.New(), ct))
            {
                case StoreOutcome.Stored:
                    return report with { Stored = report.Stored + 1 };
                case StoreOutcome.NameTaken:
                    return report with { AlreadyThere = report.AlreadyThere + 1 };
                case StoreOutcome.UnknownWorkspace:
                    throw new FormatException("there is no such workspace, or the user is no admin of it");
                case StoreOutcome.Invalid(var errors):
                    throw new FormatException(string.Join(" ", errors.Select(error => $"{error.Key} {string.Join(" ", error.Value)}")));
                default:
                    throw new FormatException("this scope is not for this user");
            }
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            throw new FormatException("there is no such user: users come into being with their first sign-in, or by 'lockstep user create'");
        }
    }

    private static int Tell(ImportReport report, bool dry, bool json)
    {
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(report, StrictJson.Options));
        else if (dry)
            Console.WriteLine($"{report.Good} lines open and can be stored; {report.Bad.Count} cannot.");
        else
            Console.WriteLine($"{report.Stored} stored, {report.AlreadyThere} were there already, {report.Bad.Count} cannot be stored.");
        foreach (var bad in report.Bad)
            Terminal.Error($"line {bad.Number}: {bad.Why}");
        if (!dry && report is { Bad.Count: > 0, Stored: 0, AlreadyThere: 0 })
            Terminal.Note("Nothing was stored. Correct those lines, or store the others with --skip-bad.");
        return report.Bad.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }
}

/// <param name="Good">Lines that open and pass every rule.</param>
/// <param name="AlreadyThere">Their id, or their owner's provider and name, was there: left as it is.</param>
internal sealed record ImportReport(int Good, int Stored, int AlreadyThere, List<BadLine> Bad);

/// <param name="Number">Counted from 1.</param>
internal sealed record BadLine(int Number, string Why);
