using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Shouldly;

namespace Lockstep.Tests.Scenarios;

/// <summary>A real PgBouncer in transaction mode in front of one database of a server on 127.0.0.1.</summary>
internal sealed class PgBouncer : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("lockstep-bouncer-");
    private ServerProcess? process;

    private PgBouncer() => File.SetUnixFileMode(folder.FullName, (UnixFileMode)0b111_101_101);

    public int Port { get; private set; }

    /// <param name="logins">Names and passwords: what clients show, and what it shows to the server.</param>
    public static async Task<PgBouncer> StartAsync(int server, string database, IReadOnlyDictionary<string, string> logins)
    {
        var bouncer = new PgBouncer { Port = ServerProcess.FreePort() };
        try
        {
            var users = Path.Combine(bouncer.folder.FullName, "users");
            var settings = Path.Combine(bouncer.folder.FullName, "pgbouncer.ini");
            await File.WriteAllLinesAsync(users, logins.Select(login => $"\"{login.Key}\" \"{login.Value}\""));
            await File.WriteAllTextAsync(settings,
                $"""
                [databases]
                {database} = host=127.0.0.1 port={server} dbname={database}
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = {bouncer.Port}
                unix_socket_dir =
                auth_type = scram-sha-256
                auth_file = {users}
                pool_mode = transaction
                default_pool_size = 10
                max_client_conn = 500

                """);
            // It does not run as root either.
            var user = ClusterUser.Choose();
            bouncer.process = user.IsOther
                ? ServerProcess.Start("/usr/bin/setpriv", [.. user.SwitchArguments, "--pdeathsig=KILL", "--", "pgbouncer", settings])
                : ServerProcess.Start("/usr/bin/env", "pgbouncer", settings);
            await LockstepProcess.EventuallyAsync(
                () => bouncer.process.HasExited || bouncer.process.Output.Contains("process up", StringComparison.Ordinal), "PgBouncer is up");
            bouncer.process.HasExited.ShouldBeFalse(bouncer.process.Output);
            return bouncer;
        }
        catch
        {
            await bouncer.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
            await process.DisposeAsync();
        folder.Delete(recursive: true);
    }
}
