using Lockstep.Server.ChangeSync.Places;
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
/// <param name="rules">What pushed changes are held to; <see cref="WriteRules.None"/> when the owning slice itself appends.</param>
/// <param name="me">Who writes.</param>
/// <param name="shared">What another writer of the same caller has opened; null when this one opens.</param>
internal sealed class ScopeWriter(TenantTransaction? transaction, WriteRules rules, Guid me, ScopeBook book, RecordPlaces? shared = null)
{
    private readonly RecordPlaces places = shared ?? new RecordPlaces(book);
    private readonly Dictionary<Guid, (LockedScope Scope, long Before)> advanced = [];
    private readonly HashSet<RecordKey> changed = [];
    private readonly List<Elsewhere> missing = [];
    private readonly AppendRows rows = new();

    public ScopeWriter(TenantTransaction transaction, WriteRules rules)
        : this(transaction, rules, transaction.Caller.RequiredUser.Value, new ScopeBook())
    {
    }

    /// <summary>The database's clock when the locks were held: the only clock that decides anything here.</summary>
    public Instant Now { get; private set; }

    public IReadOnlyCollection<Guid> ChangedScopes => advanced.Keys;

    /// <summary>The record that the last change was about, and under which number that is in its log; null where it changed nothing.</summary>
    public (RecordKey Record, long? Seq) Last { get; private set; }

    /// <summary>What was not open and had to be: nothing may be stored then. Begin again with these.</summary>
    public IReadOnlyList<Elsewhere> Missing => missing;

    /// <summary>Whether this space was the caller's when the locks were taken.</summary>
    public bool Knows(Scope scope) => places.Spaces.ContainsKey(scope.Space);

    /// <summary>Another one of the same caller, in the same transaction, once this one's <see cref="Statements"/> were taken.</summary>
    public ScopeWriter Continue() => new(transaction, rules, me, book, places) { Now = Now };

    /// <summary>(1)</summary>
    /// <param name="also">What an attempt before this one found missing.</param>
    public (Statement Statement, Action<NpgsqlDataReader> Row) Open(IReadOnlyList<Change> changes, IReadOnlyList<Elsewhere> also)
    {
        places.Asked.UnionWith(changes.SelectMany(Spots).Concat(also));
        var keys = places.Asked.ToList();
        var wanted = keys.Select(key => key.Place).Distinct(StringComparer.Ordinal).ToArray();
        return (new Statement(
            """
            SELECT o.at, o.label, o.scope_id, o.head, o.head_at, o.locked_at, o.key, o.data, o.field_times, o.written_at, o.deleted_at, o.field_seq,
                   o.key_epochs, o.author, o.administers, o.records, o.bytes, o.record_space, o.moved
            FROM   lockstep.open_scopes($1, $2, $3, $4, $5) o
            """,
            wanted,
            keys.Select(key => Array.IndexOf(wanted, key.Place) + 1).ToArray(),
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

    /// <summary>Looks for records over all scopes of the caller; in the round trip of (1), after it.</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row) Look(IEnumerable<Change> changes) =>
        Sighting.Look([.. changes.Select(change => (change.App, change.Table, change.RecordId)).Distinct()], places.Seen);

    /// <summary>The same for those alone that are not where their changes say, if there are any; after (1) is read.</summary>
    public (Statement Statement, Action<NpgsqlDataReader> Row)? Seek(IEnumerable<Change> changes) =>
        changes.Where(change => rules.Handlers.For(change.App) is null && places.IsSought(change)).ToList() is { Count: > 0 } sought ? Look(sought) : null;

    /// <summary>(2)</summary>
    public async Task<ChangeResult> Apply(Change change, CancellationToken ct)
    {
        if (!places.Spaces.TryGetValue(change.Scope.Space, out var named))
            return Forbidden(change.Scope.Space);
        var handler = rules.Handlers.For(change.App);
        var kind = handler is null ? change.Merge : MergeKind.Register;
        var here = new Location(named.Scope, named.Label);
        Location? from = null;
        if (kind == MergeKind.Fields && From(change, named, out from) is { } lost)
            return lost;
        if (places.Unopened(change, from) is { } space)
            return Miss(space);
        Last = ((from ?? here).Key(change), null);
        var record = book.Records.GetValueOrDefault(Last.Record) ?? TrackedRecord.New();
        var mine = record.Author is not { } author || author == me;
        if (SealedValues.Refusal(named.Keys, change, mine) is { } unsealed)
            return unsealed;
        if (change.RepeatsAreNothing && Repeats(change, record.State))
            return ChangeResult.Superseded;
        // A move without a field writes nothing.
        var written = change is { Op: ChangeOp.Update, Fields.Count: 0 } ? RecordState.Nothing : WrittenState.Of(change, kind, change.At ?? Arrival(change));
        if (written.WrittenAt is { } at && at.IsAheadOf(Now) || written.DeletedAt is { } gone && gone.IsAheadOf(Now))
            return ChangeResult.Rejected("clock_skew", $"Its time is more than 5 minutes ahead of the server's, {Now}. Set the clock and send the change again.");
        var after = ConflictRule.Merge(kind, record.State, written);
        var home = here;
        if (kind == MergeKind.Fields)
        {
            if (from is null && record.MovedAway && change.Op == ChangeOp.Update && after.IsLive)
                return ChangeResult.Rejected("record_moved", "This record is not in this space any more, or not for you. Pull to see what is, and do not send the change again.");
            // It is elsewhere now, and whoever has it there is not to lose it.
            if (from is null && record.MovedAway && change.Op == ChangeOp.Delete)
                return ChangeResult.Superseded;
            if (places.Home(change, named, from, after, out var more) is not { } belongs)
                return Miss(more!.Value);
            home = belongs;
            if (places.KeysOf(home) is { } keys && !ReferenceEquals(keys, named.Keys) && SealedValues.Refusal(keys, change, mine) is { } foreign)
                return foreign;
            if (from is { } place && IsMove(place, home))
                return await Move(change, place, home, record, after, ct);
            if (from is null && home.Scope != here.Scope)
            {
                record = book.Records.GetValueOrDefault(home.Key(change)) ?? TrackedRecord.New();
                if (record.State.IsLive)
                    return Taken(record.Label);
                after = ConflictRule.Merge(kind, record.State, written);
            }
        }
        if (RecordDelta.Between(kind, record.State, after) is not { } delta || handler is not null && Lost(change, record.State, written, after))
            return ChangeResult.Superseded;
        if (rules.Schemas.For(change.App, change.Table)?.Refusal(after) is { } unfit)
            return unfit;
        if (Charge(home.Scope, record.State, after) is { } tooMuch)
            return tooMuch;
        RestoreNote? note = null;
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
                    note = accepted.Note;
                    break;
            }
        }
        // Who believes it elsewhere is to hear of it as well.
        Add(home, record, after, delta, home.Scope == here.Scope || from is null ? change : change with { ClientId = Change.Server });
        return note is null ? ChangeResult.Applied : new ChangeResult(ChangeStatus.Applied, note.Code, note.Detail);
    }

    /// <summary>(3) What this caller's changes have come to so far; ask once, before the next caller of a shared transaction applies any.</summary>
    public IEnumerable<Statement> Statements() => advanced.Count == 0
        ? []
        : [rows.Append([.. advanced.Values], [.. changed.Select(key => KeyValuePair.Create(key, book.Records[key]))])];

    /// <summary>Where the record of a change is; null when there is none that is live.</summary>
    /// <returns>Why the change cannot be judged; null when it can.</returns>
    private ChangeResult? From(Change change, OpenSpace named, out Location? from)
    {
        if (change.FromSpace is not { } origin)
        {
            from = places.Find(change, named, out var more);
            return more is { } needed ? Miss(needed)
                : from is { } own && change.Naming == Naming.InSpace && named.IsOwn && !OpenSpace.NamesOwn(own.Label) ? Taken(own.Label)
                : null;
        }
        from = null;
        if (!places.Spaces.TryGetValue(origin, out var former))
            return Forbidden(origin);
        var there = places.LivesIn(change, named);
        from = places.LivesIn(change, former) is { } found && (!former.IsOwn || OpenSpace.NamesOwn(found.Label)) ? found : there;
        return from is not { } place ? ChangeResult.Rejected("record_missing", $"There is no such record in the space '{origin}'. Pull to see where it is.")
            : there is { } other && other != place ? Taken(other.Label)
            : null;
    }

    private async Task<ChangeResult> Move(Change change, Location from, Location home, TrackedRecord record, RecordState after, CancellationToken ct)
    {
        var hides = places.IsOwn(home.Scope) && !OpenSpace.NamesOwn(home.Label);
        if (!places.IsOwn(from.Scope) && record.Author != me && change.Earlier is null)
        {
            if (hides)
                return ChangeResult.Rejected("visibility_forbidden", "Only who made a record can make it private.");
            if (!await Administers(from.Scope.Id, ct))
                return ChangeResult.Rejected("move_forbidden", "Only who made a record, or an admin of its space, can move it to another.");
        }
        if (change.Table[0] == SealedValues.OwnTable)
            return ChangeResult.Rejected("move_forbidden", "A space's own records, of devices, keys and members, stay where they are.");
        if (from.Label != home.Label && (IsSealed(from, change.App) || IsSealed(home, change.App) || places.KeysOf(from) is null && SealedValues.AreIn(record.State)))
            return ChangeResult.Rejected("sealed_move", "Values are sealed for their space and could not be opened in another. Delete the record there, and insert it here under this space's key.");
        var relabels = from.Scope == home.Scope;
        var there = relabels ? record : book.Records.GetValueOrDefault(home.Key(change)) ?? TrackedRecord.New();
        if (!relabels && there.State.IsLive)
            return Taken(there.Label);
        var now = Arrival(change);
        var left = RecordMove.Leave(record.State, now);
        var arrived = RecordMove.Arrive(relabels ? left : there.State, after, now);
        if (IsSealed(home, change.App) && arrived.Fields.Any(field => SealedValues.IsPlain(field.Key, field.Value.Json)))
            return ChangeResult.Rejected("plaintext_refused", "Fields of this record are not sealed. Seal them in the same change.");
        if (rules.Schemas.For(change.App, change.Table)?.Refusal(arrived) is { } unfit)
            return unfit;
        if (Charge(home.Scope, relabels ? record.State : there.State, arrived) is { } tooMuch)
            return tooMuch;
        if (!relabels)
            from.Scope.Grow(-1, -record.State.Size);
        var author = record.Author;
        // Nobody's own echo: who moves it hears as well what others have written meanwhile.
        var moved = change with { ClientId = Change.Server };
        Add(from, record, left, new RecordDelta(ChangeOp.Delete, left), moved with { Earlier = moved.Earlier?.Beside() }, home.Scope.Id, from.Label == home.Label);
        if (!relabels)
            record.Left(home.Scope.Id, from.Label == home.Label);
        Add(home, there, arrived, RecordDelta.Between(MergeKind.Fields, there.State, arrived)!, moved);
        if (!relabels)
            there.Came(from.Scope.Id, author);
        return ChangeResult.Applied;
    }

    private void Add(Location to, TrackedRecord record, RecordState after, RecordDelta delta, Change change, Guid? movedTo = null, bool sameSpace = false)
    {
        var key = to.Key(change);
        advanced.TryAdd(to.Scope.Id, (to.Scope, to.Scope.Head));
        var (seq, createdAt) = to.Scope.Next(change.Earlier?.ReceivedAt);
        record.Become(after, delta, seq, to.Label, change.SchemaVersion, me);
        book.Records[key] = record;
        changed.Add(key);
        Last = (key, seq);
        rows.Add(key, seq, createdAt, delta, change, to.Label, movedTo, sameSpace);
    }

    private ChangeResult? Charge(LockedScope scope, RecordState before, RecordState after)
    {
        var (records, bytes) = ((after.IsLive ? 1 : 0) - (before.IsLive ? 1 : 0), after.Size - before.Size);
        var own = places.IsOwn(scope);
        if ((own ? rules.Quotas.User : rules.Quotas.Space).Refusal(scope.Records, scope.Bytes, records, bytes, own) is { } refusal)
            return refusal;
        scope.Grow(records, bytes);
        return null;
    }

    private bool IsSealed(Location place, string app) => places.KeysOf(place)?.Epochs.ContainsKey(app) == true;

    private async Task<bool> Administers(Guid scope, CancellationToken ct) => (await transaction!.Query(
        new Statement(
            """
            SELECT EXISTS (
                SELECT 1 FROM lockstep.sync_scopes s
                WHERE  s.scope_id = $1 AND s.workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
            """, scope), row => row.GetBoolean(0), ct))[0];

    private ChangeResult Miss(Elsewhere more)
    {
        if (places.Asked.Contains(more))
            return Forbidden(more.Place);
        missing.Add(more);
        return ChangeResult.Superseded;
    }

    private static ChangeResult Forbidden(string space) =>
        ChangeResult.Rejected("space_forbidden", $"The space '{space}' is not one of yours. Check the id, or ask for membership.");

    private static ChangeResult Taken(string? label) =>
        ChangeResult.Rejected("record_id_taken", $"There is another record of this id{(OpenSpace.NamesOwn(label) ? "" : $" in the space '{label}'")}. A private record shares its ids with your own data; give the new one another id.");

    /// <summary>Where a change may find or put its record.</summary>
    private static IEnumerable<Elsewhere> Spots(Change change)
    {
        yield return new Elsewhere(change.Scope.Space, change.App, change.Table, change.RecordId);
        if (change.FromSpace is { } origin)
            yield return new Elsewhere(origin, change.App, change.Table, change.RecordId);
        if (change.FromSpace is not null || Visibility.Hides(change))
            yield return new Elsewhere("", change.App, change.Table, change.RecordId);
    }

    private bool IsMove(Location from, Location home) => from.Scope != home.Scope
        || from.Label != home.Label && places.IsOwn(home.Scope) && !(OpenSpace.NamesOwn(from.Label) && OpenSpace.NamesOwn(home.Label));

    // The counter keeps two arrivals of one millisecond in the order in which they came.
    private FieldTime Arrival(Change change) => change.Earlier?.Arrival(change.ClientId) ?? FieldTime.Of(Now.ToUnixTimeMilliseconds(), book.NextArrival(), change.ClientId);

    private static bool Repeats(Change change, RecordState state) => change.Op == ChangeOp.Delete
        ? change.At is null && !state.IsLive && state.DeletedAt is not null
        : change.At is null && state.IsLive && change.Fields.All(field =>
            field.Value.At is null && state.Fields.TryGetValue(field.Key, out var present) &&
            present.Json == field.Value.Json && present.At.ClientId == change.ClientId);

    /// <summary>What the owning slice is not to hear of: a delete that came too late for what was written since, and what comes back and was here
    /// already. Its fields may say other things here (which calendar, which matter), its time does not.</summary>
    private static bool Lost(Change change, RecordState before, RecordState written, RecordState after) =>
        change.Op == ChangeOp.Delete ? after.IsLive : change.IsRestored && before.WrittenAt is { } known && written.WrittenAt <= known;

    private static PushedChange Pushed(Change change, RecordState before, RecordState written) => new(
        change.Scope,
        change.Table,
        change.RecordId,
        change.Op,
        before.IsLive ? before.Fields.ToDictionary(field => field.Key, field => field.Value.Json) : null,
        written.Fields.ToDictionary(field => field.Key, field => field.Value.Json),
        written.WrittenAt ?? written.DeletedAt ?? FieldTime.Beginning)
    { IsRestored = change.IsRestored };

    private void ReadScope(string space, NpgsqlDataReader row)
    {
        var id = row.GetGuid(2);
        Now = row.GetInstant(5);
        if (!book.Scopes.TryGetValue(id, out var scope))
            book.Scopes[id] = scope = new LockedScope(id, row.GetInt64(3), row.GetInstant(4), row.GetInstant(5), row.GetInt64(15), row.GetInt64(16));
        places.Spaces[space] = new OpenSpace(
            scope, row.GetStringOrNull(1), OpenSpace.NamesOwn(space), SpaceKeys.Of(row.GetStringOrNull(1), row.GetStringOrNull(12), row.GetBoolean(14)));
    }

    private void ReadRecord(Elsewhere key, NpgsqlDataReader row) =>
        book.Records.TryAdd(new RecordKey(row.GetGuid(2), key.App, key.Table, key.RecordId), new TrackedRecord(
            StateText.Read(row.GetString(7), row.GetString(8), row.GetStringOrNull(9), row.GetStringOrNull(10)),
            StateText.Numbers(row.GetString(11)),
            row.GetStringOrNull(17), row.GetGuid(13), row.GetBoolean(18)));
}
