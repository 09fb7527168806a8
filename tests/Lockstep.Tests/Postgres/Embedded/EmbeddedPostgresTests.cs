using Lockstep.Server.Postgres.Embedded;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Postgres.Embedded;

public sealed class EmbeddedPostgresTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("lockstep-embedded-").FullName;
    private static readonly CancellationToken None = CancellationToken.None;

    public EmbeddedPostgresTests() => File.SetUnixFileMode(_data, (UnixFileMode)Convert.ToInt32("711", 8));

    public void Dispose() => Directory.Delete(_data, recursive: true);

    private EmbeddedOptions Options => new(_data) { Durable = false };

    private static async Task<object?> Ask(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteScalarAsync();
    }

    [Fact]
    public async Task What_was_committed_is_there_after_a_stop_and_a_start()
    {
        await using (var first = await EmbeddedPostgres.StartAsync(Options, None))
        {
            await Ask(first.ConnectionString("postgres"), "CREATE TABLE t AS SELECT 42 AS answer");
            await first.StopAsync();
            (await first.Exited).ShouldBe(0);
        }

        await using var second = await EmbeddedPostgres.StartAsync(Options, None);
        (await Ask(second.ConnectionString("postgres"), "SELECT answer FROM t")).ShouldBe(42);
    }

    [Fact]
    public async Task The_server_listens_on_its_socket_alone_and_logs_no_statements()
    {
        await using var server = await EmbeddedPostgres.StartAsync(Options, None);
        var superuser = server.ConnectionString("postgres");

        (await Ask(superuser, "SHOW listen_addresses")).ShouldBe("");
        (await Ask(superuser, "SHOW log_min_error_statement")).ShouldBe("panic");
        (await Ask(superuser, "SHOW log_parameter_max_length_on_error")).ShouldBe("0");
        (await Ask(superuser, "SHOW server_encoding")).ShouldBe("UTF8");
        (await Ask(superuser, "SELECT count(*) FROM pg_hba_file_rules")).ShouldBe(1L);

        await Should.ThrowAsync<PostgresException>(() => Ask(superuser, "SELECT 'marker-secret'::int"));
        await server.StopAsync();
        (await File.ReadAllTextAsync(server.LogPath)).ShouldNotContain("SELECT 'marker-secret'");
        File.GetUnixFileMode(Path.Combine(server.Folder, "data")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task A_role_that_is_not_of_the_program_is_turned_away()
    {
        await using var server = await EmbeddedPostgres.StartAsync(Options, None);
        await Ask(server.ConnectionString("postgres"), "CREATE ROLE somebody LOGIN");

        var refused = await Should.ThrowAsync<PostgresException>(() => Ask(server.ConnectionString("somebody"), "SELECT 1"));

        refused.SqlState.ShouldBe("28000");
    }

    [Fact]
    public async Task A_second_program_on_the_same_directory_is_told_who_holds_it_and_may_join()
    {
        EmbeddedPostgres.FindRunning(_data).ShouldBeNull();
        await using var server = await EmbeddedPostgres.StartAsync(Options, None);

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => EmbeddedPostgres.StartAsync(Options, None));
        refused.Message.ShouldContain($"in use by another Lockstep (process {Environment.ProcessId})");

        var running = EmbeddedPostgres.FindRunning(_data).ShouldNotBeNull();
        (await Ask(running.ConnectionString("postgres"), "SELECT 1")).ShouldBe(1);
    }

    [Fact]
    public async Task A_directory_too_deep_for_a_socket_gets_one_elsewhere_that_goes_away_again()
    {
        var deep = Path.Combine(_data, new string('d', 100));
        Directory.CreateDirectory(deep);
        await using var server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(deep) { Durable = false }, None);
        (await Ask(server.ConnectionString("postgres"), "SELECT 1")).ShouldBe(1);
        server.SocketDirectory.Length.ShouldBeLessThan(90);

        await server.StopAsync();

        Directory.Exists(server.SocketDirectory).ShouldBeFalse();
    }

    [Fact]
    public async Task A_number_in_postmaster_pid_that_another_process_has_now_does_not_stop_the_start()
    {
        string folder;
        await using (var first = await EmbeddedPostgres.StartAsync(Options, None))
            folder = first.Folder;
        await File.WriteAllTextAsync(Path.Combine(folder, "data", "postmaster.pid"), $"{Environment.ProcessId}\n/elsewhere\n");

        await using var second = await EmbeddedPostgres.StartAsync(Options, None);

        (await Ask(second.ConnectionString("postgres"), "SELECT 1")).ShouldBe(1);
    }

    [Fact]
    public async Task A_folder_that_nobody_else_may_enter_is_opened_no_further_than_itself()
    {
        var home = Path.Combine(_data, "home");
        var data = Path.Combine(home, "clone", ".lockstep");
        Directory.CreateDirectory(data);
        File.SetUnixFileMode(home, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        await using var server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(data) { Durable = false }, None);

        (await Ask(server.ConnectionString("postgres"), "SELECT 1")).ShouldBe(1);
        File.GetUnixFileMode(home).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await server.StopAsync();
        if (server.Folder.StartsWith("/var/lib/lockstep/", StringComparison.Ordinal)) Directory.Delete(server.Folder, recursive: true);
    }
}
