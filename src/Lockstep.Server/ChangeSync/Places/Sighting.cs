using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Places;

/// <summary>Where a record was seen, before its scope was locked.</summary>
/// <param name="Place">What to open to have it: empty for the caller's own data, else the workspace's id.</param>
/// <param name="Label">The space that the record itself names.</param>
/// <param name="IsMine">The caller has made it.</param>
internal sealed record Sighting(Guid Scope, string Place, string? Label, bool IsMine)
{
    /// <summary>Looks for live records by their ids, over all scopes of the caller.</summary>
    public static (Statement Statement, Action<NpgsqlDataReader> Row) Look(
        IReadOnlyList<(string App, string Table, string RecordId)> records, Dictionary<(string App, string Table, string RecordId), List<Sighting>> seen)
    {
        return (new Statement(
            """
            SELECT k.key, r.scope_id, coalesce(s.workspace_id::text, ''), r.space_id,
                   coalesce(s.user_id, r.user_id) = (SELECT lockstep.current_user_id())
            FROM   unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY k(app, table_name, record_id, key)
            JOIN   lockstep.sync_records r ON r.scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[])
                                          AND r.app = k.app AND r.table_name = k.table_name AND r.record_id = k.record_id
            JOIN   lockstep.sync_scopes s ON s.scope_id = r.scope_id
            WHERE  NOT r.deleted
            """,
            records.Select(record => record.App).ToArray(),
            records.Select(record => record.Table).ToArray(),
            records.Select(record => record.RecordId).ToArray()), Row);

        void Row(NpgsqlDataReader row)
        {
            var record = records[(int)row.GetInt64(0) - 1];
            if (!seen.TryGetValue(record, out var places))
                seen[record] = places = [];
            places.Add(new Sighting(row.GetGuid(1), row.GetString(2), row.GetStringOrNull(3), row.GetBoolean(4)));
        }
    }
}
