using System.Globalization;
using System.Text;

namespace Lockstep.Bench.Peers;

/// <summary>What a server of the mana protocol sends to PostgreSQL for a change, as its protocol is described: its own row shape, row-level security by two settings,
/// and for each change a transaction of five round trips. By pgbench, so without HTTP and JSON: more than any such server can do.</summary>
internal static class ManaTables
{
    private const int Users = 1024;

    public static Task Create(House house, CancellationToken ct) => house.Administer(
        """
        CREATE TABLE bench.mana_changes (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(), app_id text NOT NULL, table_name text NOT NULL, record_id text NOT NULL, user_id text NOT NULL, space_id text,
            op text NOT NULL, data jsonb, field_timestamps jsonb, client_id text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            schema_version integer NOT NULL DEFAULT 1, actor jsonb);
        CREATE INDEX ON bench.mana_changes (user_id, app_id, created_at);
        ALTER TABLE bench.mana_changes ENABLE ROW LEVEL SECURITY;
        ALTER TABLE bench.mana_changes FORCE ROW LEVEL SECURITY;
        CREATE POLICY own ON bench.mana_changes USING (user_id = current_setting('app.current_user_id', true)) WITH CHECK (user_id = current_setting('app.current_user_id', true));
        CREATE POLICY members ON bench.mana_changes FOR SELECT USING (space_id = ANY (string_to_array(current_setting('app.current_user_space_ids', true), ',')));
        GRANT SELECT, INSERT ON bench.mana_changes TO lockstep_app;
        """,
        ct);

    /// <summary>A push of so many changes as a pgbench script.</summary>
    public static string Push(int changes)
    {
        var script = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"\\set u random(1, {Users})");
        for (var i = 0; i < changes; i++)
            script.Append(
                $$$"""
                BEGIN;
                SELECT set_config('app.current_user_id', 'user-' || :u::text, true);
                SELECT set_config('app.current_user_space_ids', '', true);
                INSERT INTO bench.mana_changes (app_id, table_name, record_id, user_id, op, data, field_timestamps, client_id) VALUES ('bench', 'notes', 'r{{{i}}}', 'user-' || :u::text, 'update', E'{"title"\072 "Minutes of meeting, second draft", "done"\072 false}', E'{"title"\072 "2026-03-01T09\07200\07200.000Z", "done"\072 "2026-03-01T09\07200\07200.000Z"}', 'device');
                COMMIT;

                """);
        return script.ToString();
    }
}
