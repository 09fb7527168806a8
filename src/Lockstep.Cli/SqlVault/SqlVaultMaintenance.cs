using System.Text.Json;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Cli;

/// <summary>The work of <see cref="SqlVaultCommand"/>, on a connection that works as the owner.</summary>
internal sealed class SqlVaultMaintenance(MaintenanceConnection maintenance, Settings settings, bool json)
{
    /// <summary>Short transactions: a reader waits for one of them at most.</summary>
    private const int BatchSize = 200;

    private string Key => settings.SqlVaultKey ?? "";

    public async Task<int> Status(CancellationToken ct)
    {
        var (secrets, byKey, keys) = await State(ct);
        List<string> lines = [$"{secrets} secrets"];
        lines.AddRange(byKey.Select(one => $"  {one.Key}  {one.Value}{(IsHere(one.Key) ? "" : "  LOCKED: this key is not here")}"));
        lines.AddRange(keys.Select(key => $"key {key.Fingerprint} from the {key.Source}"));
        if (keys.Count == 0)
            lines.Add("no key: the SQL vault is LOCKED");
        Terminal.Say(json, string.Join(Environment.NewLine, lines), new
        {
            secrets,
            byKey = byKey.Select(one => new { fingerprint = one.Key, secrets = one.Value, atHand = IsHere(one.Key) }),
            keys = keys.Select(key => new { key.Fingerprint, key.Source }),
        });
        return ExitCode.Done;

        bool IsHere(string fingerprint) => keys.Any(key => key.Fingerprint == fingerprint);
    }

    public async Task<int> Gaps(CancellationToken ct)
    {
        var gaps = await Read(new Statement("SELECT g.first, g.last FROM lockstep.vault_access_gaps() g"), row => (row.GetInt64(0), row.GetInt64(1)), ct);
        foreach (var (first, last) in gaps)
            Terminal.Say(json, first == last ? $"{first}" : $"{first}-{last}", new { first, last });
        Terminal.Note(gaps.Count == 0 ? "Every retrieve has its row." : $"{gaps.Sum(gap => gap.Item2 - gap.Item1 + 1)} retrieves have no row.");
        return gaps.Count == 0 ? ExitCode.Done : ExitCode.Found;
    }

    /// <param name="to">file, setting, or null.</param>
    public async Task<int> Rekey(string? to, bool newKey, bool prune, CancellationToken ct)
    {
        if ((newKey || prune) && settings.Database is not null)
            throw new StartRefusedException("--new-key and --prune are for the embedded database. On a server of your own, put the new key in front in its file by hand.") { Misused = true };
        var file = newKey || prune ? await RootKeyFile.Of(settings.DataDirectory, ct) : null;
        if (newKey)
            file!.Prepend();
        var (resealed, failed) = await Reseal(to, ct);
        Terminal.Say(json, $"{resealed} secrets are sealed anew.", new { resealed, failed });
        foreach (var id in failed)
            Terminal.Error($"{id} could not be opened: its key is not here, or its row was changed.");
        if (failed.Count > 0)
            return ExitCode.Failed;
        if (prune)
            await Prune(file!, ct);
        return ExitCode.Done;
    }

    private async Task<(int Resealed, List<Guid> Failed)> Reseal(string? to, CancellationToken ct)
    {
        var resealed = 0;
        var failed = new List<Guid>();
        for (Guid? after = Guid.Empty; after is not null;)
        {
            (after, var done, var stuck) = (await Read(
                new Statement("SELECT r.last_id, r.resealed, r.failed FROM lockstep.reseal_vault_secrets($1::text, $2, $3::uuid, $4) r", to, Key, after, BatchSize),
                row => (row.GetGuidOrNull(0), row.GetInt32(1), row.GetFieldValue<Guid[]>(2)), ct))[0];
            resealed += done;
            failed.AddRange(stuck);
            if (after is not null)
                Terminal.Note($"{resealed} ...");
        }
        return (resealed, failed);
    }

    private async Task Prune(RootKeyFile file, CancellationToken ct)
    {
        var (_, byKey, keys) = await State(ct);
        if (keys.Count > 0 && byKey.Keys.All(fingerprint => fingerprint == keys[0].Fingerprint))
            file.Prune();
        else
            Terminal.Note("The former keys stay: something is still sealed by them.");
    }

    private async Task<(long Secrets, Dictionary<string, long> ByKey, List<(string Source, string Fingerprint)> Keys)> State(CancellationToken ct)
    {
        var (secrets, byKey, keys) = (await Read(
            new Statement("SELECT s.secrets, s.by_key::text, s.keys::text FROM lockstep.sql_vault_state($1) s", Key),
            row => (row.GetInt64(0), row.GetString(1), row.GetString(2)), ct))[0];
        using var list = JsonDocument.Parse(keys);
        return (
            secrets,
            JsonSerializer.Deserialize<Dictionary<string, long>>(byKey)!,
            [.. list.RootElement.EnumerateArray().Select(key => (key.GetProperty("source").GetString()!, key.GetProperty("fingerprint").GetString()!))]);
    }

    private async Task<List<T>> Read<T>(Statement statement, Func<NpgsqlDataReader, T> row, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(maintenance.Connection);
        batch.BatchCommands.Add(statement.ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAll(row, ct);
    }
}
