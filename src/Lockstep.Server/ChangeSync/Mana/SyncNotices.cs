using Lockstep.Server.Postgres;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>What one connection has been told of: the head of each scope that its user may see.</summary>
/// <param name="app">Null: all apps.</param>
internal sealed class SyncNotices(TenantSession session, string? app)
{
    private readonly Dictionary<Guid, long> told = [];
    private bool started;

    public IReadOnlyCollection<Guid> Scopes => told.Keys;

    /// <summary>The tables that have changed since the last call, by app; nothing on the first. A scope that is new to the user counts from its beginning.</summary>
    public async Task<IReadOnlyList<(string App, IReadOnlyList<string> Tables)>> Look(CancellationToken ct)
    {
        var rows = await session.Query(new Statement(
            """
            SELECT v.scope_id, v.head, c.app, c.table_name
            FROM  (SELECT s.scope_id, s.head, coalesce(t.seq, CASE WHEN $3 THEN 0 ELSE s.head END) AS since
                   FROM   lockstep.sync_scopes s
                   LEFT   JOIN unnest($1::uuid[], $2::bigint[]) t(scope_id, seq) ON t.scope_id = s.scope_id
                   WHERE  s.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])) v
            LEFT   JOIN LATERAL (
                   SELECT DISTINCT x.app, x.table_name
                   FROM   lockstep.sync_changes x
                   WHERE  x.scope_id = v.scope_id AND x.seq > v.since AND ($4::text IS NULL OR x.app = $4)) c ON v.head > v.since
            """,
            told.Keys.ToArray(), told.Values.ToArray(), started, app), row => (
                Scope: row.GetGuid(0), Head: row.GetInt64(1), App: row.GetStringOrNull(2), Table: row.GetStringOrNull(3)), ct);
        started = true;
        told.Clear();
        foreach (var row in rows)
            told[row.Scope] = row.Head;
        return [.. rows.Where(row => row.App is not null)
            .GroupBy(row => row.App!, StringComparer.Ordinal)
            .Select(group => (group.Key, (IReadOnlyList<string>)[.. group.Select(row => row.Table!).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)]))];
    }
}
