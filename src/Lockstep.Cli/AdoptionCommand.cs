using System.CommandLine;
using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Crypto.Transit;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Hosting.Adoption;
using Lockstep.Server.Http;
using Lockstep.Server.Vault;

namespace Lockstep.Cli;

/// <summary><c>lockstep adopt</c>: from tables of other software in the same database.</summary>
internal static class AdoptionCommand
{
    public static Command Create()
    {
        var file = new Argument<FileInfo>("mapping") { Description = "JSON: which tables and columns become what; docs/operations.md, 'Taking over'" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Open and check every row, and store nothing" };
        var verify = new Option<bool>("--verify") { Description = "Only compare what is here with the source" };
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command(
            "adopt",
            """
            Take over credentials and calendar integrations from tables or views of other software in this database. Ids are kept, secrets are sealed anew.

            Every row is opened and checked before any is stored; afterwards every one is compared with its source. Run again, it goes on where it was.
            Exit code 0: everything is here and the same, so the source may go. 1: something is bad, missing or different.

            Example:
              lockstep adopt mapping.json --dry-run
            """)
        {
            file, dryRun, verify, json, directory, database,
        };
        command.SetAction(parsed => Terminal.Run(async stop =>
        {
            var map = AdoptionMap.Load(parsed.GetValue(file)!.FullName);
            var settings = Settings.Load(new ServeOptions(null, parsed.GetValue(directory), parsed.GetValue(database)), Environment.GetEnvironmentVariable);
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
                var report = await new Adoption(maintenance.Connection, map, bench, keys).Run(
                    store: !dry && !only, verify: !dry, Terminal.Progress("rows compared"), stop);
                Tell(report, dry, parsed.GetValue(json));
                return report.Bad.Count == 0 && (dry || report.SourceMayGo) ? ExitCode.Done : ExitCode.Failed;
            }
            finally
            {
                foreach (var key in keys.Values)
                    key.Dispose();
            }
        }));
        return command;
    }

    private static void Tell(AdoptionReport report, bool dry, bool json)
    {
        foreach (var bad in report.Bad)
            Terminal.Error($"{bad.Row}: {bad.Why}");
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(report, StrictJson.Options));
        else if (dry)
            Console.WriteLine($"{report.Found - report.Bad.Count} of {report.Found} rows open and can be stored.");
        else
            Console.WriteLine($"{report.Stored} stored, {report.AlreadyThere} were there already; {report.Verified} of {report.Found} are here and the same.");
        if (!dry)
            Terminal.Note(report.SourceMayGo ? "The source may go." : report is { Stored: 0, AlreadyThere: 0, Bad.Count: > 0 }
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
                _ => throw new StartRefusedException($"The key '{name}' of the mapping is given by env:NAME, file:PATH or transit:NAME; a key itself does not belong into the mapping."),
            };
            keys[name] = string.IsNullOrWhiteSpace(text) ? throw new StartRefusedException($"The key '{name}' of the mapping is empty: {place}.")
                : OldBlob.ReadKey(text) is { } key ? new OldKey.Local(key) : throw new StartRefusedException($"The key '{name}' of the mapping is no key of 32 bytes in base64 or hexadecimal: {place}.");
        }
        return keys;
    }
}
