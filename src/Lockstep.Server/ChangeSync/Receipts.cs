using System.Text.Json;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>What a client has sent before, so that a retry has one effect and the same answer.</summary>
internal sealed class Receipts(string app, string clientId)
{
    private readonly Dictionary<long, Receipt> known = [];
    private long last;

    /// <summary>Locks the client, then reads its receipts: a retry that runs at the same time waits here and finds them.</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row) Open(long first, long final)
    {
        return (new Statement("SELECT c.last_mutation, c.results FROM lockstep.open_sync_client($1, $2, $3, $4) c", app, clientId, first, final), Row);

        void Row(NpgsqlDataReader row)
        {
            last = row.GetInt64(0);
            if (!row.IsDBNull(1))
                Array.ForEach(row.GetFieldValue<string[]>(1), Read);
        }
    }

    /// <returns>Null when the mutations are new or repeated in order.</returns>
    public PushOutcome? Check(IReadOnlyList<NumberedChange> mutations)
    {
        var next = last + 1;
        foreach (var mutation in mutations)
        {
            if (mutation.Id > next)
                return new PushOutcome.Gap(next);
            if (mutation.Id == next)
                next++;
            else if (known.TryGetValue(mutation.Id, out var receipt) && receipt.Hash != mutation.Hash)
                return new PushOutcome.Reused(mutation.Id);
        }
        return null;
    }

    /// <returns>Null when this mutation is new.</returns>
    public Receipt? Of(NumberedChange mutation) => mutation.Id > last
        ? null
        : known.GetValueOrDefault(mutation.Id) ?? new Receipt(mutation.Id, mutation.Hash, ChangeResult.Rejected(
            "too_old", "This mutation was answered so long ago that the answer is gone. Pull to see what is stored, and do not send it again."));

    public IEnumerable<Statement> Store(IReadOnlyList<Receipt> fresh) => fresh.Count == 0 ? [] :
    [
        new Statement("SELECT lockstep.store_receipts($1, $2, $3, $4, $5)", app, clientId, fresh[0].Id, fresh[^1].Id, Write(fresh)),
    ];

    private void Read(string json)
    {
        foreach (var row in JsonSerializer.Deserialize<List<Row>>(json)!)
            known[row.Id] = new Receipt(row.Id, row.Hash, new ChangeResult(Enum.Parse<ChangeStatus>(row.Status), row.Code, row.Detail));
    }

    private static string Write(IEnumerable<Receipt> receipts) => JsonSerializer.Serialize(receipts.Select(receipt =>
        new Row(receipt.Id, receipt.Hash, receipt.Result.Status.ToString(), receipt.Result.Code, receipt.Result.Detail)));

    private sealed record Row(long Id, string Hash, string Status, string? Code, string? Detail);
}
