using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Takes over what other software keeps in tables of the same database: sealed anew, ids kept, compared with the source afterwards.</summary>
/// <remarks>
/// <code>
/// (1) every row of every source is opened and checked; with one that is bad nothing is stored
/// (2) users, then credentials, then integrations with their passwords: each in a transaction of its own, an id that is there already is left
/// (3) every row is read again on both sides and compared
/// </code>
/// Broken off, it is run again: what has been stored is there already.
/// </remarks>
/// <param name="connection">The migrator's login, which may read the sources.</param>
internal sealed class Adoption(NpgsqlConnection connection, AdoptionMap map, Workbench bench, IReadOnlyDictionary<string, OldKey> keys)
{
    private readonly IntegrationAdoption integrations = new(bench);
    private readonly List<BadRow> bad = [];
    private int found;
    private int stored;
    private int there;
    private int verified;

    /// <param name="progress">Told of each row that has been seen in the last step, of how many.</param>
    public async Task<AdoptionReport> Run(bool store, bool verify, Action<long, long> progress, CancellationToken ct)
    {
        await Each(static (_, _) => Task.CompletedTask, static (_, _) => Task.CompletedTask, ct);
        found = seen;
        if (store && bad.Count == 0)
        {
            await Users(ct);
            await Each(Store, Store, ct);
        }
        if (verify && bad.Count == 0)
            await Each(Verify, Verify, ct, progress);
        return new AdoptionReport(found, stored, there, verified, bad);
    }

    private int seen;

    private async Task Each(Func<AdoptedCredential, CancellationToken, Task> credential, Func<AdoptedIntegration, CancellationToken, Task> integration, CancellationToken ct, Action<long, long>? progress = null)
    {
        seen = 0;
        foreach (var source in map.Credentials ?? [])
            await EachRow(source.Table, source.Columns.Id, async row =>
            {
                var one = await AdoptedCredential.Read(row, source, Key(source.Key), ct);
                using (one.Credential.Value)
                {
                    Require(CredentialRules.Check(one.Credential, one.Caller, SystemClock.Instance.GetCurrentInstant()).All);
                    await credential(one, ct);
                }
                progress?.Invoke(seen, found);
            }, ct);
        foreach (var source in map.Integrations ?? [])
        {
            var secrets = source.Secrets is { } apart ? await Secrets(apart, ct) : null;
            await EachRow(source.Table, source.Columns.Id, async row =>
            {
                var one = await AdoptedIntegration.Read(row, source, Key(source.Key), secrets, ct);
                using (one.Secret)
                {
                    Require(integrations.Check(one).All);
                    await integration(one, ct);
                }
                progress?.Invoke(seen, found);
            }, ct);
        }
    }

    private async Task EachRow(string table, string id, Func<SourceRow, Task> each, CancellationToken ct)
    {
        foreach (var json in await Rows(table, ct))
        {
            seen++;
            using var document = JsonDocument.Parse(json);
            var name = $"{table} {(document.RootElement.TryGetProperty(id, out var value) ? value.ToString() : $"row {seen}")}";
            try
            {
                await each(new SourceRow(document.RootElement));
            }
            catch (FormatException e)
            {
                bad.Add(new BadRow(name, e.Message));
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation)
            {
                bad.Add(new BadRow(name, "there is no such user: name the table of users in the mapping, or make them first"));
            }
        }
    }

    private async Task Store(AdoptedCredential one, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller);
        switch (await bench.Get<CredentialVault>().Import(session, one.Credential, one.Id, ct))
        {
            case StoreOutcome.Stored:
                stored++;
                break;
            case StoreOutcome.NameTaken:
                there++;
                break;
            case StoreOutcome.UnknownWorkspace:
                throw new FormatException("there is no such workspace, or the user is no admin of it");
            default:
                throw new FormatException("it cannot be stored");
        }
    }

    private async Task Store(AdoptedIntegration one, CancellationToken ct)
    {
        if (await integrations.Store(one, ct))
            stored++;
        else
            there++;
    }

    private async Task Verify(AdoptedCredential one, CancellationToken ct)
    {
        await Same(bench.Get<Database>().For(one.Caller with { Actor = "worker" }), one.Id, one.Credential.Value, ct);
        verified++;
    }

    private async Task Verify(AdoptedIntegration one, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller with { Actor = "worker" });
        await Same(session, await integrations.Verify(one, ct), one.Secret, ct);
        verified++;
    }

    private async Task Same(TenantSession session, CredentialId id, Secret source, CancellationToken ct)
    {
        if (await bench.Get<CredentialVault>().RevealForSync(session, id, ct) is not RevealOutcome.Revealed revealed)
            throw new FormatException("its secret is not here under this id, or cannot be opened");
        using (revealed.Value)
        {
            if (!revealed.Value.RevealBytes().AsSpan().SequenceEqual(source.RevealBytes()))
                throw new FormatException("its secret differs from the source");
        }
    }

    private async Task Users(CancellationToken ct)
    {
        if (map.Users is not { } users)
            return;
        foreach (var json in await Rows(users.Table, ct))
        {
            using var document = JsonDocument.Parse(json);
            var row = new SourceRow(document.RootElement);
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(new Statement(
                "INSERT INTO auth.users (id, email) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", row.Id(users.Id), row.Text(users.Email)).ToCommand());
            await batch.ExecuteNonQueryAsync(ct);
        }
    }

    private async Task<Dictionary<string, string>> Secrets(SecretSource source, CancellationToken ct)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var json in await Rows(source.Table, ct))
        {
            using var document = JsonDocument.Parse(json);
            var row = new SourceRow(document.RootElement);
            secrets[row.Text(source.IntegrationId)] = row.Parts(source);
        }
        return secrets;
    }

    private async Task<List<string>> Rows(string table, CancellationToken ct)
    {
        try
        {
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(new Statement("SELECT r::text FROM lockstep.rows_to_import($1::text::regclass) r", table).ToCommand());
            await using var reader = await batch.ExecuteReaderAsync(ct);
            return await reader.ReadAll(row => row.GetString(0), ct);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.InvalidName)
        {
            throw new StartRefusedException($"The table {table} of the mapping cannot be read: {e.MessageText}. Write it with its schema, and use a login that may read it.", e);
        }
    }

    private OldKey? Key(string? name) => name is null ? null
        : keys.TryGetValue(name, out var key) ? key : throw new StartRefusedException($"The mapping names a key '{name}', which its keys do not have.");

    private static void Require(IReadOnlyDictionary<string, string[]> errors)
    {
        if (errors.Count > 0)
            throw new FormatException(string.Join(" ", errors.Select(error => $"{error.Key} {string.Join(" ", error.Value)}")));
    }
}
