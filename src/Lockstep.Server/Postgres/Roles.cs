using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>SCRAM verifiers for the two serving logins, computed by us so that no password travels or is logged.</summary>
internal sealed record LoginVerifiers(string App, string Service);

/// <summary>The roles of the cluster and the schemas of the database; done with the migrator's own rights.</summary>
internal static class Roles
{
    public const string App = "lockstep_app";
    public const string Service = "lockstep_service";

    public static async Task Ensure(NpgsqlConnection connection, LoginVerifiers? logins, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement(
            "SELECT set_config('lockstep.app_verifier', $1, true), set_config('lockstep.service_verifier', $2, true)",
            logins?.App ?? "", logins?.Service ?? "").ToCommand());
        batch.BatchCommands.Add(new Statement(MakeRoles).ToCommand());
        batch.BatchCommands.Add(new Statement(MakeSchemas).ToCommand());
        try
        {
            await batch.ExecuteNonQueryAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new StartRefusedException(
                $"The login of --database may not prepare this database ({e.MessageText}). It needs to be a superuser, or to have CREATEROLE and own the database.", e);
        }
    }

    // Roles belong to the whole cluster and the advisory lock to one database: a role that another database's node makes meanwhile is fine.
    private const string MakeRoles =
        """
        DO $$
        DECLARE
            wanted text;
            super  boolean := (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user);
        BEGIN
            FOREACH wanted IN ARRAY ARRAY['anon', 'authenticated', 'service_role', 'lockstep_owner', 'lockstep_app', 'lockstep_service'] LOOP
                IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_roles r WHERE r.rolname = wanted) THEN
                    BEGIN
                        EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', wanted);
                        IF wanted IN ('lockstep_app', 'lockstep_service') THEN
                            EXECUTE format('ALTER ROLE %I LOGIN', wanted);
                            EXECUTE format('ALTER ROLE %I SET search_path = pg_catalog', wanted);
                            EXECUTE format('ALTER ROLE %I SET lock_timeout = %L', wanted, '2s');
                            EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = %L', wanted, '5s');
                        END IF;
                    EXCEPTION WHEN duplicate_object OR unique_violation THEN
                        NULL;
                    END;
                END IF;
                -- A rejected statement may hold a secret: it must not reach the server's log. Who made the role may not have been allowed to say so.
                IF super AND wanted IN ('lockstep_app', 'lockstep_service') AND NOT EXISTS (
                       SELECT 1 FROM pg_catalog.pg_roles r WHERE r.rolname = wanted AND r.rolconfig @> ARRAY['log_min_error_statement=panic']) THEN
                    EXECUTE format('ALTER ROLE %I SET log_min_error_statement = panic', wanted);
                END IF;
                -- Plans are kept, and one made while a table was small would read it whole, once for each row asked for, when it has grown.
                -- Every statement that serves has its index.
                IF wanted IN ('lockstep_app', 'lockstep_service') AND NOT EXISTS (
                       SELECT 1 FROM pg_catalog.pg_roles r WHERE r.rolname = wanted AND r.rolconfig @> ARRAY['enable_seqscan=off', 'jit=off']) THEN
                    BEGIN
                        EXECUTE format('ALTER ROLE %I SET enable_seqscan = off', wanted);
                        EXECUTE format('ALTER ROLE %I SET jit = off', wanted);
                    EXCEPTION WHEN insufficient_privilege THEN
                        NULL;
                    END;
                END IF;
            END LOOP;
            IF NOT pg_has_role('lockstep_app', 'authenticated', 'MEMBER') THEN
                GRANT authenticated TO lockstep_app;
            END IF;
            IF NOT pg_has_role('lockstep_service', 'service_role', 'MEMBER') THEN
                GRANT service_role TO lockstep_service;
            END IF;
            IF NOT super THEN
                IF current_setting('server_version_num')::int >= 160000 THEN
                    EXECUTE format('GRANT lockstep_owner TO %I WITH SET TRUE, INHERIT TRUE', current_user);
                ELSIF NOT pg_has_role(current_user, 'lockstep_owner', 'MEMBER') THEN
                    EXECUTE format('GRANT lockstep_owner TO %I', current_user);
                END IF;
            END IF;
            IF current_setting('lockstep.app_verifier') <> '' THEN
                EXECUTE format('ALTER ROLE lockstep_app PASSWORD %L', current_setting('lockstep.app_verifier'));
                EXECUTE format('ALTER ROLE lockstep_service PASSWORD %L', current_setting('lockstep.service_verifier'));
            END IF;
        END $$
        """;

    private const string MakeSchemas =
        """
        DO $$
        BEGIN
            IF to_regnamespace('lockstep') IS NULL THEN
                CREATE SCHEMA lockstep AUTHORIZATION lockstep_owner;
                COMMENT ON SCHEMA lockstep IS 'Lockstep''s tables. Not for PostgREST: everything goes through the server or the documented functions.';
            END IF;
            IF to_regnamespace('auth') IS NULL THEN
                CREATE SCHEMA auth AUTHORIZATION lockstep_owner;
                COMMENT ON SCHEMA auth IS 'Users, by the names that Supabase uses.';
            END IF;
            -- Where somebody else's vault is there already, ours stands beside it (docs/sql-vault.md).
            IF to_regnamespace('vault') IS NULL THEN
                CREATE SCHEMA vault AUTHORIZATION lockstep_owner;
                COMMENT ON SCHEMA vault IS 'Secrets for those who call PostgreSQL directly; only through its functions.';
            ELSIF to_regnamespace('lockstep_vault') IS NULL AND NOT EXISTS (
                      SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = 'vault' AND pg_get_userbyid(n.nspowner) = 'lockstep_owner') THEN
                CREATE SCHEMA lockstep_vault AUTHORIZATION lockstep_owner;
                COMMENT ON SCHEMA lockstep_vault IS 'Secrets for those who call PostgreSQL directly; only through its functions.';
            END IF;
            -- For these functions alone; without it they answer vault_locked, and everything else works.
            IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extname = 'pgcrypto')
               AND EXISTS (SELECT 1 FROM pg_catalog.pg_available_extensions a WHERE a.name = 'pgcrypto') THEN
                CREATE SCHEMA IF NOT EXISTS extensions;
                CREATE EXTENSION pgcrypto SCHEMA extensions;
            END IF;
            IF EXISTS (SELECT 1 FROM pg_catalog.pg_extension e
                       WHERE e.extname = 'pgcrypto' AND NOT has_schema_privilege('lockstep_owner', e.extnamespace, 'USAGE')) THEN
                EXECUTE format('GRANT USAGE ON SCHEMA %s TO lockstep_owner',
                    (SELECT e.extnamespace::regnamespace FROM pg_catalog.pg_extension e WHERE e.extname = 'pgcrypto'));
            END IF;
            SET LOCAL ROLE lockstep_owner;
            IF to_regclass('lockstep.schema_migrations') IS NULL THEN
                CREATE TABLE lockstep.schema_migrations (
                    version    integer     CONSTRAINT schema_migrations_pkey PRIMARY KEY,
                    name       text        NOT NULL,
                    sha256     text        NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                );
                COMMENT ON TABLE lockstep.schema_migrations IS 'Which numbered file was applied when, and its SHA-256; an edited file stops the start.';
                ALTER TABLE lockstep.schema_migrations ENABLE ROW LEVEL SECURITY;
                ALTER TABLE lockstep.schema_migrations FORCE ROW LEVEL SECURITY;
                CREATE POLICY owner_maintenance ON lockstep.schema_migrations FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
            END IF;
            RESET ROLE;
        END $$
        """;
}
