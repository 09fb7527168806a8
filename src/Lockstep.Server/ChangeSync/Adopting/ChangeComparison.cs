using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Adopting;

/// <summary>Compares rows of another server's log with what is here.</summary>
/// <remarks>
/// <code>
/// (1) it was taken over, and said then what it says now: its digest
/// (2) its place in our log has its id, its record, its author, and a time that is not before its own
/// (3) the record has every field that it wrote, or a later one: merging it once more would change nothing
/// </code>
/// What the log does not keep any more (LOCKSTEP_SYNC_KEEP_DAYS) is judged by (1) and (3).
/// </remarks>
internal sealed class ChangeComparison(NpgsqlDataSource source)
{
    /// <returns>One outcome a row, in order.</returns>
    public async Task<IReadOnlyList<AdoptionOutcome>> Compare(IReadOnlyList<AdoptedChange> rows, CancellationToken ct)
    {
        var outcomes = new AdoptionOutcome[rows.Count];
        await using var transaction = await SharedTransaction.Begin(source, ct);
        var owner = Caller.Worker(rows[0].Author);
        await transaction.QueryAll(
        [
            (owner, new Statement("SELECT set_config('role', 'lockstep_owner', true)"), static _ => { }),
            (owner, Find(rows), row =>
            {
                var n = (int)row.GetInt64(0) - 1;
                outcomes[n] = Judge(rows[n], row) is { } why ? new AdoptionOutcome.Bad(why) : new AdoptionOutcome.Same();
            }),
        ], ct);
        return outcomes;
    }

    private static Statement Find(IReadOnlyList<AdoptedChange> rows) => new(
        """
        SELECT k.n, a.digest, a.seq, c.event_id, c.app, c.table_name, c.record_id, c.user_id, c.created_at,
               r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text
        FROM   unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY k(event_id, app, table_name, record_id, n)
        LEFT   JOIN lockstep.adopted_changes a ON a.event_id = k.event_id
        LEFT   JOIN lockstep.sync_changes c ON c.scope_id = a.in_scope AND c.seq = a.seq
        LEFT   JOIN lockstep.sync_records r ON r.scope_id = a.in_scope AND r.app = k.app AND r.table_name = k.table_name AND r.record_id = k.record_id
        """,
        rows.Select(row => row.Entry.EventId).ToArray(), rows.Select(row => row.Change.App).ToArray(),
        rows.Select(row => row.Change.Table).ToArray(), rows.Select(row => row.Change.RecordId).ToArray());

    private static string? Judge(AdoptedChange row, NpgsqlDataReader here)
    {
        if (here.IsDBNull(1))
            return "it is not here";
        if (!here.GetFieldValue<byte[]>(1).AsSpan().SequenceEqual(row.Digest)) // (1)
            return "it has changed at the source since it was taken over";
        if (here.IsDBNull(9))
            return "its record is not here any more";
        if (here.IsDBNull(2))
            return null;
        var (entry, change) = (row.Entry, row.Change);
        if (!here.IsDBNull(3) && (here.GetGuid(3) != entry.EventId || here.GetString(4) != change.App || here.GetString(5) != change.Table // (2)
            || here.GetString(6) != change.RecordId || here.GetGuid(7) != row.Author.Value || here.GetInstant(8) < entry.ReceivedAt))
            return "its place in the log is another change's";
        var record = StateText.Read(here.GetString(9), here.GetString(10), here.GetStringOrNull(11), here.GetStringOrNull(12));
        return ConflictRule.Merge(MergeKind.Fields, record, row.State).Equals(record) ? null : "its record does not have what it wrote"; // (3)
    }
}
