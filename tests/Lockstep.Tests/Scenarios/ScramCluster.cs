using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;

namespace Lockstep.Tests.Scenarios;

/// <summary>A PostgreSQL as operators have one: over TCP, with passwords (SCRAM) for everybody.</summary>
internal sealed class ScramCluster : IAsyncDisposable
{
    private const string AdminPassword = "of the administrator";
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-scram-");
    private ServerProcess? server;
    private Func<ServerProcess>? start;

    private ScramCluster() => File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_001_001);

    public int Port { get; private set; }

    /// <summary>What the server wrote to its log.</summary>
    public string Log => server!.Output;

    public static async Task<ScramCluster> StartAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        var cluster = new ScramCluster();
        try
        {
            await cluster.RunAsync(binaries, ct);
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public string Address(string user, string password, string database) =>
        $"postgres://{user}:{Uri.EscapeDataString(password)}@127.0.0.1:{Port}/{database}";

    /// <summary>One statement as the administrator; what it answers, if it does.</summary>
    public async Task<object?> AsAdminAsync(string sql, string database = "postgres")
    {
        await using var connection = new NpgsqlConnection(
            $"Host=127.0.0.1;Port={Port};Username=admin;Password={AdminPassword};Database={database};Pooling=false");
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    /// <summary>SIGKILL to all of it, and up again on the same data.</summary>
    public async Task KillAndRestartAsync()
    {
        await server!.DisposeAsync();
        // What a killed postmaster leaves; its children are gone with it.
        File.Delete(Path.Combine(folder.FullName, "data", "postmaster.pid"));
        await UpAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
        folder.Delete(recursive: true);
    }

    private async Task RunAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        var user = ClusterUser.Choose();
        var data = Path.Combine(folder.FullName, "data");
        var password = Path.Combine(folder.FullName, "password");
        user.CreatePrivateDirectory(data);
        await File.WriteAllTextAsync(password, AdminPassword + "\n", ct);
        File.SetUnixFileMode(password, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var made = await Command.RunAsync(
            Command.PrepareClean(user.Run([binaries.InitDb, "-D", data, "-U", "admin", "-E", "UTF8", "--auth=scram-sha-256", $"--pwfile={password}", "--no-sync"])), ct);
        made.Succeeded.ShouldBeTrue(made.Output);
        Port = ServerProcess.FreePort();
        string[] arguments = ["-D", data, "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "log_statement=none"];
        // A change of user ends a death signal that was set before it.
        start = () => user.IsOther
            ? ServerProcess.Start("/usr/bin/setpriv", [.. user.SwitchArguments, "--pdeathsig=KILL", "--", binaries.Postgres, .. arguments])
            : ServerProcess.Start(binaries.Postgres, arguments);
        await UpAsync();
    }

    private async Task UpAsync()
    {
        server = start!();
        await LockstepProcess.EventuallyAsync(
            () => server.HasExited || server.Output.Contains("ready to accept connections", StringComparison.Ordinal), "PostgreSQL is ready");
        server.HasExited.ShouldBeFalse(server.Output);
    }
}
