using Lockstep.Server.Postgres;
using Npgsql;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>One transaction's writes to the log: locks and reads in one round trip, merges in memory, appends in another.</summary>
/// <remarks>
/// <code>
/// (1) lock the scopes, ascending; read the records under the locks      one round trip
/// (2) merge each change by ConflictRule; winners take the next number   no I/O, except for an app with a handler
/// (3) heads, changes, records                                           one round trip, the COMMIT with it where the caller allows
/// </code>
/// The counter row stays locked until the commit is visible, and a rollback takes the numbers back: dense, in commit order.
/// </remarks>
/// <param name="handlers">Asked about pushed changes; <see cref="ChangeHandlers.None"/> when the owning slice itself appends.</param>
internal sealed class ScopeWriter(TenantTransaction transaction, ChangeHandlers handlers)
{
    private readonly Dictionary<string, (LockedScope Scope, string? Label)> spaces = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, LockedScope> scopes = [];
    private readonly Dictionary<RecordKey, TrackedRecord> records = [];
    private readonly AppendRows rows = new();

    /// <summary>The database's clock when the locks were held: the only clock that decides anything here.</summary>
    public Instant Now { get; private set; }

    public bool HasChanges => rows.Count > 0;

    public IReadOnlyCollection<Guid> ChangedScopes => [.. scopes.Values.Where(scope => scope.Advanced).Select(scope => scope.Id)];

    /// <summary>Whether this space was the caller's when the locks were taken.</summary>
    public bool Knows(Scope scope) => spaces.ContainsKey(scope.Space);

    /// <summary>(1)</summary>
    /// <param name="first">Reads that need no scope and come before the locks, in the same round trip.</param>
    public Task Open(
        IReadOnlyList<Change> changes, IEnumerable<(Statement Statement, Action<NpgsqlDataReader> Row)> first, CancellationToken ct)
    {
        var wanted = changes.Select(change => change.Scope.Space).Distinct(StringComparer.Ordinal).ToArray();
        var keys = changes.Select(change => (change.Scope.Space, change.App, change.Table, change.RecordId)).Distinct().ToList();
        return transaction.QueryAll(ct,
        [
            .. first,
            (new Statement(
                """
                SELECT l.space, l.label, l.scope_id, l.head, l.head_at, l.locked_at
                FROM   lockstep.lock_scopes($1) l
                """,
                (object)wanted), ReadScope),
            (new Statement(
                """
                SELECT r.scope_id, r.app, r.table_name, r.record_id,
                       r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text, r.field_seq::text
                FROM  (SELECT DISTINCT s.scope_id, k.app, k.table_name, k.record_id
                       FROM   unnest($1::text[], $2::text[], $3::text[], $4::text[]) k(space, app, table_name, record_id)
                       JOIN   lockstep.resolve_spaces($5) o ON o.space = k.space
                       JOIN   lockstep.sync_scopes s ON s.user_id = o.user_id OR s.workspace_id = o.workspace_id) k
                CROSS  JOIN LATERAL (
                    SELECT x.*
                    FROM   lockstep.sync_records x
                    WHERE  x.scope_id = k.scope_id AND x.app = k.app AND x.table_name = k.table_name AND x.record_id = k.record_id
                    LIMIT  1) r
                """,
                keys.Select(key => key.Space).ToArray(),
                keys.Select(key => key.App).ToArray(),
                keys.Select(key => key.Table).ToArray(),
                keys.Select(key => key.RecordId).ToArray(),
                wanted), ReadRecord),
        ]);
    }

    /// <summary>(2)</summary>
    public async Task<ChangeResult> Apply(Change change, CancellationToken ct)
    {
        if (!spaces.TryGetValue(change.Scope.Space, out var space))
            return ChangeResult.Rejected("space_forbidden", $"The space '{change.Scope.Space}' is not one of yours. Check the id, or ask for membership.");
        var key = new RecordKey(space.Scope.Id, change.App, change.Table, change.RecordId);
        var record = records.GetValueOrDefault(key) ?? TrackedRecord.New();
        if (change.RepeatsAreNothing && Repeats(change, record.State))
            return ChangeResult.Superseded;
        var handler = handlers.For(change.App);
        var kind = handler is null ? change.Merge : MergeKind.Register;
        var written = ToState(change, kind);
        if (written.WrittenAt is { } at && at.IsAheadOf(Now) || written.DeletedAt is { } gone && gone.IsAheadOf(Now))
            return ChangeResult.Rejected("clock_skew", $"Its time is more than 5 minutes ahead of the server's, {Now}. Set the clock and send the change again.");
        var after = ConflictRule.Merge(kind, record.State, written);
        if (RecordDelta.Between(kind, record.State, after) is not { } delta)
            return ChangeResult.Superseded;
        if (handler is not null)
        {
            switch (await handler(transaction, Pushed(change, record.State, written), ct))
            {
                case AppVerdict.Refused refused:
                    return ChangeResult.Rejected(refused.Code, refused.Detail);
                case AppVerdict.Accepted accepted when written.WrittenAt is { } time:
                    written = RecordState.Write(accepted.Fields.Select(field =>
                        KeyValuePair.Create(field.Key, new FieldValue(JsonText.Of(JsonText.Parse(field.Value)), time))), time);
                    after = ConflictRule.Merge(kind, record.State, written);
                    delta = RecordDelta.Between(kind, record.State, after) ?? delta;
                    break;
            }
        }
        var (seq, createdAt) = space.Scope.Next();
        record.Become(after, delta, seq, space.Label, change.SchemaVersion);
        records[key] = record;
        rows.Add(key, seq, createdAt, delta, change, space.Label);
        return ChangeResult.Applied;
    }

    /// <summary>(3)</summary>
    public IEnumerable<Statement> Statements()
    {
        if (!HasChanges)
            return [];
        var advanced = scopes.Values.Where(scope => scope.Advanced).ToList();
        return
        [
            new Statement(
                """
                UPDATE lockstep.sync_scopes s
                SET    head = v.head, head_at = v.head_at
                FROM   unnest($1::uuid[], $2::bigint[], $3::timestamptz[]) v(scope_id, head, head_at)
                WHERE  s.scope_id = v.scope_id
                """,
                advanced.Select(scope => scope.Id).ToArray(),
                advanced.Select(scope => scope.Head).ToArray(),
                advanced.Select(scope => scope.HeadAt.ToDateTimeUtc()).ToArray()),
            rows.Insert(),
            AppendRows.Upsert(records.Where(record => record.Value.Changed)),
        ];
    }

    private RecordState ToState(Change change, MergeKind kind)
    {
        var arrival = FieldTime.Of(Now, change.ClientId);
        var at = change.At ?? arrival;
        if (change.Op == ChangeOp.Delete)
            return RecordState.Delete(at);
        var fields = change.Fields.Select(field => KeyValuePair.Create(field.Key, new FieldValue(field.Value.Json, field.Value.At ?? at))).ToList();
        if (fields.Count > 0 && (kind == MergeKind.Register || change.At is null && change.Fields.Values.All(field => field.At is not null)))
            at = fields.Max(field => field.Value.At);
        return kind == MergeKind.Register
            ? RecordState.Write(fields.Select(field => KeyValuePair.Create(field.Key, field.Value with { At = at })), at)
            : RecordState.Write(fields, at);
    }

    private static bool Repeats(Change change, RecordState state) => change.Op == ChangeOp.Delete
        ? change.At is null && !state.IsLive && state.DeletedAt is not null
        : change.At is null && state.IsLive && change.Fields.All(field =>
            field.Value.At is null && state.Fields.TryGetValue(field.Key, out var present) &&
            present.Json == field.Value.Json && present.At.ClientId == change.ClientId);

    private static PushedChange Pushed(Change change, RecordState before, RecordState written) => new(
        change.Scope,
        change.Table,
        change.RecordId,
        change.Op,
        before.IsLive ? before.Fields.ToDictionary(field => field.Key, field => field.Value.Json) : null,
        written.Fields.ToDictionary(field => field.Key, field => field.Value.Json),
        written.WrittenAt ?? written.DeletedAt ?? FieldTime.Beginning);

    private void ReadScope(NpgsqlDataReader row)
    {
        var id = row.GetGuid(2);
        Now = row.GetInstant(5);
        if (!scopes.TryGetValue(id, out var scope))
            scopes[id] = scope = new LockedScope(id, row.GetInt64(3), row.GetInstant(4), row.GetInstant(5));
        spaces[row.GetString(0)] = (scope, row.GetStringOrNull(1));
    }

    private void ReadRecord(NpgsqlDataReader row) =>
        records[new RecordKey(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3))] = new TrackedRecord(
            StateText.Read(row.GetString(4), row.GetString(5), row.GetStringOrNull(6), row.GetStringOrNull(7)),
            StateText.Numbers(row.GetString(8)));
}
