using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Tests.Support;
using Npgsql;
using NpgsqlTypes;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Isolation;

/// <summary>Every table, every verb, as everybody whose business it is not: nothing is seen, nothing is changed.</summary>
public abstract class IsolationTests(PostgresServer postgres) : IAsyncLifetime
{
    private static readonly Guid Victim = Guid.CreateVersion7();
    private static readonly Guid VictimsWorkspace = Guid.CreateVersion7();
    private static readonly Guid Intruder = Guid.CreateVersion7();
    private static readonly Guid IntrudersWorkspace = Guid.CreateVersion7();
    private static readonly Guid OtherWorkspace = Guid.CreateVersion7();
    private static readonly Guid OtherIntegration = Guid.CreateVersion7();

    /// <summary>What the sync of an integration may see: itself, its credential with the key that opens it, its calendars, and where their changes go.</summary>
    private static readonly string[] SeenBySync =
    [
        "lockstep.data_keys", "lockstep.credentials", "lockstep.credential_versions", "lockstep.oauth_grants", "lockstep.sync_scopes", "lockstep.integrations", "lockstep.sync_log",
        "lockstep.calendars", "lockstep.events", "lockstep.calendar_objects", "lockstep.sync_conflicts",
    ];

    /// <summary>The rows of <see cref="TenantRows"/>: all name the victim, the workspace, or an id made of 'user' or 'workspace'.</summary>
    private static readonly string Theirs =
        $"t::text ~ '{Victim}|{VictimsWorkspace}' OR strpos(t::text, md5('user')::uuid::text) > 0 OR strpos(t::text, md5('workspace')::uuid::text) > 0";

    private string database = "";

    public async ValueTask InitializeAsync()
    {
        database = await MigratedDatabase.CreateAsync(postgres);
        foreach (var whose in new[] { "user", "workspace" })
            foreach (var (_, insert) in TenantRows.All)
                await Admin(insert, Victim, VictimsWorkspace, whose);
        await Admin("INSERT INTO auth.users (id, email) VALUES ($1, 'intruder@example.com')", Intruder);
        await Admin("INSERT INTO lockstep.workspaces (id, name, slug) VALUES ($1, 'Intruders', 'intruders')", IntrudersWorkspace);
        await Admin("INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')", IntrudersWorkspace, Intruder);
        await Admin("INSERT INTO lockstep.workspaces (id, name, slug) VALUES ($1, 'Another of the victim', 'another')", OtherWorkspace);
        await Admin("INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES ($1, $2, 'owner')", OtherWorkspace, Victim);
        await Admin("INSERT INTO lockstep.integrations (id, workspace_id, integration_type, label, config) VALUES ($1, $2, 'caldav', 'Another', jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))", OtherIntegration, OtherWorkspace);
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await postgres.DropDatabaseAsync(database);
    }

    [Fact]
    public async Task Every_table_is_named_here_and_has_a_row_to_protect()
    {
        var tables = await Column("SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('lockstep', 'vault', 'auth') AND c.relkind IN ('r', 'p') AND pg_get_userbyid(c.relowner) = 'lockstep_owner'");
        tables.ShouldBe(TenantRows.All.Select(row => row.Table).Concat(TenantRows.WithoutTenants), ignoreOrder: true);
        foreach (var (table, _) in TenantRows.All)
            (await Rows(table)).ShouldBeGreaterThan(0, table);
    }

    [Fact]
    public async Task The_owner_of_the_rows_sees_them_so_that_the_other_tests_mean_something()
    {
        var hidden = new[] { "lockstep.accounts", "lockstep.connect_sessions", "lockstep.console_sessions", "lockstep.console_handoffs", "lockstep.membership_leases", "lockstep.adopted_changes", "vault.secrets", "vault.secret_owners", "vault.vault_access_log" };
        foreach (var (table, _) in TenantRows.All.Where(row => !hidden.Contains(row.Table)))
            (await Reads(Session(Victim), table)).ShouldBeGreaterThan(0, table);
    }

    [Fact]
    public Task Another_user_neither_sees_nor_changes_a_row_of_any_table() => TryEverything(Session(Intruder));

    [Fact]
    public Task Without_a_context_neither_sees_nor_changes_a_row_of_any_table() => TryEverything(new Context(Roles.App, null, null));

    [Fact]
    public Task A_context_whose_two_halves_disagree_is_none() => TryEverything(new Context(Roles.App, Victim, Intruder));

    [Fact]
    public Task Claiming_the_victims_workspace_in_the_space_list_widens_nothing() =>
        TryEverything(Session(Intruder) with { Spaces = $"{{{VictimsWorkspace}}}" });

    [Fact]
    public Task The_role_authenticated_itself_is_bound_as_well() => TryEverything(Session(Intruder) with { SetRole = "authenticated" });

    [Fact]
    public Task The_sync_of_one_integration_neither_sees_nor_changes_what_else_its_user_has() =>
        TryEverything(Session(Victim) with { Integration = OtherIntegration });

    [Fact]
    public async Task The_sync_of_an_integration_sees_that_one_and_what_belongs_to_it()
    {
        var context = Session(Victim) with { Integration = Guid.Parse((await Column("SELECT md5('user')::uuid::text")).Single()) };
        var seen = new List<string>();
        foreach (var (table, _) in TenantRows.All)
        {
            if (await Reads(context, table) > 0)
                seen.Add(table);
            (await Reads(context, table, $"t::text ~ '{VictimsWorkspace}' OR strpos(t::text, md5('workspace')::uuid::text) > 0")).ShouldBe(0, table);
        }
        seen.ShouldBe(SeenBySync, ignoreOrder: true);
    }

    [Fact]
    public Task Naming_an_integration_of_somebody_else_widens_nothing() => TryEverything(Session(Intruder) with { Integration = OtherIntegration });

    [Fact]
    public async Task The_service_login_sees_no_credential_of_a_user_or_a_workspace()
    {
        foreach (var table in new[] { "lockstep.credentials", "lockstep.credential_versions", "lockstep.calendar_objects", "lockstep.events", "lockstep.sync_records" })
            (await Reads(new Context(Roles.Service, null, null) { Role = "service_role" }, table)).ShouldBe(0, table);
    }

    [Fact]
    public async Task No_serving_login_can_become_somebody_else()
    {
        foreach (var login in new[] { Roles.App, Roles.Service })
            foreach (var escape in new[] { "SET ROLE lockstep_owner", "SET ROLE postgres", "SET SESSION AUTHORIZATION postgres" })
                (await Outcome(new Context(login, null, null), escape)).ShouldBe("42501", $"{login}: {escape}");
        // row_security = off does not lift a policy, it makes the query an error.
        (await Outcome(Session(Intruder), "SET LOCAL row_security = off; SELECT count(*) FROM lockstep.workspaces")).ShouldBe("42501");
    }

    private async Task TryEverything(Context context)
    {
        foreach (var (table, _) in TenantRows.All)
        {
            (await Reads(context, table)).ShouldBe(0, $"SELECT {table}");
            var column = await FirstColumn(table);
            var row = (await Column($"SELECT to_jsonb(t)::text FROM {table} t WHERE {Theirs} LIMIT 1")).Single();
            var columns = string.Join(", ", await Column($"SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity = ''"));
            (await Changed(context, $"UPDATE {table} t SET {column} = {column} WHERE {Theirs}")).ShouldBe(0, $"UPDATE {table}");
            (await Changed(context, $"DELETE FROM {table} t WHERE {Theirs}")).ShouldBe(0, $"DELETE {table}");
            (await Outcome(context, $"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_record(NULL::{table}, '{row.Replace("'", "''")}')"))
                .ShouldBe("42501", $"INSERT {table}: policies are asked before keys and constraints");
            (await Outcome(context, $"TRUNCATE {table} CASCADE")).ShouldBe("42501", $"TRUNCATE {table}");
        }
    }

    private static Context Session(Guid user) => new(Roles.App, user, user);

    private async Task<long> Reads(Context context, string table, string? which = null)
    {
        await using var connection = await Open(context);
        await using var command = new NpgsqlCommand($"SELECT count(*) FROM {table} t WHERE {which ?? Theirs}", connection);
        try
        {
            return (long)(await command.ExecuteScalarAsync())!;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return 0;
        }
    }

    private async Task<int> Changed(Context context, string sql)
    {
        await using var connection = await Open(context);
        await using var command = new NpgsqlCommand(sql, connection);
        try
        {
            return await command.ExecuteNonQueryAsync();
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return 0;
        }
    }

    /// <returns>ok, or the SQLSTATE.</returns>
    private async Task<string> Outcome(Context context, string sql)
    {
        await using var connection = await Open(context);
        await using var command = new NpgsqlCommand(sql, connection);
        try
        {
            await command.ExecuteNonQueryAsync();
            return "ok";
        }
        catch (PostgresException e)
        {
            return e.SqlState;
        }
    }

    /// <summary>A connection in a transaction with the context set; closing it rolls back.</summary>
    private async Task<NpgsqlConnection> Open(Context context)
    {
        var connection = new NpgsqlConnection(Unpooled(context.Login));
        await connection.OpenAsync();
        var claims = context.Claimed is { } claimed ? $$"""{"sub":"{{claimed}}","role":"{{context.Role}}"}""" : $$"""{"role":"{{context.Role}}"}""";
        await using var command = new NpgsqlCommand("BEGIN; SELECT set_config('app.current_user_id', @user, true), set_config('request.jwt.claims', @claims, true), set_config('app.current_user_space_ids', @spaces, true), set_config('app.current_integration_id', @integration, true)", connection);
        command.Parameters.AddWithValue("user", NpgsqlDbType.Text, context.User?.ToString() ?? "");
        command.Parameters.AddWithValue("claims", NpgsqlDbType.Text, context is { User: null, Claimed: null, Role: "authenticated" } ? "" : claims);
        command.Parameters.AddWithValue("spaces", NpgsqlDbType.Text, context.Spaces);
        command.Parameters.AddWithValue("integration", NpgsqlDbType.Text, context.Integration?.ToString() ?? "");
        await command.ExecuteNonQueryAsync();
        if (context.SetRole is { } role)
        {
            await using var become = new NpgsqlCommand($"SET LOCAL ROLE {role}", connection);
            await become.ExecuteNonQueryAsync();
        }
        return connection;
    }

    private async Task<long> Rows(string table) => long.Parse((await Column($"SELECT count(*)::text FROM {table} t WHERE {Theirs}")).Single(), null);

    private async Task<string> FirstColumn(string table) =>
        (await Column($"SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 AND attgenerated = '' ORDER BY attnum LIMIT 1")).Single();

    private async Task<List<string>> Column(string sql)
    {
        await using var connection = new NpgsqlConnection(Unpooled("postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await using var reader = await command.ExecuteReaderAsync();
        var values = new List<string>();
        while (await reader.ReadAsync())
            values.Add(reader.GetString(0));
        return values;
    }

    private async Task Admin(string sql, params object[] values)
    {
        await using var connection = new NpgsqlConnection(Unpooled("postgres"));
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        for (var i = 0; i < values.Length; i++)
        {
            // Named in the text as it is used; PostgreSQL takes no parameter that nothing mentions.
            command.CommandText = command.CommandText.Replace($"${i + 1}", values[i] is Guid id ? $"'{id}'::uuid" : $"'{values[i]}'");
        }
        await command.ExecuteNonQueryAsync();
    }

    private string Unpooled(string role) =>
        new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, database)) { Pooling = false }.ConnectionString;

    private sealed record Context(string Login, Guid? User, Guid? Claimed)
    {
        public string Role { get; init; } = CallerRole.Authenticated.ToString().ToLowerInvariant();

        public string Spaces { get; init; } = "";

        public string? SetRole { get; init; }

        public Guid? Integration { get; init; }
    }
}

public sealed class IsolationOnThisMachinesPostgresTests(PostgresServer postgres) : IsolationTests(postgres);

public sealed class IsolationOnPostgres18Tests(PostgresServer18 postgres) : IsolationTests(postgres);
