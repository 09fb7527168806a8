using System.Security.Cryptography;
using Lockstep.Server.ChangeSync.Adopting;
using Lockstep.Server.ChangeSync.Places;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Logging.Abstractions;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Takes logs of changes over, a page at a time.</summary>
/// <param name="target">Of the migrator's login.</param>
/// <param name="tenants">Makes and knows users and spaces.</param>
internal sealed class ChangeAdopter(NpgsqlDataSource target, AdoptionMap map, AdoptedTenants tenants, AdoptionTally tally) : IDisposable
{
    private readonly TableSchemas schemas = new();
    private IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>SHA-256 over what every row of the last pass says, in their order.</summary>
    public string Sha256 => Convert.ToHexStringLower(hash.GetCurrentHash());

    public async Task LoadSchemas(Database database, CancellationToken ct)
    {
        using var watch = new SchemaWatch(database, schemas, TimeProvider.System, NullLogger<SchemaWatch>.Instance);
        await watch.Look(ct);
    }

    /// <summary>Reads every row by the rules, and finds its space; stores nothing.</summary>
    public Task Check(SourceTables source, CancellationToken ct) => Each(source, async page =>
    {
        var unknown = await tenants.UnknownSpaces(source, [.. page.Select(row => row.Change.Change.Scope.Space).Where(space => !OpenSpace.NamesOwn(space)).Distinct(StringComparer.Ordinal)], ct);
        foreach (var row in page.Where(row => unknown.Contains(row.Change.Change.Scope.Space)))
            tally.Spoil(row.Name, "there is no such space: name the table of spaces in the mapping, or make the workspace first with this external id");
    }, ct);

    public Task Store(SourceTables source, CancellationToken ct)
    {
        var adoption = new ChangeAdoption(target);
        return Each(source, async page =>
        {
            foreach (var batch in AdoptionBatch.Cut(page, row => row.Change))
                Count(batch, await adoption.Store([.. batch.Select(row => row.Change)], ct));
        }, ct);
    }

    public Task Compare(SourceTables source, CancellationToken ct)
    {
        var comparison = new ChangeComparison(target);
        return Each(source, async page => Count(page, await comparison.Compare([.. page.Select(row => row.Change)], ct)), ct);
    }

    public void Dispose() => hash.Dispose();

    private void Count(IReadOnlyList<Named> rows, IReadOnlyList<AdoptionOutcome> outcomes)
    {
        for (var i = 0; i < rows.Count; i++)
        {
            switch (outcomes[i])
            {
                case AdoptionOutcome.Stored stored:
                    tally.Stored++;
                    tally.WithoutEffect += stored.HadEffect ? 0 : 1;
                    break;
                case AdoptionOutcome.Known:
                    tally.AlreadyThere++;
                    break;
                case AdoptionOutcome.Same:
                    tally.Verified++;
                    break;
                case AdoptionOutcome.Bad bad:
                    tally.Spoil(rows[i].Name, bad.Why);
                    break;
            }
        }
    }

    private async Task Each(SourceTables source, Func<IReadOnlyList<Named>, Task> work, CancellationToken ct)
    {
        hash.Dispose();
        hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var named in map.Changes ?? [])
        {
            var from = named.Among(await source.Columns(named.Table, ct));
            var reader = new ChangeRow(from, tenants.UserOf, schemas, SystemClock.Instance.GetCurrentInstant());
            var page = new List<Named>(AdoptionBatch.MostRows);
            var subjects = new Dictionary<UserId, string>();
            await foreach (var row in source.Rows(named.Table, [from.Columns!.CreatedAt!, from.Columns.Id!], ct))
            {
                var name = $"{named.Table} {row.Optional(from.Columns.Id)}";
                tally.See();
                try
                {
                    var change = reader.Read(row);
                    hash.AppendData(change.Digest);
                    subjects.TryAdd(change.Author, row.Text(from.Columns.UserId!));
                    page.Add(new Named(name, change));
                }
                catch (FormatException e)
                {
                    tally.Spoil(name, e.Message);
                }
                if (page.Count == AdoptionBatch.MostRows)
                    await Turn();
            }
            await Turn();

            async Task Turn()
            {
                if (page.Count == 0)
                    return;
                if (tally.Storing)
                    await tenants.EnsureUsers(subjects, ct);
                await work(page);
                page.Clear();
                subjects.Clear();
            }
        }
    }

    private sealed record Named(string Name, AdoptedChange Change);
}
