using System.Diagnostics;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Scenarios;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Sql;

/// <summary>The embedded database's set-up: a root key in a file that the server alone reads; and marked secrets that must be nowhere else.</summary>
public sealed class RootKeyFileTests : IAsyncLifetime
{
    private const string First = "marker-sql-one-8Kd3pV6nR1wZ";
    private const string Second = "marker-sql-two-2Fy7qT9mC4xJ";
    private const string RolledBack = "marker-sql-three-5Hb0sL8gN6uA";
    private const string Refused = "marker-sql-four-7We1kM3jD9oP";

    /// <summary>In clear on purpose: whoever does not find this one would find nothing.</summary>
    private const string Plain = "described-openly-in-sql-4Gt6";

    private readonly string directory = Directory.CreateTempSubdirectory("lockstep-rootkey-").FullName;
    private EmbeddedPostgres server = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private NpgsqlConnectionStringBuilder Superuser => new(server.ConnectionString(EmbeddedConnection.Superuser)) { Pooling = false };

    public async ValueTask InitializeAsync()
    {
        server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(directory) { Durable = false }, Ct);
        await using var source = NpgsqlDataSource.Create(Superuser);
        await new Migrator(source).Migrate(null, Ct);
        await RootKeyFunction.Install(Superuser, server.RootKey, _ => { }, Ct);
    }

    public async ValueTask DisposeAsync()
    {
        await server.StopAsync();
        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task The_key_is_a_file_of_the_server_alone_outside_its_data_directory_and_no_login_reads_it()
    {
        var file = server.RootKey;
        file.Path.ShouldNotStartWith(Path.Combine(server.Folder, "data"));
        File.GetUnixFileMode(file.Path).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        if (file.User.IsOther)
            (await OutputOf("stat", "-c", "%u", file.Path)).Trim().ShouldBe($"{file.User.Uid}");
        var key = (await File.ReadAllTextAsync(file.Path, Ct)).Trim();
        Convert.FromBase64String(key).Length.ShouldBe(32);
        await using var admin = await Open(EmbeddedConnection.Superuser);
        (await Scalar(admin, "SELECT lockstep.root_key()")).ShouldBe(key + "\n");
        foreach (var role in new[] { Roles.App, Roles.Service })
        {
            await using var login = await Open(role);
            foreach (var sql in new[] { "SELECT lockstep.root_key()", $"SELECT pg_read_file('{file.Path}')", $"COPY pg_temp.x FROM '{file.Path}'", $"CREATE TEMP TABLE x (l text); COPY x FROM '{file.Path}'" })
                (await Should.ThrowAsync<PostgresException>(() => Scalar(login, sql))).SqlState.ShouldBeOneOf("42501", "42P01");
        }
    }

    [Fact]
    public async Task A_missing_key_locks_the_vault_is_never_replaced_beside_secrets_and_unlocks_when_it_is_back()
    {
        await using var service = await Open(Roles.Service);
        var id = await Scalar(service, "SELECT vault.store_credential('mail', $1)", First);
        var kept = server.RootKey.Path + ".kept";
        File.Move(server.RootKey.Path, kept);
        (await Should.ThrowAsync<PostgresException>(() => Scalar(service, "SELECT vault.retrieve_credential($1)", id!))).SqlState.ShouldBe("55000");
        var told = new List<string>();
        await RootKeyFunction.Install(Superuser, server.RootKey, told.Add, Ct);
        server.RootKey.Exists.ShouldBeFalse();
        told.ShouldHaveSingleItem().ShouldContain("LOCKED");
        File.Move(kept, server.RootKey.Path);
        (await Scalar(service, "SELECT vault.retrieve_credential($1)", id!)).ShouldBe(First);
    }

    [Fact]
    public async Task A_new_key_in_front_reseals_everything_and_the_old_one_may_go()
    {
        await using var service = await Open(Roles.Service);
        var id = await Scalar(service, "SELECT vault.store_credential('mail', $1)", First);
        server.RootKey.Prepend();
        (await Scalar(service, "SELECT vault.retrieve_credential($1)", id!)).ShouldBe(First);
        (await Scalar(service, "SELECT resealed FROM lockstep.reseal_vault_secrets(NULL, NULL, '00000000-0000-0000-0000-000000000000', 100)")).ShouldBe(1);
        server.RootKey.Prune();
        (await Scalar(service, "SELECT vault.retrieve_credential($1)", id!)).ShouldBe(First);
        (await Scalar(service, "SELECT by_key = jsonb_build_object(keys -> 0 ->> 'fingerprint', 1) FROM lockstep.sql_vault_state(NULL)")).ShouldBe(true);
    }

    [Fact]
    public async Task No_value_and_no_key_is_in_a_table_a_dead_tuple_the_log_the_wal_or_a_dump()
    {
        await using (var service = await Open(Roles.Service))
        {
            var id = await Scalar(service, "SELECT vault.store_credential('mail', $1, $2)", First, Plain);
            (await Scalar(service, "SELECT vault.retrieve_credential($1)", id!)).ShouldBe(First);
            await Scalar(service, "SELECT vault.rotate_credential($1, $2)", id!, Second);
            await using (var transaction = await service.BeginTransactionAsync(Ct))
            {
                await Scalar(service, "SELECT vault.store_credential('mail', $1)", RolledBack);
                await transaction.RollbackAsync(Ct);
            }
            await Should.ThrowAsync<PostgresException>(() => Scalar(service, "SELECT vault.rotate_credential($1, $2)", Guid.CreateVersion7(), Refused));
            // Even a literal, in a statement that fails: the embedded server logs no statements.
            await Should.ThrowAsync<PostgresException>(() => Scalar(service, $"SELECT vault.store_credential(NULL, '{Refused}')"));
        }
        await using (var admin = await Open(EmbeddedConnection.Superuser))
            await Scalar(admin, "CHECKPOINT");
        var binaries = await PostgresBinaries.FindAsync(server.MajorVersion, _ => { }, Ct);
        var dump = await OutputOf(Path.Combine(binaries.Directory, "pg_dumpall"),
            "-h", server.SocketDirectory, "-p", $"{server.Port}", "-U", EmbeddedConnection.Superuser, "-w");
        var files = Directory.EnumerateFiles(server.Folder, "*", SearchOption.AllDirectories)
            .Where(file => file != server.RootKey.Path && !Path.GetFileName(file).StartsWith(".s.", StringComparison.Ordinal)).ToList();

        var plain = new ByteSearch().Add("the description", Plain);
        plain.In("dump", dump).ShouldNotBeEmpty();
        plain.InFiles(files.Where(file => file.Contains("/base/", StringComparison.Ordinal))).ShouldNotBeEmpty();
        plain.InFiles(files.Where(file => file.Contains("/pg_wal/", StringComparison.Ordinal))).ShouldNotBeEmpty();
        var secrets = new ByteSearch().Add("the first value", First).Add("the second value", Second).Add("the rolled-back value", RolledBack)
            .Add("the refused value", Refused).Add("the root key", Convert.FromBase64String((await File.ReadAllTextAsync(server.RootKey.Path, Ct)).Trim()));
        secrets.In("dump", dump).ShouldBeEmpty();
        secrets.InFiles(files).ShouldBeEmpty();
    }

    private static async Task<string> OutputOf(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync(Ct);
        await process.WaitForExitAsync(Ct);
        process.ExitCode.ShouldBe(0);
        return output;
    }

    private async Task<NpgsqlConnection> Open(string role)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(server.ConnectionString(role)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync(Ct);
        return connection;
    }

    private static async Task<object?> Scalar(NpgsqlConnection connection, string sql, params object[] values)
    {
#pragma warning disable CA2100 // Written above.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        return await command.ExecuteScalarAsync(Ct);
    }
}
