using System.Text.Json;
using Lockstep.Server;
using Lockstep.Server.Http;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Cli;

/// <summary><c>lockstep rekey --give-up-lost</c>: a master key is gone, and what it sealed goes too, knowingly.</summary>
internal static class GiveUpCommand
{
    public static async Task<int> Run(KeyRotation keys, List<KeyUse> uses, string name, bool dryRun, bool yes, bool json, CancellationToken ct)
    {
        var lost = uses.FindAll(use => use.Key == name && use.DataKeys > 0);
        if (lost is not [var key])
        {
            Terminal.Error($"No data key is under a key '{name}'. These are in use: {string.Join(", ", uses.Select(use => use.Key))}. Give its fingerprint as it stands there.");
            return ExitCode.Failed;
        }
        if (key.AtHand)
        {
            Terminal.Error($"Key {name} was given, so nothing is lost: 'lockstep rekey' without --give-up-lost puts everything under the newest key.");
            return ExitCode.Failed;
        }
        var values = await List(keys, key, ct);
        if (!json)
            Tell(key, values);
        if (dryRun)
        {
            if (json)
                Console.WriteLine(JsonSerializer.Serialize(new { key, values }, StrictJson.Options));
            return ExitCode.Done;
        }
        if (!yes && !Confirmed(name))
            return ExitCode.Failed;
        var gone = await keys.GiveUp(key, "master key lost", ct);
        Console.WriteLine(json
            ? JsonSerializer.Serialize(gone, StrictJson.Options)
            : $"Given up: {gone.DataKeys} data keys, {gone.Credentials} credentials and {gone.FormerValues} former values. Their owners can store them anew; the audit names each.");
        return ExitCode.Done;
    }

    private static async Task<List<LostValue>> List(KeyRotation keys, KeyUse key, CancellationToken ct)
    {
        var values = new List<LostValue>();
        while (await keys.ValuesUnder(key, values.Count == 0 ? null : values[^1].Id, ct) is { Count: > 0 } page)
            values.AddRange(page);
        return values;
    }

    private static void Tell(KeyUse key, List<LostValue> values)
    {
        foreach (var value in values)
            Console.WriteLine($"{value.Id}  {value.Tenant}  {value.Provider}  {value.Name}{(value.IsCurrent ? "" : "  (former values only)")}");
        Terminal.Note($"Without key {key.Key}, {values.Count(value => value.IsCurrent)} credentials of {key.Tenants} tenants cannot be read, and {values.Count(value => !value.IsCurrent)} more have former values that cannot.");
    }

    private static bool Confirmed(string name)
    {
        if (Console.IsInputRedirected)
            throw new StartRefusedException("This deletes them for good. Say --yes to do it without being asked. Nothing was deleted.") { Misused = true };
        Console.Error.Write($"This deletes them for good. Look once more for the key, then type {name} to go on: ");
        if (Console.ReadLine()?.Trim() == name)
            return true;
        Terminal.Error("That is not the key's name. Nothing was deleted.");
        return false;
    }
}
