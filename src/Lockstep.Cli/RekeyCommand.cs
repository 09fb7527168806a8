using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Vault.Keys;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Cli;

/// <summary><c>lockstep rekey</c>: everything under the newest key, while servers go on.</summary>
internal static class RekeyCommand
{
    public static Command Create()
    {
        var dry = new Option<bool>("--dry-run") { Description = "Say what would be done, and do nothing" };
        var dataKeys = new Option<bool>("--data-keys") { Description = "Make new data keys too, and seal every value anew under them" };
        var before = new Option<string?>("--before") { Description = "With --data-keys: only data keys made before this time get a successor (default: now)", HelpName = "TIME" };
        var lost = new Option<string?>("--give-up-lost") { Description = "Delete what was sealed under a key that is lost for good; '--dry-run' lists it", HelpName = "KEY" };
        var yes = new Option<bool>("--yes") { Description = "With --give-up-lost: do not ask" };
        var sql = new Option<bool>("--sql") { Description = "The secrets of the SQL vault instead, as 'lockstep sql-vault rekey' does" };
        var to = new Option<string?>("--to") { Description = "With --sql: where its newest root key is looked for: file or setting", HelpName = "WHERE" };
        to.AcceptOnlyFromAmong("file", "setting");
        var json = SharedOptions.Json();
        var directory = SharedOptions.DataDirectory();
        var database = SharedOptions.Database();
        var command = new Command("rekey", "Wrap every data key with the newest master key, or with the newest version of the key provider's key.\n\nServers go on meanwhile; interrupted, run it again. 'lockstep keys' says which keys are still needed.\n\nExample:\n  LOCKSTEP_MASTER_KEYS=k2:...,k1:... lockstep rekey")
        {
            dry, dataKeys, before, lost, yes, sql, to, json, directory, database,
        };
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(sql))
                return SqlVaultCommand.Rekey(parsed.GetValue(directory), parsed.GetValue(database), parsed.GetValue(to), parsed.GetValue(dry), parsed.GetValue(json));
            var asked = new Asked(
                parsed.GetValue(dry), parsed.GetValue(dataKeys), parsed.GetValue(before), parsed.GetValue(lost), parsed.GetValue(yes), parsed.GetValue(json));
            return Terminal.OnWorkbench(parsed.GetValue(directory), parsed.GetValue(database), (bench, ct) => Run(bench.Get<KeyRotation>(), bench.Get<Renewal>(), asked, ct));
        });
        return command;
    }

    private static async Task<int> Run(KeyRotation keys, Renewal renewal, Asked asked, CancellationToken ct)
    {
        var uses = await keys.InUse(ct);
        if (asked.Lost is not null)
            return await GiveUpCommand.Run(keys, uses, asked.Lost, asked.DryRun, asked.Yes, asked.Json, ct);
        if (asked.DryRun)
            return Tell(uses, asked.Json);
        if (uses.Find(use => !use.AtHand) is { } missing)
            Terminal.Note($"note: {missing.DataKeys} data keys are under key {missing.Key}, which was not given; they stay as they are.");

        var began = SystemClock.Instance.GetCurrentInstant();
        if (asked.Before is not null && !(InstantPattern.ExtendedIso.Parse(asked.Before) is { Success: true } given && (began = given.Value) < SystemClock.Instance.GetCurrentInstant()))
        {
            Terminal.Error($"--before {asked.Before} is no time that has been: write it as 2026-03-01T09:00:00Z.");
            return ExitCode.Usage;
        }
        var clock = Stopwatch.StartNew();
        var rewrapped = await Bars.Run("Wrapping data keys", progress => keys.Rewrap(progress, ct));
        // What Transit seals itself goes under the newest version of its key there, unseen by us.
        var direct = uses.Where(use => use.Provider == KeyUse.TransitValue).Sum(use => use.Values);
        var (renewed, left) = direct == 0 ? (0, 0) : await Bars.Run("Renewing values of Transit", progress => renewal.RenewDirect(done => progress(done, direct), ct));
        long made = 0;
        ResealReport? resealed = null;
        if (asked.DataKeys)
        {
            Terminal.Note($"If this is interrupted: lockstep rekey --data-keys --before {InstantPattern.ExtendedIso.Format(began)}");
            made = await Bars.Run("Making data keys", progress => keys.ReplaceDataKeys(began, progress, ct));
            resealed = await Bars.Run("Sealing values", progress => keys.Reseal(progress, ct));
        }
        Straggler[] stragglers = [.. rewrapped.Stragglers, .. resealed?.Stragglers ?? []];
        if (asked.Json)
            Console.WriteLine(JsonSerializer.Serialize(new { rewrapped, transitRenewed = renewed, transitLeft = left, dataKeysMade = made, resealed, seconds = Math.Round(clock.Elapsed.TotalSeconds, 1) }, StrictJson.Options));
        else
            Tell(rewrapped, made, resealed, clock.Elapsed);
        if (direct > 0 && !asked.Json)
            Console.WriteLine($"{renewed} values that Transit sealed are under its newest key; {left} could not be renewed.");
        foreach (var straggler in stragglers)
            Terminal.Error($"{(straggler.Version is { } version ? $"credential {straggler.Id} version {version}" : $"data key {straggler.Id}")} of {straggler.Tenant}: {straggler.Why}");
        return stragglers.Length == 0 && left == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private static void Tell(RewrapReport rewrapped, long made, ResealReport? resealed, TimeSpan took)
    {
        var rate = rewrapped.Rewrapped / Math.Max(0.001, took.TotalSeconds);
        Console.WriteLine($"{rewrapped.Keys} data keys: {rewrapped.Rewrapped} wrapped anew, {rewrapped.AlreadyNewest} were so already, {rewrapped.ChangedMeanwhile} changed by somebody else meanwhile ({took.TotalSeconds:0.0} s, {rate:0}/s).");
        if (resealed is not null)
            Console.WriteLine($"{made} new data keys; {resealed.Resealed} of {resealed.Values} values sealed anew, {resealed.ChangedMeanwhile} changed meanwhile; {resealed.Dropped} old data keys destroyed.");
        if (resealed is { ChangedMeanwhile: > 0 } || rewrapped.ChangedMeanwhile > 0)
            Console.WriteLine("Run it again to be sure of those.");
    }

    private static int Tell(List<KeyUse> uses, bool json)
    {
        var missing = uses.Where(use => !use.AtHand).ToList();
        if (json)
            Console.WriteLine(JsonSerializer.Serialize(uses, StrictJson.Options));
        else if (uses.Where(use => use.AtHand && !use.IsNewest).Sum(use => use.DataKeys) is > 0 and var old)
            Console.WriteLine($"{old} data keys would be wrapped anew:\n{KeysCommand.Table(uses)}");
        else
            Console.WriteLine(missing.Count == 0 ? "Nothing to do: every data key is under the newest key." : $"Nothing can be wrapped anew:\n{KeysCommand.Table(uses)}");
        KeysCommand.TellMissing(missing);
        return missing.Count == 0 ? ExitCode.Done : ExitCode.Failed;
    }

    private sealed record Asked(bool DryRun, bool DataKeys, string? Before, string? Lost, bool Yes, bool Json);
}
