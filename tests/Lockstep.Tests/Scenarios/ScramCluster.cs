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
    private PostgresBinaries? binaries;

    private ScramCluster() => File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_001_001);

    public int Port { get; private set; }

    private string Data => Path.Combine(folder.FullName, "data");

    /// <summary>What the server wrote to its log.</summary>
    public string Log => server!.Output;

    public static async Task<ScramCluster> StartAsync(PostgresBinaries binaries, CancellationToken ct)
    {
        var cluster = new ScramCluster();
        try
        {
            await cluster.MakeAsync(binaries, ct);
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

    /// <summary>Waits until a condition, asked of the administrator, is true.</summary>
    public async Task UntilAsync(string condition)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        var began = TimeProvider.System.GetTimestamp();
        while (await AsAdminAsync(condition) is not true)
        {
            TimeProvider.System.GetElapsedTime(began).ShouldBeLessThan(LockstepProcess.Patience, condition);
            await tick.WaitForNextTickAsync();
        }
    }

    /// <summary>Another one that follows this one by streaming replication, without this one waiting for it; it answers reads alone.</summary>
    public async Task<ScramCluster> FollowAsync(CancellationToken ct)
    {
        var follower = new ScramCluster();
        try
        {
            var user = ClusterUser.Choose();
            user.CreatePrivateDirectory(follower.Data);
            var copied = await Command.RunAsync(
                Command.PrepareClean(user.Run(
                [
                    Path.Combine(binaries!.Directory, "pg_basebackup"), "-D", follower.Data, "-d", $"host=127.0.0.1 port={Port} user=admin password='{AdminPassword}'",
                    "--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync",
                ])), ct);
            copied.Succeeded.ShouldBeTrue(copied.Output);
            await follower.RunAsync(binaries, user);
            return follower;
        }
        catch
        {
            await follower.DisposeAsync();
            throw;
        }
    }

    /// <summary>A follower hears nothing more of the one that it follows, as when the line is cut.</summary>
    public async Task LoseTouchAsync()
    {
        await AsAdminAsync("ALTER SYSTEM SET primary_conninfo = ''");
        await AsAdminAsync("SELECT pg_reload_conf()");
        await UntilAsync("SELECT NOT EXISTS (SELECT 1 FROM pg_stat_wal_receiver)");
    }

    /// <summary>A follower takes over.</summary>
    public async Task PromoteAsync() => (await AsAdminAsync("SELECT pg_promote()")).ShouldBe(true);

    /// <summary>SIGKILL to all of it.</summary>
    public async Task KillAsync()
    {
        await server!.DisposeAsync();
        server = null;
    }

    /// <summary>SIGKILL to all of it, and up again on the same data.</summary>
    public async Task KillAndRestartAsync()
    {
        await KillAsync();
        // What a killed postmaster leaves; its children are gone with it.
        File.Delete(Path.Combine(Data, "postmaster.pid"));
        await UpAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await KillAsync();
        if (Directory.Exists(folder.FullName))
            folder.Delete(recursive: true);
    }

    private async Task MakeAsync(PostgresBinaries found, CancellationToken ct)
    {
        var user = ClusterUser.Choose();
        var password = Path.Combine(folder.FullName, "password");
        user.CreatePrivateDirectory(Data);
        await File.WriteAllTextAsync(password, AdminPassword + "\n", ct);
        File.SetUnixFileMode(password, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var made = await Command.RunAsync(
            Command.PrepareClean(user.Run([found.InitDb, "-D", Data, "-U", "admin", "-E", "UTF8", "--auth=scram-sha-256", $"--pwfile={password}", "--no-sync"])), ct);
        made.Succeeded.ShouldBeTrue(made.Output);
        await RunAsync(found, user);
    }

    private async Task RunAsync(PostgresBinaries found, ClusterUser user)
    {
        binaries = found;
        Port = ServerProcess.FreePort();
        string[] arguments = ["-D", Data, "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "log_statement=none"];
        // A change of user ends a death signal that was set before it.
        start = () => user.IsOther
            ? ServerProcess.Start("/usr/bin/setpriv", [.. user.SwitchArguments, "--pdeathsig=KILL", "--", found.Postgres, .. arguments])
            : ServerProcess.Start(found.Postgres, arguments);
        await UpAsync();
    }

    private async Task UpAsync()
    {
        server = start!();
        await LockstepProcess.EventuallyAsync(
            () => server.HasExited || server.Output.Contains("ready to accept ", StringComparison.Ordinal), "PostgreSQL is ready");
        server.HasExited.ShouldBeFalse(server.Output);
    }
}
