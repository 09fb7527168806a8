using System.Diagnostics;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Postgres.Embedded;

public sealed class KilledProgramTests : IDisposable
{
    private static readonly CancellationToken None = CancellationToken.None;
    private readonly string _data = Directory.CreateTempSubdirectory("lockstep-killed-").FullName;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task Killing_the_program_stops_the_server_and_loses_nothing_committed()
    {
        using var program = await HoldAsync();
        var connection = EmbeddedPostgres.FindRunning(_data).ShouldNotBeNull();
        await RunAsync(connection, "CREATE TABLE kept AS SELECT 1");
        var server = ServerPid();

        program.Kill();
        await program.WaitForExitAsync();

        await EventuallyAsync(() => !Directory.Exists($"/proc/{server}"), "the server is gone");
        await using var next = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data), None);
        await RunAsync(next.Connection, "SELECT FROM kept");
    }

    [Fact]
    public async Task A_start_right_after_the_kill_waits_for_the_old_server()
    {
        using (var program = await HoldAsync())
        {
            await RunAsync(EmbeddedPostgres.FindRunning(_data).ShouldNotBeNull(), "CREATE TABLE kept AS SELECT 1");
            program.Kill();
        }

        await using var next = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data), None);

        await RunAsync(next.Connection, "SELECT FROM kept");
    }

    [Fact]
    public async Task A_server_that_was_killed_itself_is_recovered_by_the_next_start()
    {
        await using (var first = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data), None))
        {
            await RunAsync(first.Connection, "CREATE TABLE kept AS SELECT 1");
            Process.GetProcessById(ServerPid()).Kill();
            (await first.Exited.WaitAsync(TimeSpan.FromSeconds(20))).ShouldNotBe(0);
        }

        await using var next = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(_data), None);

        await RunAsync(next.Connection, "SELECT FROM kept");
    }

    private int ServerPid() => int.Parse(File.ReadLines(Path.Combine(_data, "postgres", "data", "postmaster.pid")).First(), null);

    private async Task<Process> HoldAsync()
    {
        var program = Process.Start(new ProcessStartInfo(Environment.ProcessPath!, ProgramArguments().Concat(["hold-postgres", _data]))
        {
            RedirectStandardOutput = true,
        })!;
        (await program.StandardOutput.ReadLineAsync()).ShouldBe("ready");
        return program;
    }

    /// <summary>Started through <c>dotnet</c>, the program is the host's first argument.</summary>
    private static IEnumerable<string> ProgramArguments() =>
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(KilledProgramTests).Assembly.Location] : [];

    private static async Task RunAsync(EmbeddedConnection server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
        await connection.OpenAsync();
#pragma warning disable CA2100
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }

    private static async Task EventuallyAsync(Func<bool> condition, string what)
    {
        for (var waited = Stopwatch.StartNew(); !condition(); await Task.Delay(20))
            waited.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(20), what);
    }
}
