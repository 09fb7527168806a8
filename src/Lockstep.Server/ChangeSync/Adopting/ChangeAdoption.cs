using Lockstep.Server.ChangeSync.Places;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Adopting;

/// <summary>Takes rows of another server's log over into ours, as if their clients had sent them here, then: under their ids, in their order, at their times.</summary>
/// <remarks>
/// <code>
/// (1) as the owner of the tables: lock the scopes in one order; who wrote in a space and has left it is in it again, in this transaction alone
/// (2) each author's rows in his own context, by the functions and the rules of a push: where records are, moves, private ones, the conflict rule
/// (3) which rows these were, with their digests, and COMMIT
/// </code>
/// What is known by (3) is not stored again, so a run that was broken off is run again.
/// </remarks>
/// <param name="source">Connections of the migrator's login.</param>
internal sealed class ChangeAdoption(NpgsqlDataSource source)
{
    private const int Attempts = 8;

    /// <summary>One transaction.</summary>
    /// <param name="rows">A part of <see cref="AdoptionBatch.Cut"/>.</param>
    /// <returns>One outcome a row, in order.</returns>
    public async Task<IReadOnlyList<AdoptionOutcome>> Store(IReadOnlyList<AdoptedChange> rows, CancellationToken ct)
    {
        var also = new HashSet<(UserId Author, Elsewhere Place)>();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                if (await TryStore(rows, also, ct) is { } outcomes)
                    return outcomes;
                if (attempt >= Attempts)
                    throw new InvalidOperationException("Records of these rows move between more spaces than one transaction can follow");
            }
            catch (PostgresException e) when (attempt < Attempts && e.SqlState is PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure
                or PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.UniqueViolation)
            {
                // Somebody writes here as well.
            }
        }
    }

    /// <returns>Null when more has to be open: <paramref name="also"/> has it now.</returns>
    private async Task<IReadOnlyList<AdoptionOutcome>?> TryStore(IReadOnlyList<AdoptedChange> rows, HashSet<(UserId Author, Elsewhere Place)> also, CancellationToken ct)
    {
        var owner = Caller.Worker(rows[0].Author);
        var known = new Dictionary<Guid, byte[]>();
        var guests = new List<(Guid Workspace, Guid User)>();
        await using var transaction = await SharedTransaction.Begin(source, ct);
        await transaction.QueryAll(
        [
            (owner, new Statement("SELECT set_config('role', 'lockstep_owner', true), set_config('lock_timeout', '10s', true)"), static _ => { }),
            (owner, Lock(rows, also), static _ => { }),
            (owner, Invite(rows), row => guests.Add((row.GetGuid(0), row.GetGuid(1)))),
            (owner, Known(rows), row => known[row.GetGuid(0)] = row.GetFieldValue<byte[]>(1)),
        ], ct);

        var book = new ScopeBook();
        var fresh = rows.Where(row => !known.ContainsKey(row.Entry.EventId)).ToList();
        var writers = fresh.GroupBy(row => row.Author).ToDictionary(group => group.Key, group => (
            Writer: new ScopeWriter(null, WriteRules.None, group.Key.Value, book), Changes: group.Select(row => row.Change).ToList()));
        await transaction.QueryAll(
        [
            .. writers.SelectMany(author => new[]
            {
                (Caller.Worker(author.Key), author.Value.Writer.Open(author.Value.Changes, [.. also.Where(more => more.Author == author.Key).Select(more => more.Place)])),
                (Caller.Worker(author.Key), author.Value.Writer.Look(author.Value.Changes)),
            }.Select(read => (read.Item1, read.Item2.Statement, read.Item2.Row))),
        ], ct);

        var outcomes = new List<AdoptionOutcome>(rows.Count);
        var writes = new List<(Caller, Statement)>();
        var marks = new List<(AdoptedChange Row, RecordKey Record, long? Seq)>();
        (UserId Author, ScopeWriter Writer)? turn = null;
        var missing = false;
        foreach (var row in rows)
        {
            if (known.TryGetValue(row.Entry.EventId, out var digest))
            {
                outcomes.Add(digest.AsSpan().SequenceEqual(row.Digest) ? new AdoptionOutcome.Known() : new AdoptionOutcome.Bad(Changed));
                continue;
            }
            if (turn is not { } mine || mine.Author != row.Author)
            {
                End();
                turn = mine = (row.Author, writers[row.Author].Writer.Continue());
            }
            var result = await mine.Writer.Apply(row.Change, ct);
            if (result.Status == ChangeStatus.Rejected)
            {
                outcomes.Add(new AdoptionOutcome.Bad($"{result.Code}: {result.Detail}"));
                continue;
            }
            outcomes.Add(new AdoptionOutcome.Stored(mine.Writer.Last.Seq is not null));
            marks.Add((row, mine.Writer.Last.Record, mine.Writer.Last.Seq));
        }
        End();
        if (missing)
            return null;
        writes.Add((owner, Mark(marks)));
        if (guests.Count > 0)
            writes.Add((owner, Dismiss(guests)));
        await transaction.Commit(writes, ct);
        return outcomes;

        void End()
        {
            if (turn is not { } ended)
                return;
            missing |= ended.Writer.Missing.Count > 0;
            also.UnionWith(ended.Writer.Missing.Select(place => (ended.Author, place)));
            writes.AddRange(ended.Writer.Statements().Select(statement => (Caller.Worker(ended.Author), statement)));
        }
    }

    private const string Changed = "it was taken over as something else: it has changed at the source since, or another row has its id";

    /// <summary>(1) Whoever takes several scopes takes them in this order.</summary>
    private static Statement Lock(IReadOnlyList<AdoptedChange> rows, IEnumerable<(UserId Author, Elsewhere Place)> also)
    {
        var spaces = Spaces(rows.Select(row => row.Change.Scope.Space).Concat(also.Select(more => more.Place.Place)));
        return new Statement(
            """
            SELECT s.scope_id
            FROM   lockstep.sync_scopes s
            WHERE  s.user_id = ANY ($1)
            OR     s.workspace_id = ANY (ARRAY(SELECT w.id FROM lockstep.workspaces w WHERE w.external_id = ANY ($2) OR w.id = ANY ($3)))
            ORDER  BY coalesce(s.user_id, s.workspace_id)
            FOR    NO KEY UPDATE OF s
            """, rows.Select(row => row.Author.Value).Distinct().ToArray(), spaces, Ids(spaces));
    }

    private static Statement Invite(IReadOnlyList<AdoptedChange> rows)
    {
        var spaces = Spaces(rows.Select(row => row.Change.Scope.Space));
        var pairs = rows.Where(row => spaces.Contains(row.Change.Scope.Space)).Select(row => (row.Author, row.Change.Scope.Space)).Distinct().ToList();
        return new Statement(
            """
            INSERT INTO lockstep.workspace_members (workspace_id, user_id, role)
            SELECT DISTINCT w.id, a.user_id, 'member'
            FROM   unnest($1::uuid[], $2::text[], $3::uuid[]) a(user_id, space, id)
            JOIN   lockstep.workspaces w ON w.external_id = a.space OR w.id = a.id
            ON CONFLICT DO NOTHING
            RETURNING workspace_id, user_id
            """,
            pairs.Select(pair => pair.Author.Value).ToArray(), pairs.Select(pair => pair.Space).ToArray(),
            pairs.Select(pair => Guid.TryParseExact(pair.Space, "D", out var id) ? id : (Guid?)null).ToArray());
    }

    private static Statement Known(IReadOnlyList<AdoptedChange> rows) => new(
        "SELECT a.event_id, a.digest FROM lockstep.adopted_changes a WHERE a.event_id = ANY ($1)", (object)rows.Select(row => row.Entry.EventId).ToArray());

    /// <summary>(3)</summary>
    private static Statement Mark(List<(AdoptedChange Row, RecordKey Record, long? Seq)> marks) => new(
        """
        INSERT INTO lockstep.adopted_changes (event_id, in_scope, seq, digest)
        SELECT m.event_id, m.in_scope, m.seq, m.digest FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bytea[]) m(event_id, in_scope, seq, digest)
        """,
        marks.Select(mark => mark.Row.Entry.EventId).ToArray(), marks.Select(mark => mark.Record.Scope).ToArray(),
        marks.Select(mark => mark.Seq).ToArray(), marks.Select(mark => mark.Row.Digest).ToArray());

    private static Statement Dismiss(List<(Guid Workspace, Guid User)> guests) => new(
        """
        DELETE FROM lockstep.workspace_members m
        USING  unnest($1::uuid[], $2::uuid[]) g(workspace_id, user_id)
        WHERE  m.workspace_id = g.workspace_id AND m.user_id = g.user_id
        """, guests.Select(guest => guest.Workspace).ToArray(), guests.Select(guest => guest.User).ToArray());

    private static string[] Spaces(IEnumerable<string> places) => [.. places.Where(place => !OpenSpace.NamesOwn(place)).Distinct(StringComparer.Ordinal)];

    private static Guid[] Ids(IEnumerable<string> spaces) =>
        [.. spaces.Select(space => Guid.TryParseExact(space, "D", out var id) ? id : Guid.Empty).Where(id => id != Guid.Empty)];
}
