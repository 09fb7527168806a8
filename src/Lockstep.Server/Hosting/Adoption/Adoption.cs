using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Takes over what other software keeps in tables: secrets sealed anew, ids kept, compared with the source afterwards.</summary>
/// <remarks>
/// <code>
/// (1) every row of every source is opened and checked; with one that is bad nothing is stored
/// (2) users, spaces and members; then credentials, integrations with their passwords, changes: in transactions of their own, an id that is there already is left
/// (3) every row is read again on both sides and compared: the source in a snapshot of its own, so that what it got meanwhile is noticed
/// </code>
/// Broken off, it is run again: what has been stored is there already.
/// </remarks>
internal sealed class Adoption(AdoptionPlaces places, AdoptionMap map, Workbench bench, IReadOnlyDictionary<string, OldKey> keys)
{
    /// <summary>Rows of integrations whose secrets are looked up together.</summary>
    private const int SecretsAtOnce = 200;

    private readonly IntegrationAdoption integrations = new(bench);

    /// <param name="progress">Told of each row that has been seen in a step, of how many.</param>
    /// <exception cref="AdoptionRefusedException">The source cannot be read as the mapping says; nothing was stored.</exception>
    public async Task<AdoptionReport> Run(bool store, bool verify, Action<long, long> progress, CancellationToken ct)
    {
        var tally = new AdoptionTally(progress);
        var tenants = new AdoptedTenants(places.Target, map, places.Tokens);
        using var changes = new ChangeAdopter(places.Target, map, tenants, tally);
        await changes.LoadSchemas(bench.Get<Database>(), ct);
        await using (var source = await SourceTables.Open(places.Source, ct))
        {
            await RequireColumns(source, ct);
            tally.Begin(storing: false);
            await Each(source, tally, static (_, _) => Task.CompletedTask, static (_, _) => Task.CompletedTask, ct);
            await changes.Check(source, ct);
            tally.Counted();
            if (store && tally.BadRows == 0)
            {
                tally.Begin(storing: true);
                await tenants.Make(source, ct);
                await Each(source, tally, (one, end) => Store(one, tally, end), (one, end) => Store(one, tally, end), ct);
                await changes.Store(source, ct);
            }
        }
        if (verify && (tally.BadRows == 0 || tally.Stored > 0))
        {
            tally.Begin(storing: false);
            await using var source = await SourceTables.Open(places.Source, ct);
            await Each(source, tally, (one, end) => Verify(one, tally, end), (one, end) => Verify(one, tally, end), ct);
            await changes.Compare(source, ct);
        }
        return tally.Report(map.Changes is { Count: > 0 } ? changes.Sha256 : null);
    }

    private async Task RequireColumns(SourceTables source, CancellationToken ct)
    {
        foreach (var (table, columns) in map.Named)
        {
            var there = await source.Columns(table, ct);
            if (columns.FirstOrDefault(column => column is not null && !there.Contains(column)) is { } missing)
                throw AdoptionMap.NoColumn(table, missing, there, "");
        }
        foreach (var changes in map.Changes ?? [])
            _ = changes.Among(await source.Columns(changes.Table, ct));
    }

    private async Task Each(SourceTables source, AdoptionTally tally, Func<AdoptedCredential, CancellationToken, Task> credential, Func<AdoptedIntegration, CancellationToken, Task> integration, CancellationToken ct)
    {
        foreach (var from in map.Credentials ?? [])
            await foreach (var row in source.Rows(from.Table, [from.Columns.Id], ct))
                await EachRow(tally, $"{from.Table} {row.Optional(from.Columns.Id)}", async () =>
                {
                    var one = await AdoptedCredential.Read(row, from, Key(from.Key), ct);
                    using (one.Credential.Value)
                    {
                        Require(CredentialRules.Check(one.Credential, one.Caller, SystemClock.Instance.GetCurrentInstant()).All);
                        await credential(one, ct);
                    }
                });
        foreach (var from in map.Integrations ?? [])
        {
            var page = new List<SourceRow>(SecretsAtOnce);
            await foreach (var row in source.Rows(from.Table, [from.Columns.Id], ct))
            {
                page.Add(row.Kept());
                if (page.Count == SecretsAtOnce)
                    await Turn();
            }
            await Turn();

            async Task Turn()
            {
                var secrets = from.Secrets is { } apart ? await Secrets(source, apart, page.Select(row => row.Optional(from.Columns.Id) ?? ""), ct) : null;
                foreach (var row in page)
                    await EachRow(tally, $"{from.Table} {row.Optional(from.Columns.Id)}", async () =>
                    {
                        var one = await AdoptedIntegration.Read(row, from, Key(from.Key), secrets, ct);
                        using (one.Secret)
                        {
                            Require(integrations.Check(one).All);
                            await integration(one, ct);
                        }
                    });
                page.Clear();
            }
        }
    }

    private static async Task EachRow(AdoptionTally tally, string name, Func<Task> each)
    {
        tally.See();
        try
        {
            await each();
        }
        catch (FormatException e)
        {
            tally.Spoil(name, e.Message);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.ForeignKeyViolation)
        {
            tally.Spoil(name, "there is no such user: name the table of users in the mapping, or make them first");
        }
    }

    private async Task Store(AdoptedCredential one, AdoptionTally tally, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller);
        switch (await bench.Get<CredentialVault>().Import(session, one.Credential, one.Id, ct))
        {
            case StoreOutcome.Stored:
                tally.Stored++;
                break;
            case StoreOutcome.NameTaken:
                tally.AlreadyThere++;
                break;
            case StoreOutcome.UnknownWorkspace:
                throw new FormatException("there is no such workspace, or the user is no admin of it");
            default:
                throw new FormatException("it cannot be stored");
        }
    }

    private async Task Store(AdoptedIntegration one, AdoptionTally tally, CancellationToken ct)
    {
        if (await integrations.Store(one, ct))
            tally.Stored++;
        else
            tally.AlreadyThere++;
    }

    private async Task Verify(AdoptedCredential one, AdoptionTally tally, CancellationToken ct)
    {
        await Same(bench.Get<Database>().For(one.Caller with { Actor = "worker" }), one.Id, one.Credential.Value, ct);
        tally.Verified++;
    }

    private async Task Verify(AdoptedIntegration one, AdoptionTally tally, CancellationToken ct)
    {
        var session = bench.Get<Database>().For(one.Caller with { Actor = "worker" });
        await Same(session, await integrations.Verify(one, ct), one.Secret, ct);
        tally.Verified++;
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

    /// <summary>By the integration's id; one that cannot be read is as good as none.</summary>
    private static async Task<Dictionary<string, string>> Secrets(SourceTables tables, SecretSource source, IEnumerable<string> integrations, CancellationToken ct)
    {
        var secrets = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in await tables.Lookup(source.Table, source.IntegrationId, integrations, ct))
        {
            try
            {
                secrets[row.Text(source.IntegrationId)] = row.Parts(source);
            }
            catch (FormatException)
            {
                continue;
            }
        }
        return secrets;
    }

    private OldKey? Key(string? name) => name is null ? null
        : keys.TryGetValue(name, out var key) ? key : throw new StartRefusedException($"The mapping names a key '{name}', which its keys do not have.");

    private static void Require(IReadOnlyDictionary<string, string[]> errors)
    {
        if (errors.Count > 0)
            throw new FormatException(string.Join(" ", errors.Select(error => $"{error.Key} {string.Join(" ", error.Value)}")));
    }
}
