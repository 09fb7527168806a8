using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Postgres;

/// <summary>What every table and function of ours must have, read from the catalogue, so that a new one cannot forget it.</summary>
public abstract class CatalogueTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Ours =
        """
        n.nspname IN ('lockstep', 'vault', 'auth') AND pg_get_userbyid(c.relowner) = 'lockstep_owner'
        """;

    private NpgsqlConnection connection = null!;

    public async ValueTask InitializeAsync()
    {
        var database = await MigratedDatabase.CreateAsync(postgres);
        connection = new NpgsqlConnection(postgres.ConnectionString("postgres", database));
        await connection.OpenAsync();
        await PrepareAsync(connection);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await connection.DisposeAsync();
    }

    /// <summary>For the test that these can fail.</summary>
    protected virtual Task PrepareAsync(NpgsqlConnection superuser) => Task.CompletedTask;

    [Fact]
    public async Task There_are_tables_to_look_at() =>
        (await Names($"SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p') AND {Ours}"))
            .ShouldContain("workspaces");

    [Fact]
    public Task Every_table_is_owned_by_the_owner_role() => None(
        """
        SELECT c.oid::regclass::text
        FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'auth') AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
        AND    pg_get_userbyid(c.relowner) <> 'lockstep_owner'
        """);

    [Fact]
    public Task Every_table_and_partition_has_forced_row_level_security() => None(
        $"SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p') AND {Ours} AND NOT (c.relrowsecurity AND c.relforcerowsecurity)");

    [Fact]
    public Task Every_table_has_the_owner_maintenance_policy() => None(
        $"""
        SELECT c.oid::regclass::text
        FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  c.relkind IN ('r', 'p') AND {Ours}
        AND    NOT EXISTS (
                   SELECT 1 FROM pg_policies p
                   WHERE  p.schemaname = n.nspname AND p.tablename = c.relname AND p.policyname = 'owner_maintenance'
                   AND    p.roles = '{'{'}lockstep_owner{'}'}' AND p.cmd = 'ALL' AND p.qual = 'true' AND p.with_check = 'true')
        """);

    [Fact]
    public Task No_view_shows_rows_with_its_owners_rights() => None(
        $"""
        SELECT c.oid::regclass::text
        FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  {Ours} AND (c.relkind = 'm' OR (c.relkind = 'v' AND NOT coalesce(c.reloptions && ARRAY['security_invoker=true', 'security_invoker=on'], false)))
        """);

    [Fact]
    public Task Nobody_but_the_owner_has_a_policy_that_lets_every_row_be_written() => None(
        """
        SELECT p.schemaname || '.' || p.tablename || ' ' || p.policyname
        FROM   pg_policies p
        WHERE  p.schemaname IN ('lockstep', 'vault', 'auth') AND p.policyname <> 'owner_maintenance'
        AND    (('public' = ANY (p.roles)) OR (p.cmd <> 'SELECT' AND 'lockstep_app' = ANY (p.roles) AND coalesce(p.with_check, p.qual) = 'true'))
        """);

    [Fact]
    public Task Every_table_and_function_has_a_comment() => None(
        $"""
        SELECT c.oid::regclass::text
        FROM   pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  c.relkind IN ('r', 'p') AND {Ours} AND obj_description(c.oid, 'pg_class') IS NULL
        UNION  ALL
        SELECT f.oid::regprocedure::text
        FROM   pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'auth') AND obj_description(f.oid, 'pg_proc') IS NULL
        """);

    [Fact]
    public Task Every_function_pins_its_search_path_with_pg_temp_last() => None(
        """
        SELECT f.oid::regprocedure::text
        FROM   pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'auth')
        AND    (f.prosqlbody IS NULL OR f.prosecdef)
        AND    NOT coalesce(f.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']
        """);

    [Fact]
    public Task No_function_is_executable_by_everybody() => None(
        """
        SELECT f.oid::regprocedure::text
        FROM   pg_proc f JOIN pg_namespace n ON n.oid = f.pronamespace
        WHERE  n.nspname IN ('lockstep', 'vault')
        AND    (f.proacl IS NULL OR EXISTS (SELECT 1 FROM aclexplode(f.proacl) a WHERE a.grantee = 0))
        AND    f.prorettype <> 'trigger'::regtype
        """);

    [Fact]
    public Task Authenticated_reads_and_never_writes() => None(
        """
        SELECT table_schema || '.' || table_name || ' ' || grantee || ' ' || privilege_type
        FROM   information_schema.role_table_grants
        WHERE  table_schema IN ('lockstep', 'vault', 'auth')
        AND    grantee IN ('PUBLIC', 'anon', 'authenticated') AND (privilege_type <> 'SELECT' OR grantee <> 'authenticated')
        """);

    [Fact]
    public Task Nobody_truncates_or_makes_objects_in_our_schemas() => None(
        """
        SELECT r.rolname || ' may create in ' || n.nspname
        FROM   pg_roles r, pg_namespace n
        WHERE  r.rolname IN ('anon', 'authenticated', 'service_role', 'lockstep_app', 'lockstep_service')
        AND    n.nspname IN ('lockstep', 'vault', 'auth') AND has_schema_privilege(r.oid, n.oid, 'CREATE')
        UNION  ALL
        SELECT r.rolname || ' may truncate ' || c.oid::regclass::text
        FROM   pg_roles r, pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  r.rolname IN ('anon', 'authenticated', 'service_role', 'lockstep_app', 'lockstep_service')
        AND    n.nspname IN ('lockstep', 'vault', 'auth') AND c.relkind IN ('r', 'p') AND has_table_privilege(r.oid, c.oid, 'TRUNCATE')
        """);

    [Fact]
    public Task The_audit_cannot_be_changed_by_any_login() => None(
        """
        SELECT r.rolname || ' ' || verb
        FROM   pg_roles r, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) verb
        WHERE  r.rolcanlogin AND NOT r.rolsuper AND has_table_privilege(r.oid, 'lockstep.activity_log', verb)
        """);

    [Fact]
    public Task Serving_logins_are_plain_and_no_login_is_a_member_of_the_owner() => None(
        """
        SELECT r.rolname
        FROM   pg_roles r
        WHERE  r.rolname IN ('lockstep_app', 'lockstep_service', 'lockstep_owner')
        AND    (r.rolsuper OR r.rolbypassrls OR r.rolcreaterole OR (r.rolcanlogin AND (r.rolname = 'lockstep_owner' OR pg_has_role(r.oid, 'lockstep_owner', 'MEMBER'))))
        """);

    [Fact]
    public Task Every_constraint_name_says_its_table() => None(
        $"""
        SELECT c.oid::regclass::text || ' ' || k.conname
        FROM   pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  {Ours} AND k.contype IN ('p', 'u', 'f', 'c', 'x') AND NOT starts_with(k.conname, rtrim(c.relname, 's')) AND NOT starts_with(k.conname, c.relname)
        """);

    [Fact]
    public Task Every_foreign_key_has_an_index_under_it() => None(
        $"""
        SELECT c.oid::regclass::text || ' ' || k.conname
        FROM   pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE  {Ours} AND k.contype = 'f'
        AND    NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indkey[0] = k.conkey[1])
        """);

    [Fact]
    public async Task A_data_migration_by_the_owner_touches_rows()
    {
        await Run("INSERT INTO auth.users (id, email) VALUES (gen_random_uuid(), 'row@example.com')");
        await Run("BEGIN; SET LOCAL ROLE lockstep_owner");
        await using var update = new NpgsqlCommand("UPDATE auth.users SET email = 'touched@example.com' WHERE email = 'row@example.com'", connection);
        (await update.ExecuteNonQueryAsync()).ShouldBe(1);
        await Run("ROLLBACK");
    }

    private async Task None(string sql) => (await Names(sql)).ShouldBeEmpty();

#pragma warning disable CA2100 // Written above.
    private async Task<List<string>> Names(string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var names = new List<string>();
        while (await reader.ReadAsync())
            names.Add(reader.GetString(0));
        return names;
    }

    private async Task Run(string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
#pragma warning restore CA2100
}

public sealed class CatalogueOnThisMachinesPostgresTests(PostgresServer postgres) : CatalogueTests(postgres);

public sealed class CatalogueOnPostgres18Tests(PostgresServer18 postgres) : CatalogueTests(postgres);
