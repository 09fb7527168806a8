using Lockstep.Server.Postgres;
using Npgsql;
using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>Reads one page of the log over all scopes of the caller, in one statement, so from one snapshot.</summary>
/// <remarks>
/// A head and its changes become visible together, so what a snapshot shows up to a head is complete. Scopes are read one after the
/// other; a scope that was read to its end is then at its head, and one that was not reached stays where it was.
/// </remarks>
internal static class PullPage
{
    public static async Task<PullOutcome> Read(TenantSession session, PullRequest request, CancellationToken ct)
    {
        var cursor = request.Cursor ?? SyncCursor.Start;
        var rows = await session.Query(new Statement(
            """
            WITH v AS MATERIALIZED (
                SELECT s.scope_id, s.head, s.head_at, s.floor, s.epoch, coalesce(w.external_id, s.workspace_id::text, '') AS space,
                       coalesce(c.seq, CASE WHEN $3::timestamptz IS NULL OR m.joined_at > $3 THEN NULL ELSE (
                           SELECT o.seq FROM lockstep.sync_changes o
                           WHERE  o.scope_id = s.scope_id AND o.created_at <= $3
                           ORDER  BY o.seq DESC LIMIT 1) END, 0) AS since
                FROM   lockstep.sync_scopes s
                LEFT   JOIN unnest($1::uuid[], $2::bigint[]) c(scope_id, seq) ON c.scope_id = s.scope_id
                LEFT   JOIN lockstep.workspaces w ON w.id = s.workspace_id
                LEFT   JOIN lockstep.workspace_members m ON m.workspace_id = s.workspace_id AND m.user_id = (SELECT lockstep.current_user_id())
                WHERE  s.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])),
            found AS (
                SELECT v.scope_id, x.seq,
                       row_number() OVER page AS n,
                       sum(x.bytes) OVER page AS bytes,
                       count(*) OVER (PARTITION BY v.scope_id) AS available
                FROM   v
                CROSS  JOIN LATERAL (
                    SELECT ch.seq, ch.bytes
                    FROM   lockstep.sync_changes ch
                    WHERE  ch.scope_id = v.scope_id AND ch.app = $4 AND ch.seq > v.since
                    AND    ($5::text[] IS NULL OR ch.table_name = ANY ($5))
                    AND    ($6::text IS NULL OR ch.client_id <> $6 OR ch.user_id <> (SELECT lockstep.current_user_id()))
                    AND    (ch.moved_to IS NULL OR NOT ch.same_space AND NOT $9 OR ch.moved_to <> ALL ((SELECT lockstep.visible_scopes())::uuid[]))
                    ORDER  BY ch.seq
                    LIMIT  $7 + 1) x
                WINDOW page AS (ORDER BY v.scope_id, x.seq ROWS UNBOUNDED PRECEDING))
            SELECT v.scope_id, v.head, v.head_at, v.floor, v.epoch, v.space, v.since, coalesce(t.available, 0),
                   ch.seq, ch.event_id, ch.table_name, ch.record_id, ch.op, ch.data::text, ch.field_times::text, ch.deleted_at::text,
                   ch.space_id, ch.actor::text, ch.origin, ch.schema_version, ch.user_id, ch.client_id, ch.created_at
            FROM   v
            LEFT   JOIN (SELECT DISTINCT f.scope_id, f.available FROM found f) t ON t.scope_id = v.scope_id
            LEFT   JOIN found f ON f.scope_id = v.scope_id AND f.n <= $7 AND (f.n = 1 OR f.bytes <= $8)
            LEFT   JOIN lockstep.sync_changes ch ON ch.scope_id = f.scope_id AND ch.seq = f.seq
            ORDER  BY v.scope_id, ch.seq
            """,
            cursor.Scopes.Keys.ToArray(),
            cursor.Scopes.Values.Select(position => position.Seq).ToArray(),
            request.After,
            request.App,
            request.Collections?.ToArray(),
            request.NotBy,
            request.Limit,
            request.Bytes,
            request.ById), ReadRow, ct);
        return Judge(cursor, rows);
    }

    private static PullOutcome Judge(SyncCursor cursor, List<Row> rows)
    {
        var scopes = rows.GroupBy(row => row.Scope.Id).ToDictionary(group => group.Key, group => group.ToList());
        foreach (var (id, position) in cursor.Scopes)
        {
            if (!scopes.TryGetValue(id, out var present))
            {
                // One's own scope is never taken away: it is missing because the database is another one.
                if (position.Space.Length == 0)
                    return new PullOutcome.Reset();
                continue;
            }
            var scope = present[0].Scope;
            if (position.Epoch != scope.Epoch || position.Seq > scope.Head)
                return new PullOutcome.Reset();
            if (position.Seq < scope.Floor)
                return new PullOutcome.TooOld();
        }
        var positions = new Dictionary<Guid, ScopePosition>();
        var covered = Instant.FromUnixTimeTicks(0);
        var hasMore = false;
        foreach (var (id, found) in scopes)
        {
            var scope = found[0].Scope;
            var changes = found.Where(row => row.Change is not null).ToList();
            var complete = changes.Count == scope.Available;
            hasMore |= !complete;
            var seq = complete ? scope.Head : changes.Count > 0 ? changes[^1].Seq : scope.Since;
            var at = complete ? scope.HeadAt : changes.Count > 0 ? changes[^1].Change!.CreatedAt : covered;
            covered = Instant.Max(covered, at);
            positions[id] = new ScopePosition(seq, scope.Epoch, scope.Space);
        }
        return new PullOutcome.Page(
            [.. rows.Where(row => row.Change is not null).Select(row => row.Change!)],
            new SyncCursor(positions),
            hasMore,
            [.. cursor.Scopes.Where(scope => !scopes.ContainsKey(scope.Key)).Select(scope => scope.Value.Space)],
            [.. scopes.Keys],
            covered);
    }

    private static Row ReadRow(NpgsqlDataReader row) => new(
        new ScopeRow(
            row.GetGuid(0), row.GetInt64(1), row.GetInstant(2), row.GetInt64(3), row.GetInt32(4), row.GetString(5), row.GetInt64(6), row.GetInt64(7)),
        row.IsDBNull(8) ? 0 : row.GetInt64(8),
        row.IsDBNull(8) ? null : new LoggedChange(
            row.GetGuid(9),
            row.GetString(10),
            row.GetString(11),
            row.GetString(12) switch { "insert" => ChangeOp.Insert, "update" => ChangeOp.Update, _ => ChangeOp.Delete },
            StateOf(row),
            row.GetStringOrNull(16),
            row.GetStringOrNull(17),
            row.GetStringOrNull(18),
            row.GetInt32(19),
            row.GetGuid(20),
            row.GetString(21),
            row.GetInstant(22)));

    private static RecordState StateOf(NpgsqlDataReader row) =>
        new(StateText.Fields(row.GetString(13), row.GetString(14)), StateText.WrittenAt(row.GetString(14)), StateText.Time(row.GetStringOrNull(15)));

    private sealed record ScopeRow(
        Guid Id, long Head, Instant HeadAt, long Floor, int Epoch, string Space, long Since, long Available);

    private sealed record Row(ScopeRow Scope, long Seq, LoggedChange? Change);
}
