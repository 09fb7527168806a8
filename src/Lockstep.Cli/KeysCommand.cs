using System.CommandLine;
using System.Text;
using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Cli;

/// <summary><c>lockstep keys</c>: which keys are needed, and which may be dropped.</summary>
internal static class KeysCommand
{
    public static Command Create()
    {
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("keys", "Say which keys wrap what is stored. A master key that is not listed is not needed any more.\n\nExit code 1 when one that is needed was not given.\n\nExample:\n  lockstep keys")
        {
            json, directory, database,
        };
        command.SetAction(parsed => Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), async (bench, ct) =>
        {
            var uses = await bench.Get<KeyRotation>().InUse(ct);
            if (parsed.GetValue(json))
                Console.WriteLine(JsonSerializer.Serialize(uses, StrictJson.Options));
            else
                Console.WriteLine(uses.Count == 0 ? "Nothing is sealed yet: no key is needed." : Table(uses));
            TellMissing(uses.Where(use => !use.AtHand));
            return uses.TrueForAll(use => use.AtHand) ? ExitCode.Done : ExitCode.Failed;
        }));
        return command;
    }

    public static void TellMissing(IEnumerable<KeyUse> uses)
    {
        foreach (var missing in uses)
            Terminal.Error($"Key {missing.Key} is needed for {missing.Values} values and was not given. Add it to LOCKSTEP_MASTER_KEYS or the file master-keys; if it is lost for good, see 'lockstep rekey --give-up-lost'.");
    }

    public static string Table(List<KeyUse> uses)
    {
        var text = new StringBuilder($"{"provider",-14} {"key",-20} {"data keys",10} {"values",10} {"tenants",10}  state");
        foreach (var use in uses)
            text.Append($"\n{use.Provider,-14} {use.Key,-20} {use.DataKeys,10} {use.Values,10} {use.Tenants,10}  {(use.IsNewest ? "newest" : use.AtHand ? "still needed; 'lockstep rekey' ends that" : "MISSING")}");
        return text.ToString();
    }
}
