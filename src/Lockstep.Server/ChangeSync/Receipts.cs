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
    public IEnumerable<(Statement Statement, Action<NpgsqlDataReader> Row)> Reads(long first, long final) =>
    [
        (new Statement("SELECT lockstep.lock_sync_client($1, $2)", app, clientId), row => last = row.GetInt64(0)),
        (new Statement(
            """
            SELECT r.results::text
            FROM   lockstep.sync_receipts r
            WHERE  r.user_id = (SELECT lockstep.current_user_id())
            AND    r.app = $1 AND r.client_id = $2 AND r.last_mutation >= $3 AND r.first_mutation <= $4
            """,
            app, clientId, first, final), row => Read(row.GetString(0))),
    ];

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
        new Statement(
            """
            UPDATE lockstep.sync_clients c
            SET    last_mutation_id = $3, seen_at = now()
            WHERE  c.user_id = (SELECT lockstep.current_user_id()) AND c.app = $1 AND c.client_id = $2
            """,
            app, clientId, fresh[^1].Id),
        new Statement(
            """
            INSERT INTO lockstep.sync_receipts (user_id, app, client_id, first_mutation, last_mutation, results)
            VALUES (lockstep.current_user_id(), $1, $2, $3, $4, $5::jsonb)
            """,
            app, clientId, fresh[0].Id, fresh[^1].Id, Write(fresh)),
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
