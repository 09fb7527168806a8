using Lockstep.Server.Postgres;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Sql;

/// <summary>The functions for those who call PostgreSQL directly (design, section 6; settled 16 and 17).</summary>
public abstract class SqlVaultTests(PostgresServer postgres) : IAsyncLifetime
{
    private const string Key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    private string database = "";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => database = await MigratedDatabase.CreateAsync(postgres);

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await postgres.DropDatabaseAsync(database);
    }

    [Fact]
    public async Task Every_assertion_of_functions_sql_holds_through_psql()
    {
        var file = Path.Combine(Repository.Root, "tests", "Lockstep.Tests", "Vault", "Sql", "functions.sql");
        var lines = (await Psql.RunAsync(await postgres.ConnectionAsync(), database, file, Ct)).Split('\n');
        lines.Where(line => line.StartsWith("not ok", StringComparison.Ordinal) || line.Contains("ERROR", StringComparison.Ordinal)).ShouldBeEmpty();
        var passed = lines.Count(line => line.StartsWith("ok ", StringComparison.Ordinal));
        passed.ShouldBeGreaterThan(60);
        lines.ShouldContain($"1..{passed}");
    }

    [Fact]
    public async Task The_service_login_stores_and_retrieves_with_the_key_of_its_transaction_and_is_locked_after_it()
    {
        await using var service = await Open(Roles.Service);
        Guid id;
        await using (var transaction = await service.BeginTransactionAsync(Ct))
        {
            await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
            id = (Guid)(await Scalar(service, "SELECT vault.store_credential($1, $2, $3)", "mail", "a value", "why"))!;
            (await Scalar(service, "SELECT vault.retrieve_credential($1)", id)).ShouldBe("a value");
            await transaction.CommitAsync(Ct);
        }
        // The setting is '' after the transaction, not NULL.
        (await Refusal(service, "SELECT vault.retrieve_credential($1)", id)).ShouldBe("55000");
    }

    [Fact]
    public async Task A_retrieve_that_is_rolled_back_leaves_a_line_of_the_log_and_a_gap_in_the_numbers()
    {
        await using var service = await Open(Roles.Service);
        var id = await Store(service, "a value");
        await using (var transaction = await service.BeginTransactionAsync(Ct))
        {
            await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
            (await Scalar(service, "SELECT vault.retrieve_credential($1)", id)).ShouldBe("a value");
            await transaction.RollbackAsync(Ct);
        }
        (await Scalar(service, "SELECT count(*) FROM vault.vault_access_log WHERE secret_id = $1", id)).ShouldBe(0L);
        (await Scalar(service, "SELECT first || '-' || last FROM lockstep.vault_access_gaps()")).ShouldBe("1-1");
        var line = await LogLine(id);
        line.ShouldContain("\"n\" : 1");
        line.ShouldContain("\"session_user\" : \"lockstep_service\"");
        line.ShouldNotContain("a value");

        await using (var transaction = await service.BeginTransactionAsync(Ct))
        {
            await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
            await Scalar(service, "SELECT vault.retrieve_credential($1)", id);
            await transaction.CommitAsync(Ct);
        }
        (await Scalar(service, "SELECT string_agg(first || '-' || last, ',') FROM lockstep.vault_access_gaps()")).ShouldBe("1-1");
    }

    [Fact]
    public async Task Resealing_to_another_key_keeps_ids_versions_and_values_and_names_what_it_could_not_open()
    {
        const string Next = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";
        await using var service = await Open(Roles.Service);
        var ids = new List<Guid>();
        for (var i = 0; i < 5; i++)
            ids.Add(await Store(service, $"value {i}"));
        await using (var admin = await Open("postgres"))
            await Scalar(admin, "UPDATE vault.secrets SET sealed = set_byte(sealed, 50, get_byte(sealed, 50) # 1) WHERE id = $1", ids[2]);

        var resealed = 0;
        var failed = new List<Guid>();
        for (Guid? after = Guid.Empty; after is not null;)
        {
            await using var command = Command(service, "SELECT last_id, resealed, failed FROM lockstep.reseal_vault_secrets(NULL, $1, $2, 2)", $"{Next},{Key}", after);
            await using var row = await command.ExecuteReaderAsync(Ct);
            await row.ReadAsync(Ct);
            after = row.IsDBNull(0) ? null : row.GetGuid(0);
            resealed += row.GetInt32(1);
            failed.AddRange(row.GetFieldValue<Guid[]>(2));
        }
        resealed.ShouldBe(4);
        failed.ShouldBe([ids[2]]);
        await using var transaction = await service.BeginTransactionAsync(Ct);
        await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Next);
        foreach (var i in new[] { 0, 1, 3, 4 })
            (await Scalar(service, "SELECT vault.retrieve_credential($1)", ids[i])).ShouldBe($"value {i}");
        (await Scalar(service, "SELECT count(*) FROM vault.secrets WHERE version <> 1")).ShouldBe(0L);
    }

    [Fact]
    public async Task A_secret_stored_for_a_user_goes_with_him_and_one_that_he_may_only_use_stays()
    {
        await using var service = await Open(Roles.Service);
        await using var admin = await Open("postgres");
        var user = Guid.CreateVersion7();
        await Scalar(admin, "INSERT INTO auth.users (id, email) VALUES ($1, 'a@example.com')", user);
        var his = await Store(service, "his");
        var shared = await Store(service, "shared");
        await Scalar(service, "SELECT vault.set_secret_owner($1, $2)", his, user);
        await Scalar(service, "SELECT lockstep.admit_vault_secret($1, $2, NULL)", shared, user);
        (await Refusal(service, "SELECT vault.set_secret_owner($1, $2)", Guid.CreateVersion7(), user)).ShouldBe("P0002");
        foreach (var secret in new[] { his, shared })
            await Scalar(admin, "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, vault_secret_id, config) VALUES (gen_random_uuid(), $1, 'caldav', 'l', $2::uuid::text, $2, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))", user, secret);
        (await Scalar(admin, "SELECT lockstep.delete_user($1)", user)).ShouldBe("deleted");
        (await Scalar(service, "SELECT string_agg(id::text, ',') FROM vault.secrets")).ShouldBe(shared.ToString());
    }

    [Fact]
    public async Task A_run_gets_the_secret_of_its_integration_with_the_key_by_setting_and_is_named_in_the_log()
    {
        await using var service = await Open(Roles.Service);
        await using var admin = await Open("postgres");
        var (user, integration) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await Scalar(admin, "INSERT INTO auth.users (id, email) VALUES ($1, 'a@example.com')", user);
        var secret = await Store(service, "a password");
        const string Insert = "INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, vault_secret_id, config) VALUES ($1, $2, 'caldav', 'l', 'u', $3, jsonb_build_object('url', 'https://example.com/', 'username', 'me', 'calendarPath', '', 'selectedCalendarIds', '[]'::jsonb))";
        (await Refusal(admin, Insert, integration, user, secret)).ShouldBe("23503");
        (await Scalar(service, "SELECT lockstep.admit_vault_secret($1, $2, NULL)", Guid.CreateVersion7(), user)).ShouldBe(false);
        (await Scalar(service, "SELECT lockstep.admit_vault_secret($1, $2, NULL)", secret, user)).ShouldBe(true);
        await Scalar(admin, Insert, integration, user, secret);

        (await Scalar(service, "SELECT r.secret || ' of version ' || r.version FROM lockstep.retrieve_for_integration($1, $2) r", integration, Key)).ShouldBe("a password of version 1");
        (await Refusal(service, "SELECT lockstep.retrieve_for_integration($1, '')", integration)).ShouldBe("55000");
        (await Scalar(service, "SELECT r.secret FROM lockstep.retrieve_for_integration($1, $2) r", Guid.CreateVersion7(), Key)).ShouldBeNull();
        (await Scalar(service, "SELECT count(*) FROM vault.vault_access_log WHERE secret_id = $1 AND integration_id = $2", secret, integration)).ShouldBe(1L);
    }

    [Fact]
    public async Task Where_the_vault_schema_is_not_ours_the_functions_live_beside_it()
    {
        var elsewhere = await postgres.CreateDatabaseAsync();
        var address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres", elsewhere)) { Pooling = false };
        await using (var before = new NpgsqlConnection(address.ConnectionString))
        {
            await before.OpenAsync(Ct);
            await Scalar(before, "CREATE SCHEMA vault");
            await Scalar(before, "CREATE TABLE vault.secrets (id uuid, secret text)");
        }
        await using var source = NpgsqlDataSource.Create(address);
        await new Migrator(source).Migrate(null, Ct);
        await using var service = await Open(Roles.Service, elsewhere);
        await using var transaction = await service.BeginTransactionAsync(Ct);
        await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
        var id = (Guid)(await Scalar(service, "SELECT lockstep_vault.store_credential($1, $2)", "mail", "a value"))!;
        (await Scalar(service, "SELECT lockstep_vault.retrieve_credential($1)", id)).ShouldBe("a value");
        (await Scalar(service, "SELECT count(*) FROM lockstep_vault.vault_access_log")).ShouldBe(1L);
        await using var admin = await Open("postgres", elsewhere);
        (await Scalar(admin, "SELECT count(*) FROM vault.secrets")).ShouldBe(0L);
        (await Scalar(admin, "SELECT count(*) FROM pg_proc WHERE pronamespace = 'vault'::regnamespace")).ShouldBe(0L);
    }

    [Fact]
    public async Task Where_pgcrypto_is_in_a_schema_that_others_write_to_their_overloads_change_nothing()
    {
        var shared = await postgres.CreateDatabaseAsync();
        var address = new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres", shared)) { Pooling = false };
        await using (var before = new NpgsqlConnection(address.ConnectionString))
        {
            await before.OpenAsync(Ct);
            await Scalar(before, "CREATE EXTENSION pgcrypto SCHEMA public; GRANT CREATE ON SCHEMA public TO PUBLIC");
        }
        await using var source = NpgsqlDataSource.Create(address);
        await new Migrator(source).Migrate(null, Ct);
        await using var intruder = await Open(Roles.App, shared);
        foreach (var overload in new[] { "hmac(bytea, bytea, varchar)", "hmac(bytea, bytea, name)", "hmac(bytea, bytea, \"char\")", "encrypt_iv(bytea, bytea, bytea, varchar)", "decrypt_iv(bytea, bytea, bytea, varchar)", "hmac(anyelement, anyelement, text)" })
            await Scalar(intruder, $"CREATE FUNCTION public.{overload} RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea'");
        await Scalar(intruder, "CREATE FUNCTION public.gen_random_bytes(bigint) RETURNS bytea LANGUAGE sql AS 'SELECT ''\\x00''::bytea'");
        await using var service = await Open(Roles.Service, shared);
        await using var transaction = await service.BeginTransactionAsync(Ct);
        await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
        var id = (Guid)(await Scalar(service, "SELECT vault.store_credential($1, $2)", "mail", "a value"))!;
        (await Scalar(service, "SELECT vault.retrieve_credential($1)", id)).ShouldBe("a value");
        await transaction.CommitAsync(Ct);
        await using var admin = await Open("postgres", shared);
        // iv, mac and one block; an intruder's mac would be one byte.
        (await Scalar(admin, "SELECT octet_length(sealed) FROM vault.secrets")).ShouldBe(64);
    }

    private static async Task<Guid> Store(NpgsqlConnection service, string value)
    {
        await using var transaction = await service.BeginTransactionAsync(Ct);
        await Scalar(service, "SELECT set_config('lockstep.vault_key', $1, true)", Key);
        var id = (Guid)(await Scalar(service, "SELECT vault.store_credential('mail', $1)", value))!;
        await transaction.CommitAsync(Ct);
        return id;
    }

    /// <summary>The program that keeps the server writes its log a moment later.</summary>
    private async Task<string> LogLine(Guid id)
    {
        var log = Path.Combine((await postgres.ConnectionAsync()).SocketDirectory, "..", "log", "postgres.log");
        for (var tries = 0; tries < 200; tries++)
        {
            using (var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite)))
            {
                var text = await reader.ReadToEndAsync(Ct);
                if (text.Split('\n').FirstOrDefault(line => line.Contains("vault access", StringComparison.Ordinal) && line.Contains(id.ToString(), StringComparison.Ordinal)) is { } line)
                    return line;
            }
            await Task.Delay(50, Ct);
        }
        throw new TimeoutException("The server's log has no line for the retrieve.");
    }

    private async Task<NpgsqlConnection> Open(string role, string? other = null)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, other ?? database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Ct);
        return connection;
    }

    private static async Task<string> Refusal(NpgsqlConnection connection, string sql, params object?[] values) =>
        (await Should.ThrowAsync<PostgresException>(() => Scalar(connection, sql, values))).SqlState;

    private static async Task<object?> Scalar(NpgsqlConnection connection, string sql, params object?[] values)
    {
        await using var command = Command(connection, sql, values);
        return await command.ExecuteScalarAsync(Ct);
    }

#pragma warning disable CA2100 // Written above.
    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params object?[] values)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value ?? DBNull.Value });
        return command;
    }
#pragma warning restore CA2100
}

public sealed class SqlVaultOnThisMachinesPostgresTests(PostgresServer postgres) : SqlVaultTests(postgres);

public sealed class SqlVaultOnPostgres18Tests(PostgresServer18 postgres) : SqlVaultTests(postgres);
