using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>The rows that a transaction adds to the log, column by column, so that any number of them is one statement.</summary>
internal sealed class AppendRows
{
    private readonly List<Row> rows = [];

    public int Count => rows.Count;

    public void Add(RecordKey key, long seq, Instant at, RecordDelta delta, Change change, string? label) =>
        rows.Add(new Row(key, seq, at, delta, change, label, StateText.Data(delta.State), StateText.Times(delta.State)));

    public Statement Insert() => new(
        """
        INSERT INTO lockstep.sync_changes (
            scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, user_id, client_id,
            mutation_id, space_id, actor, origin, schema_version, bytes, created_at)
        SELECT v.scope_id, v.seq, v.event_id, v.app, v.table_name, v.record_id, v.op, v.data::jsonb, v.field_times::jsonb,
               v.deleted_at::jsonb, lockstep.current_user_id(), v.client_id,
               v.mutation_id, v.space_id, v.actor::jsonb, v.origin, v.schema_version, v.bytes, v.created_at
        FROM   unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                      $10::text[], $11::text[], $12::bigint[], $13::text[], $14::text[], $15::text[], $16::integer[], $17::integer[],
                      $18::timestamptz[])
               v(scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, client_id,
                 mutation_id, space_id, actor, origin, schema_version, bytes, created_at)
        """,
        Column(row => row.Key.Scope),
        Column(row => row.Seq),
        Column(_ => Guid.CreateVersion7()),
        Column(row => row.Key.App),
        Column(row => row.Key.Table),
        Column(row => row.Key.RecordId),
        Column(row => Name(row.Delta.Op)),
        Column(row => row.Data),
        Column(row => row.Times),
        Column(row => StateText.Time(row.Delta.State.DeletedAt)),
        Column(row => row.Change.ClientId),
        Column(row => row.Change.MutationId),
        Column(row => row.Label),
        Column(row => row.Change.Actor),
        Column(row => row.Change.Origin),
        Column(row => row.Change.SchemaVersion),
        Column(row => row.Data.Length + row.Times.Length),
        Column(row => row.At.ToDateTimeUtc()));

    public static Statement Upsert(IEnumerable<KeyValuePair<RecordKey, TrackedRecord>> records)
    {
        var all = records.ToList();
        return new Statement(
            """
            INSERT INTO lockstep.sync_records AS r (
                scope_id, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, deleted, last_seq,
                user_id, space_id, schema_version)
            SELECT v.scope_id, v.app, v.table_name, v.record_id, v.data::jsonb, v.field_times::jsonb, v.field_seq::jsonb,
                   v.written_at::jsonb, v.deleted_at::jsonb, v.written_at IS NULL, v.last_seq,
                   lockstep.current_user_id(), v.space_id, v.schema_version
            FROM   unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
                          $10::bigint[], $11::text[], $12::integer[])
                   v(scope_id, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, last_seq, space_id, schema_version)
            ON CONFLICT (scope_id, app, table_name, record_id) DO UPDATE
            SET    data = excluded.data, field_times = excluded.field_times, field_seq = excluded.field_seq,
                   written_at = excluded.written_at, deleted_at = excluded.deleted_at, deleted = excluded.deleted,
                   last_seq = excluded.last_seq, space_id = excluded.space_id, schema_version = excluded.schema_version
            """,
            all.Select(record => record.Key.Scope).ToArray(),
            all.Select(record => record.Key.App).ToArray(),
            all.Select(record => record.Key.Table).ToArray(),
            all.Select(record => record.Key.RecordId).ToArray(),
            all.Select(record => StateText.Data(record.Value.State)).ToArray(),
            all.Select(record => StateText.Times(record.Value.State)).ToArray(),
            all.Select(record => StateText.Numbers(record.Value.FieldSeq)).ToArray(),
            all.Select(record => StateText.Time(record.Value.State.WrittenAt)).ToArray(),
            all.Select(record => StateText.Time(record.Value.State.DeletedAt)).ToArray(),
            all.Select(record => record.Value.LastSeq).ToArray(),
            all.Select(record => record.Value.Label).ToArray(),
            all.Select(record => record.Value.SchemaVersion).ToArray());
    }

    public static string Name(ChangeOp op) => op switch
    {
        ChangeOp.Insert => "insert",
        ChangeOp.Update => "update",
        _ => "delete",
    };

    private T[] Column<T>(Func<Row, T> value) => rows.Select(value).ToArray();

    private sealed record Row(
        RecordKey Key, long Seq, Instant At, RecordDelta Delta, Change Change, string? Label, string Data, string Times);
}
