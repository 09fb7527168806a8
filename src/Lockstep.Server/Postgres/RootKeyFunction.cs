using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary><c>lockstep.root_key()</c>: the one way from the SQL vault to its root key. Installed by a superuser, since reading a file of the
/// server is denied to everybody else; it reads one fixed file, whoever calls it.</summary>
internal static class RootKeyFunction
{
    /// <summary>Installs it for the embedded server, and makes the key when there is none yet and nothing that one had sealed.</summary>
    public static async Task Install(NpgsqlConnectionStringBuilder superuser, RootKeyFile file, Action<string> progress, CancellationToken ct)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(superuser.ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(ct);
        if (!file.Exists && await IsEmpty(connection, ct))
            file.Create();
        if (!file.Exists)
            progress($"The SQL vault is LOCKED: its root key {file.Path} is missing. Put the saved file back; a new key would open nothing of what is there.");
        await Install(connection, file.Path, ct);
    }

    /// <param name="path">Absolute, on the database server's machine.</param>
    public static async Task Install(NpgsqlConnection superuser, string path, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(superuser);
        batch.BatchCommands.Add(new Statement("SELECT set_config('lockstep.root_key_path', $1, true)", path).ToCommand());
        batch.BatchCommands.Add(new Statement(
            """
            DO $$
            BEGIN
                EXECUTE format($f$
                    CREATE OR REPLACE FUNCTION lockstep.root_key() RETURNS text
                    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $b$
                    BEGIN
                        RETURN convert_from(pg_read_binary_file(%L, 0, 65536, true), 'UTF8');
                    END $b$ $f$, current_setting('lockstep.root_key_path'));
                -- One that somebody had made before stays his otherwise, and could read nothing.
                EXECUTE format('ALTER FUNCTION lockstep.root_key() OWNER TO %I', current_user);
                COMMENT ON FUNCTION lockstep.root_key() IS
                    'The root keys of the SQL vault, from one fixed file outside of the data directory; NULL when it is missing. SECURITY DEFINER of a superuser: lockstep_owner alone may execute it, which cannot log in.';
                REVOKE ALL ON FUNCTION lockstep.root_key() FROM PUBLIC;
                GRANT EXECUTE ON FUNCTION lockstep.root_key() TO lockstep_owner;
            END $$
            """).ToCommand());
        await batch.ExecuteNonQueryAsync(ct);
    }

    private static async Task<bool> IsEmpty(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT s.secrets = 0 FROM lockstep.sql_vault_state('') s", connection);
        return (bool)(await command.ExecuteScalarAsync(ct))!;
    }
}
