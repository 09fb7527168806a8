using Lockstep.Server.ChangeSync.Sealing;
using Lockstep.Server.Postgres;
using Npgsql;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>One caller's writes to the log in one transaction: locks and reads in one round trip, merges in memory, appends in another.</summary>
/// <remarks>
/// <code>
/// (1) lock the scopes, always in the same order; read the records under the locks      one round trip
/// (2) merge each change by ConflictRule; winners take the next number                  no I/O, except for an app with a handler
/// (3) heads, changes, records                                                          one round trip, the COMMIT with it where the caller allows
/// </code>
/// The counter row stays locked until the commit is visible, and a rollback takes the numbers back: dense, in commit order.
/// </remarks>
/// <param name="transaction">Given to the handler of an app; null where no app has one.</param>
/// <param name="handlers">Asked about pushed changes; <see cref="ChangeHandlers.None"/> when the owning slice itself appends.</param>
internal sealed class ScopeWriter(TenantTransaction? transaction, ChangeHandlers handlers, ScopeBook book)
{
    private readonly Dictionary<string, (LockedScope Scope, string? Label, SpaceKeys Keys)> spaces = new(StringComparer.Ordinal);
    private readonly Dictionary<Guid, (LockedScope Scope, long Before)> advanced = [];
    private readonly HashSet<RecordKey> changed = [];
    private readonly AppendRows rows = new();
    private Guid caller;

    public ScopeWriter(TenantTransaction transaction, ChangeHandlers handlers)
        : this(transaction, handlers, new ScopeBook())
    {
    }

    /// <summary>The database's clock when the locks were held: the only clock that decides anything here.</summary>
    public Instant Now { get; private set; }

    public IReadOnlyCollection<Guid> ChangedScopes => advanced.Keys;

    /// <summary>Whether this space was the caller's when the locks were taken.</summary>
    public bool Knows(Scope scope) => spaces.ContainsKey(scope.Space);

    /// <summary>(1)</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row) Open(IReadOnlyList<Change> changes)
    {
        var wanted = changes.Select(change => change.Scope.Space).Distinct(StringComparer.Ordinal).ToArray();
        var keys = changes.Select(change => (change.Scope.Space, change.App, change.Table, change.RecordId)).Distinct().ToList();
        return (new Statement(
            """
            SELECT o.at, o.label, o.scope_id, o.head, o.head_at, o.locked_at, o.key, o.data, o.field_times, o.written_at, o.deleted_at, o.field_seq, o.key_epochs, o.author,
                   o.administers
            FROM   lockstep.open_scopes($1, $2, $3, $4, $5) o
            """,
            wanted,
            keys.Select(key => Array.IndexOf(wanted, key.Space) + 1).ToArray(),
            keys.Select(key => key.App).ToArray(),
            keys.Select(key => key.Table).ToArray(),
            keys.Select(key => key.RecordId).ToArray()), Row);

        void Row(NpgsqlDataReader row)
        {
            if (row.IsDBNull(6))
                ReadScope(wanted[row.GetInt32(0) - 1], row);
            else
                ReadRecord(keys[row.GetInt32(6) - 1], row);
        }
    }

    /// <summary>(2)</summary>
    public async Task<ChangeResult> Apply(Change change, CancellationToken ct)
    {
        if (!spaces.TryGetValue(change.Scope.Space, out var space))
            return ChangeResult.Rejected("space_forbidden", $"The space '{change.Scope.Space}' is not one of yours. Check the id, or ask for membership.");
        var key = new RecordKey(space.Scope.Id, change.App, change.Table, change.RecordId);
        var record = book.Records.GetValueOrDefault(key) ?? TrackedRecord.New();
        if (SealedValues.Refusal(space.Keys, change, record.Author is not { } author || author == caller) is { } unsealed)
            return unsealed;
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
            switch (await handler(transaction!, Pushed(change, record.State, written), ct))
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
        advanced.TryAdd(space.Scope.Id, (space.Scope, space.Scope.Head));
        var (seq, createdAt) = space.Scope.Next();
        record.Become(after, delta, seq, space.Label, change.SchemaVersion, caller);
        book.Records[key] = record;
        changed.Add(key);
        rows.Add(key, seq, createdAt, delta, change, space.Label);
        return ChangeResult.Applied;
    }

    /// <summary>(3) What this caller's changes have come to so far; ask once, before the next caller of a shared transaction applies any.</summary>
    public IEnumerable<Statement> Statements() => advanced.Count == 0
        ? []
        : [rows.Append([.. advanced.Values], [.. changed.Select(key => KeyValuePair.Create(key, book.Records[key]))])];

    private RecordState ToState(Change change, MergeKind kind)
    {
        // The counter keeps two arrivals of one millisecond in the order in which they came.
        var at = change.At ?? FieldTime.Of(Now.ToUnixTimeMilliseconds(), book.NextArrival(), change.ClientId);
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

    private void ReadScope(string space, NpgsqlDataReader row)
    {
        var id = row.GetGuid(2);
        Now = row.GetInstant(5);
        if (!book.Scopes.TryGetValue(id, out var scope))
            book.Scopes[id] = scope = new LockedScope(id, row.GetInt64(3), row.GetInstant(4), row.GetInstant(5));
        caller = row.GetGuid(13);
        spaces[space] = (scope, row.GetStringOrNull(1), SpaceKeys.Of(row.GetStringOrNull(1), row.GetStringOrNull(12), row.GetBoolean(14)));
    }

    private void ReadRecord((string Space, string App, string Table, string RecordId) key, NpgsqlDataReader row) =>
        book.Records.TryAdd(new RecordKey(row.GetGuid(2), key.App, key.Table, key.RecordId), new TrackedRecord(
            StateText.Read(row.GetString(7), row.GetString(8), row.GetStringOrNull(9), row.GetStringOrNull(10)),
            StateText.Numbers(row.GetString(11)),
            row.GetGuid(13)));
}
