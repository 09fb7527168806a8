using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>The rows that a transaction adds to the log, column by column, so that any number of them is one statement.</summary>
internal sealed class AppendRows
{
    private readonly List<Row> rows = [];

    /// <param name="movedTo">With a deletion: the scope to which the record went.</param>
    /// <param name="sameSpace">With <paramref name="movedTo"/>: it is in the space of before.</param>
    public void Add(RecordKey key, long seq, Instant at, RecordDelta delta, Change change, string? label, Guid? movedTo = null, bool sameSpace = false) =>
        rows.Add(new Row(key, seq, at, delta, change, label, delta.State.Text.Data, StateText.LaterTimes(delta.State) ?? delta.State.Text.Times, movedTo, sameSpace));

    public Statement Append(IReadOnlyList<(LockedScope Scope, long Before)> scopes, IReadOnlyList<KeyValuePair<RecordKey, TrackedRecord>> records)
    {
        var place = scopes.Select((scope, index) => (scope.Scope.Id, At: index + 1)).ToDictionary(scope => scope.Id, scope => scope.At);
        return new Statement(
            """
            SELECT lockstep.append_changes(
                $1, $2, $3, $4,
                $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
                $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34,
                $35, $36, $37, $38, $39, $40)
            """,
            scopes.Select(scope => scope.Scope.Id).ToArray(),
            scopes.Select(scope => scope.Before).ToArray(),
            scopes.Select(scope => scope.Scope.Head).ToArray(),
            scopes.Select(scope => scope.Scope.HeadAt.ToDateTimeUtc()).ToArray(),
            Column(row => place[row.Key.Scope]),
            Column(row => row.Seq),
            Column(row => row.Change.Earlier?.EventId ?? Guid.CreateVersion7()),
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
            Column(row => row.Data.Length + row.Times.Length + (row.Change.Actor?.Length ?? 0) + (row.Change.Origin?.Length ?? 0)),
            Column(row => row.At.ToDateTimeUtc()),
            records.Select(record => place[record.Key.Scope]).ToArray(),
            records.Select(record => record.Key.App).ToArray(),
            records.Select(record => record.Key.Table).ToArray(),
            records.Select(record => record.Key.RecordId).ToArray(),
            records.Select(record => record.Value.State.Text.Data).ToArray(),
            records.Select(record => record.Value.State.Text.Times).ToArray(),
            records.Select(record => StateText.Numbers(record.Value.FieldSeq)).ToArray(),
            records.Select(record => StateText.Time(record.Value.State.WrittenAt)).ToArray(),
            records.Select(record => StateText.Time(record.Value.State.DeletedAt)).ToArray(),
            records.Select(record => record.Value.LastSeq).ToArray(),
            records.Select(record => record.Value.Label).ToArray(),
            records.Select(record => record.Value.SchemaVersion).ToArray(),
            Column(row => row.MovedTo),
            Column(row => row.SameSpace),
            records.Select(record => record.Value.State.Size).ToArray(),
            records.Select(record => record.Value.MovedFrom is { } scope ? place[scope] : (int?)null).ToArray(),
            records.Select(record => record.Value.MovedTo).ToArray(),
            records.Select(record => record.Value.SameSpace).ToArray());
    }

    public static string Name(ChangeOp op) => op switch
    {
        ChangeOp.Insert => "insert",
        ChangeOp.Update => "update",
        _ => "delete",
    };

    private T[] Column<T>(Func<Row, T> value) => rows.Select(value).ToArray();

    private sealed record Row(
        RecordKey Key, long Seq, Instant At, RecordDelta Delta, Change Change, string? Label, string Data, string Times, Guid? MovedTo, bool SameSpace);
}
