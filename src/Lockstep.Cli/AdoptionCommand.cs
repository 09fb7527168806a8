using System.CommandLine;
using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Http;
using Lockstep.Server.Vault;
using Npgsql;

namespace Lockstep.Cli;

/// <summary><c>lockstep adopt</c>: from tables of other software, in the same database or another.</summary>
internal static class AdoptionCommand
{
    public static Command Create()
    {
        var file = new Argument<FileInfo>("mapping") { Description = "JSON: which tables and columns become what; docs/operations.md, 'Taking over'" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Open and check every row, and store nothing" };
        var verify = new Option<bool>("--verify") { Description = "Only compare what is here with the source" };
        var source = new Option<string?>("--source")
        {
            Description = $"The database with those tables, where it is another one: read only, in one snapshot. Better in {SourceDatabase.Setting}, which no list of processes shows",
            HelpName = "CONN",
        };
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "adopt",
            """
            Take over credentials, calendar integrations and a log of changes (sync_changes) from tables or views of other software. Ids are kept, secrets are sealed anew.

            Every row is opened and checked before any is stored; afterwards every one is compared with its source. Run again, it goes on where it was.
            Exit code 0: everything is here and the same, so the source may go. 1: something is bad, missing or different. 2: the mapping names what is
            not there. 3: the source refuses this login. 4: it cannot be reached.

            Example:
              lockstep adopt mapping.json --dry-run
            """)
        {
            file, source, dryRun, verify, json, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop => await Refused(async () =>
        {
            var map = AdoptionMap.Load(parsed.GetValue(file)!.FullName);
            var settings = Settings.LoadBeside(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
            using var http = new HttpMessageInvoker(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false, UseCookies = false, ConnectTimeout = TimeSpan.FromSeconds(3) });
            var keys = ReadKeys(map, settings, http);
            try
            {
                await using var maintenance = await MaintenanceConnection.Open(settings, Terminal.Note, stop);
                await using var bench = await Workbench.Open(settings, Terminal.Note, stop);
                if (bench.Get<CredentialVault>().Locked)
                {
                    Terminal.Error("There is no key to seal with. Give LOCKSTEP_MASTER_KEYS as the server has it. Nothing was stored.");
                    return ExitCode.Failed;
                }
                var (dry, only) = (parsed.GetValue(dryRun), parsed.GetValue(verify));
                await using var target = maintenance.MakeSource();
                await using var other = await OpenSource(parsed.GetValue(source), stop);
                var report = await new Adoption(new AdoptionPlaces(other ?? target, target, settings.Jwt), map, bench, keys).Run(
                    store: !dry && !only, verify: !dry, Terminal.Progress("rows"), stop);
                Tell(report, dry, parsed.GetValue(json));
                return report.BadRows == 0 && (dry || report.SourceMayGo) ? ExitCode.Done : ExitCode.Failed;
            }
            finally
            {
                foreach (var key in keys.Values)
                    key.Dispose();
            }
        })));
        return command;
    }

    private static async Task<NpgsqlDataSource?> OpenSource(string? commandLine, CancellationToken ct) =>
        (commandLine ?? Environment.GetEnvironmentVariable(SourceDatabase.Setting)) is { Length: > 0 } text
            ? await SourceDatabase.Open(text, commandLine is null ? SourceDatabase.Setting : "--source", ct)
            : null;

    private static async Task<int> Refused(Func<Task<int>> work)
    {
        try
        {
            return await work();
        }
        catch (AdoptionRefusedException e)
        {
            Terminal.Error(e.Message);
            return e.Refusal switch
            {
                AdoptionRefusal.Mapping => ExitCode.Usage,
                AdoptionRefusal.NotAllowed => ExitCode.NotAllowed,
                _ => ExitCode.Unreachable,
            };
        }
    }

    private static void Tell(AdoptionReport report, bool dry, bool json)
    {
        foreach (var bad in report.Bad)
            Terminal.Error($"{bad.Row}: {bad.Why}");
        if (report.BadRows > report.Bad.Count)
            Terminal.Error($"And {report.BadRows - report.Bad.Count} more.");
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(report, StrictJson.Options));
        else if (dry)
            Console.WriteLine($"{report.Found - report.BadRows} of {report.Found} rows open and can be stored.");
        else
            Console.WriteLine($"{report.Stored} stored, {report.AlreadyThere} were there already; {report.Verified} of {report.Found} are here and the same.");
        if (!json && report.WithoutEffect > 0)
            Console.WriteLine($"{report.WithoutEffect} of the changes stored say nothing that was not there already: a retry, or older than what is there.");
        if (!json && report.ChangesSha256 is { } hash)
            Console.WriteLine($"SHA-256 of the changes at the source: {hash}");
        if (!dry)
            Terminal.Note(report.SourceMayGo ? "The source may go." : report is { Stored: 0, AlreadyThere: 0, BadRows: > 0 }
                ? "Nothing was stored. Correct those rows and run this again."
                : "Keep the source, correct those rows and run this again.");
    }

    private static Dictionary<string, OldKey> ReadKeys(AdoptionMap map, Settings settings, HttpMessageInvoker http)
    {
        var keys = new Dictionary<string, OldKey>(StringComparer.Ordinal);
        foreach (var (name, place) in map.Keys ?? new Dictionary<string, string>())
        {
            if (place.StartsWith("transit:", StringComparison.Ordinal))
            {
                keys[name] = settings.KeyProviders.Transit is { } transit
                    ? new OldKey.Transit(new TransitOldValues(transit, http, TimeProvider.System), place["transit:".Length..])
                    : throw new StartRefusedException($"The key '{name}' of the mapping is Transit's. Say where that is: LOCKSTEP_TRANSIT_ADDR and a login, as the server has them.");
                continue;
            }
            var text = place.Split(':', 2) switch
            {
                ["env", var variable] => Environment.GetEnvironmentVariable(variable),
                ["file", var path] => File.ReadAllText(path),
                _ => throw new StartRefusedException($"The key '{name}' of the mapping is given by env:NAME, file:PATH or transit:NAME; a key itself does not belong into the mapping.") { Misused = true },
            };
            keys[name] = string.IsNullOrWhiteSpace(text) ? throw new StartRefusedException($"The key '{name}' of the mapping is empty: {place}.")
                : OldBlob.ReadKey(text) is { } key ? new OldKey.Local(key) : throw new StartRefusedException($"The key '{name}' of the mapping is no key of 32 bytes in base64 or hexadecimal: {place}.");
        }
        return keys;
    }
}
