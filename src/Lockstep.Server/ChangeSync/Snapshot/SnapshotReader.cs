using System.Runtime.CompilerServices;
using Lockstep.Server.ChangeSync.Native;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Snapshot;

/// <summary>The records that are live now, for a new device: as many as there are, however long their history is.</summary>
/// <remarks>
/// <code>
/// (1) the heads of all scopes: the cursor from which to pull afterwards
/// (2) the merged state, page by page in the order of its key, no transaction open in between
/// </code>
/// Whoever writes between (1) and (2) is in the log after the cursor as well, and merging it twice changes nothing; a record that is made behind the
/// place that was read is in the log alone.
/// </remarks>
internal static class SnapshotReader
{
    private const int PageRows = 200;

    /// <summary>Of data and times; a single record may be larger.</summary>
    private const int PageBytes = 512 * 1024;

    /// <summary>(1)</summary>
    public static async Task<SyncCursor> Heads(TenantSession session, CancellationToken ct) => new((await session.Query(
        new Statement(
            """
            SELECT s.scope_id, s.head, s.epoch, coalesce(w.external_id, s.workspace_id::text, '')
            FROM   lockstep.sync_scopes s
            LEFT   JOIN lockstep.workspaces w ON w.id = s.workspace_id
            WHERE  s.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])
            """),
        row => (Id: row.GetGuid(0), Position: new ScopePosition(row.GetInt64(1), row.GetInt32(2), row.GetString(3))), ct)).ToDictionary(scope => scope.Id, scope => scope.Position));

    /// <summary>(2)</summary>
    public static async IAsyncEnumerable<(IReadOnlyList<NativeChangeView> Changes, SnapshotPlace Place)> Pages(
        TenantSession session, TableSchemas schemas, string app, SyncCursor cursor, string[]? collections, SnapshotPlace from, [EnumeratorCancellation] CancellationToken ct)
    {
        foreach (var scope in cursor.Scopes.Keys.Order().SkipWhile(id => id.CompareTo(from.Scope) < 0))
        {
            var place = scope == from.Scope ? from : new SnapshotPlace(scope, "", "");
            while (true)
            {
                var page = await Page(session, schemas, app, collections, place, ct);
                if (page.Count == 0)
                    break;
                place = new SnapshotPlace(scope, page[^1].Table, page[^1].RecordId);
                yield return (page, place);
            }
        }
    }

    private static Task<List<NativeChangeView>> Page(TenantSession session, TableSchemas schemas, string app, string[]? collections, SnapshotPlace after, CancellationToken ct) => session.Query(
        new Statement(
            """
            WITH k AS MATERIALIZED (
                SELECT r.table_name, r.record_id, pg_column_size(r.data) + pg_column_size(r.field_times) AS bytes
                FROM   lockstep.sync_records r
                WHERE  r.scope_id = $1 AND r.app = $2 AND (r.table_name, r.record_id) > ($3, $4)
                AND    NOT r.deleted AND ($5::text[] IS NULL OR r.table_name = ANY ($5))
                ORDER  BY r.table_name, r.record_id
                LIMIT  $6),
            n AS (
                SELECT k.*, row_number() OVER w AS n, sum(k.bytes) OVER w AS total
                FROM   k WINDOW w AS (ORDER BY k.table_name, k.record_id ROWS UNBOUNDED PRECEDING))
            SELECT r.table_name, r.record_id, r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text, r.space_id, r.schema_version, r.user_id
            FROM   n
            JOIN   lockstep.sync_records r ON r.scope_id = $1 AND r.app = $2 AND r.table_name = n.table_name AND r.record_id = n.record_id
            WHERE  n.n = 1 OR n.total <= $7
            ORDER  BY n.n
            """,
            after.Scope, app, after.Table, after.RecordId, collections, PageRows, PageBytes), row => Read(row, schemas, app), ct);

    private static NativeChangeView Read(NpgsqlDataReader row, TableSchemas schemas, string app)
    {
        var state = StateText.Read(row.GetString(2), row.GetString(3), row.GetStringOrNull(4), row.GetStringOrNull(5));
        // Said only where the fields do not say it, as in the log.
        var bare = state.WrittenAt is { } written && state.Fields.Values.All(field => field.At < written);
        return NativeChangeView.Of(schemas.Upgrade(app, new LoggedChange(
            Guid.Empty, row.GetString(0), row.GetString(1), ChangeOp.Insert, bare ? state : state with { WrittenAt = null }, row.GetStringOrNull(6), null, null,
            schemas.For(app, row.GetString(0)) is null ? row.GetInt32(7) : 1, row.GetGuid(8), "", Instant.FromUnixTimeTicks(0))));
    }
}
