using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Attacks;

/// <summary>What somebody tries who has found a way to send SQL of his own as the serving login, under his own context. Whoever could set another context is beyond this.</summary>
public sealed class DatabaseAttackTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private const string Columns = "id, user_id, scope, name, provider, type, encrypted_value, key_provider, data_key_id, key_version, format, masked_value";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task COPY_shows_nothing_of_another_tenant_writes_nothing_and_reaches_no_file_or_program()
    {
        await VictimAsync();
        foreach (var source in new[] { "lockstep.credentials", "(SELECT * FROM lockstep.credentials)", "lockstep.activity_log", "lockstep.data_keys" })
        {
            await using var connection = await AttackerAsync();
            using var reader = await connection.BeginTextExportAsync($"COPY {source} TO STDOUT", Ct);
            (await reader.ReadToEndAsync(Ct)).ShouldBeEmpty(source);
        }
        foreach (var copy in new[] { "COPY lockstep.credentials TO '/tmp/stolen'", "COPY (SELECT 1) TO PROGRAM 'cat'", "COPY lockstep.matters FROM PROGRAM 'id'", "COPY lockstep.activity_log FROM STDIN" })
            (await FailsAsync(copy)).ShouldBe(PostgresErrorCodes.InsufficientPrivilege, copy);
        // Row-level security takes no COPY FROM at all (PostgreSQL manual, COPY).
        (await FailsAsync("COPY lockstep.matters (id, user_id, title) FROM STDIN")).ShouldBe(PostgresErrorCodes.FeatureNotSupported);
    }

    [Fact]
    public async Task Views_cursors_and_prepared_statements_of_the_attacker_show_what_he_may_see_himself()
    {
        await VictimAsync();
        foreach (var (make, look) in new[]
        {
            ("CREATE TEMP VIEW mine AS SELECT * FROM lockstep.credentials", "SELECT count(*) FROM mine"),
            ("CREATE TEMP TABLE mine AS SELECT * FROM lockstep.credentials", "SELECT count(*) FROM mine"),
            ("PREPARE mine AS SELECT count(*) FROM lockstep.credentials", "EXECUTE mine"),
            ("CREATE FUNCTION pg_temp.mine() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM lockstep.credentials'", "SELECT pg_temp.mine()"),
        })
        {
            await using var connection = await AttackerAsync();
            await ExecuteAsync(connection, make);
            (await ScalarAsync<long>(connection, look)).ShouldBe(0, make);
        }
        (await FailsAsync("CREATE VIEW lockstep.mine AS SELECT * FROM lockstep.credentials")).ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Fact]
    public async Task ON_CONFLICT_neither_takes_over_nor_shows_the_row_it_collides_with()
    {
        var victim = await VictimAsync();
        var mine = app.UserId("sql-attacker");
        foreach (var conflict in new[] { "(id) DO UPDATE SET name = 'stolen'", "(id) DO UPDATE SET user_id = EXCLUDED.user_id" })
        {
            (await FailsAsync($"INSERT INTO lockstep.credentials AS c ({Columns}) SELECT '{victim}', '{mine}', 'USER', 'x', 'p', 'SECRET', 'a', 'data_key', gen_random_uuid(), 1, 'f', '*' ON CONFLICT {conflict} RETURNING c.name"))
                .ShouldBe(PostgresErrorCodes.InsufficientPrivilege, conflict);
        }
        (await app.ScalarAsync<string>("SELECT name FROM lockstep.credentials WHERE id = $1", victim)).ShouldBe("victims");
        (await app.ScalarAsync<Guid>("SELECT user_id FROM lockstep.credentials WHERE id = $1", victim)).ShouldBe(app.UserId("sql-victim"));
    }

    [Fact]
    public async Task Unique_keys_say_the_same_of_a_name_that_another_tenant_has_and_of_one_that_nobody_has()
    {
        await VictimAsync();
        var theirs = app.UserId("sql-victim");
        foreach (var conflict in new[] { "", "ON CONFLICT DO NOTHING" })
        {
            foreach (var name in new[] { "victims", "nobodys" })
            {
                (await FailsAsync($"INSERT INTO lockstep.credentials ({Columns}) SELECT gen_random_uuid(), '{theirs}', 'USER', '{name}', 'stripe', 'SECRET', 'a', 'data_key', gen_random_uuid(), 1, 'f', '*' {conflict}"))
                    .ShouldBe(PostgresErrorCodes.InsufficientPrivilege, name);
            }
        }
        // And by HTTP the name is free for everybody else.
        await app.As("sql-namesake").StoreAsync("victims", "my-own-value");
    }

    [Fact]
    public async Task A_failing_constraint_and_EXPLAIN_tell_no_value_of_another_tenants_row()
    {
        var victim = await VictimAsync();
        await using var connection = await AttackerAsync();
        var plan = await ScalarAsync<string>(connection, $"EXPLAIN (FORMAT JSON, COSTS OFF) SELECT * FROM lockstep.credentials WHERE id = '{victim}'");
        plan.ShouldNotContain("victims");
        // A function that the planner would rather run first is run on no row that the policy hides: it is not leakproof.
        await ExecuteAsync(connection, "CREATE FUNCTION pg_temp.spy(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE EXCEPTION 'seen: %', $1; END $$");
        (await ScalarAsync<long>(connection, "SELECT count(*) FROM lockstep.credentials WHERE pg_temp.spy(name) AND user_id <> lockstep.current_user_id()")).ShouldBe(0);
    }

    [Fact]
    public async Task Temporary_objects_of_the_caller_are_not_seen_by_SECURITY_DEFINER_functions()
    {
        var victim = await VictimAsync();
        var (theirs, mine) = (app.UserId("sql-victim"), app.UserId("sql-attacker"));
        await using var connection = await AttackerAsync();
        await ExecuteAsync(connection,
            $"""
            CREATE TEMP TABLE credentials AS SELECT '{victim}'::uuid AS id, '{mine}'::uuid AS user_id, NULL::uuid AS workspace_id, true AS is_active;
            CREATE TEMP TABLE workspace_members AS SELECT gen_random_uuid() AS workspace_id, '{mine}'::uuid AS user_id, 'owner' AS role;
            CREATE FUNCTION pg_temp.current_user_id() RETURNS uuid LANGUAGE sql AS $$ SELECT '{theirs}'::uuid $$;
            CREATE FUNCTION pg_temp.owns_credential(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
            CREATE FUNCTION pg_temp.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
            CREATE OPERATOR pg_temp.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = pg_temp.always);
            SET LOCAL search_path = pg_temp, lockstep, pg_catalog
            """);
        (await ScalarAsync<bool>(connection, $"SELECT lockstep.owns_credential('{theirs}', NULL)")).ShouldBeFalse();
        (await ScalarAsync<long>(connection, "SELECT count(*) FROM lockstep.credentials")).ShouldBe(0);
        (await ScalarAsync<Guid>(connection, "SELECT lockstep.current_user_id()")).ShouldBe(mine);
        (await ScalarAsync<bool>(connection, $"SELECT lockstep.revoke_tenant('{theirs}', NULL, 'an attack') IS NULL")).ShouldBeTrue();
    }

    [Fact]
    public async Task Two_SYSTEM_rows_of_one_name_are_refused_although_their_owner_is_NULL()
    {
        await using var connection = await app.ConnectAsync();
        await ExecuteAsync(connection, "INSERT INTO lockstep.data_keys (id, version, provider, key_version, wrapped_key) VALUES ('00000000-0000-7000-8000-0000000000aa', 99, 'local', 'k', 'w')");
        const string Row = $"INSERT INTO lockstep.credentials ({Columns}) SELECT gen_random_uuid(), NULL, 'SYSTEM', 'smtp', 'mail', 'SECRET', 'a', 'data_key', '00000000-0000-7000-8000-0000000000aa', 1, 'f', '*'";
        await ExecuteAsync(connection, Row);
        (await Should.ThrowAsync<PostgresException>(() => ExecuteAsync(connection, Row))).ConstraintName.ShouldBe("credentials_identity_key");
    }

    private async Task<Guid> VictimAsync()
    {
        var victim = app.As("sql-victim");
        await app.As("sql-attacker").GetAsync("/v1/workspaces", Ct);
        var listed = await victim.GetAsync("/v1/credentials", Ct).ShouldBeAsync(System.Net.HttpStatusCode.OK);
        return listed["items"]!.AsArray().FirstOrDefault()?.Id() ?? (await victim.StoreAsync("victims", "a-secret-of-the-victim")).Id();
    }

    /// <summary>In a transaction with the attacker's own context, rolled back when it is closed.</summary>
    private async Task<NpgsqlConnection> AttackerAsync()
    {
        var connection = await app.ConnectAsync("lockstep_app");
        var user = app.UserId("sql-attacker");
        await ExecuteAsync(connection,
            $$"""BEGIN; SELECT set_config('app.current_user_id', '{{user}}', true), set_config('request.jwt.claims', '{"sub":"{{user}}","role":"authenticated"}', true), set_config('app.current_user_space_ids', '', true)""");
        return connection;
    }

    private async Task<string> FailsAsync(string sql)
    {
        await using var connection = await AttackerAsync();
        return (await Should.ThrowAsync<PostgresException>(async () =>
        {
            if (sql.EndsWith("FROM STDIN", StringComparison.Ordinal))
                await using (await connection.BeginTextImportAsync(sql, Ct)) { }
            else
                await ExecuteAsync(connection, sql);
        })).SqlState;
    }

#pragma warning disable CA2100 // Written in this class.
    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private static async Task<T> ScalarAsync<T>(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }
#pragma warning restore CA2100
}
