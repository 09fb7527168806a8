using Npgsql;

namespace Lockstep.Server.Postgres.Embedded;

/// <summary>A private PostgreSQL that lives as long as this program: made on first use, reached over a unix socket by this operating
/// system user alone, without TCP and without a password.</summary>
internal sealed class EmbeddedPostgres : IAsyncDisposable
{
    private const int SocketPort = 5432;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan OrphanPatience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan OrphanPause = TimeSpan.FromMilliseconds(100);
    private readonly ClusterHome _home;
    private readonly Postmaster _postmaster;
    private readonly DataDirectoryLock _lock;

    private EmbeddedPostgres(ClusterHome home, Postmaster postmaster, DataDirectoryLock @lock, EmbeddedConnection connection)
    {
        _home = home;
        _postmaster = postmaster;
        _lock = @lock;
        Connection = connection;
    }

    public EmbeddedConnection Connection { get; }

    public string SocketDirectory => Connection.SocketDirectory;

    public int Port => Connection.Port;

    public int MajorVersion => Connection.MajorVersion;

    /// <summary>Where the database's files really are: the data directory's folder <c>postgres</c>, or where that links to.</summary>
    public string Folder => _home.Folder;

    /// <summary>Where the root key of the SQL vault is kept: beside the cluster, not in it.</summary>
    public RootKeyFile RootKey => new(Path.Combine(_home.Folder, RootKeyFile.Name), _home.User);

    /// <summary>Completes with the server's exit code when it ended, by <see cref="StopAsync"/> or by itself.</summary>
    public Task<int> Exited => _postmaster.Exited;

    /// <summary>Says why, when <see cref="Exited"/> comes unasked.</summary>
    public string LogPath => Path.Combine(_home.Log, "postgres.log");

    /// <inheritdoc cref="EmbeddedConnection.ConnectionString"/>
    public string ConnectionString(string role, string database = EmbeddedConnection.Database) => Connection.ConnectionString(role, database);

    /// <summary>Starts the data directory's cluster, making what is missing, and returns when it takes connections to the database
    /// <c>lockstep</c>.</summary>
    /// <exception cref="EmbeddedPostgresException">It cannot; the message says why and what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedOptions options, CancellationToken ct)
    {
        var dataDirectory = Path.GetFullPath(options.DataDirectory);
        try
        {
            Directory.CreateDirectory(dataDirectory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            var held = await DataDirectoryLock.TakeAsync(dataDirectory, ct);
            try
            {
                return await StartLockedAsync(dataDirectory, options, held, ct);
            }
            catch
            {
                held.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StartFailure.Explain(dataDirectory, e);
        }
    }

    /// <summary>The server that another program keeps on this data directory, for a command that runs beside it; null when none is ready.</summary>
    public static EmbeddedConnection? FindRunning(string dataDirectory)
    {
        var path = Path.GetFullPath(dataDirectory);
        if (ClusterHome.MajorVersion(path) is not { } major || !DataDirectoryLock.IsHeld(path)) return null;
        var file = Path.Combine(ClusterHome.Locate(path), "data", "postmaster.pid");
        if (!File.Exists(file)) return null;
        // Lines: pid, data directory, start time, port, socket directory, listen address, shared memory, status
        var lines = File.ReadAllLines(file);
        return lines.Length >= 8 && lines[7].Trim() == "ready" ? new EmbeddedConnection(lines[4], SocketPort, major) : null;
    }

    /// <summary>Fast shutdown: open transactions are rolled back, everything committed is on disk. May be called twice.</summary>
    public async Task StopAsync()
    {
        await _postmaster.StopAsync();
        _home.RemoveSocketDirectory();
        _lock.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static async Task<EmbeddedPostgres> StartLockedAsync(
        string dataDirectory, EmbeddedOptions options, DataDirectoryLock held, CancellationToken ct)
    {
        var binaries = options.Binaries
            ?? await PostgresBinaries.FindAsync(ClusterHome.MajorVersion(dataDirectory), options.Progress, ct);
        var home = await ClusterHome.PrepareAsync(dataDirectory, options.Progress, ct);
        if (Directory.Exists(home.Data))
        {
            await LeftoverServer.ClearAsync(home.Data, options.Progress, ct);
        }
        else
        {
            options.Progress($"Making a database in {home.Folder} with PostgreSQL {binaries.MajorVersion}...");
            await Cluster.CreateAsync(home, binaries, options.Durable, ct);
        }
        home.WriteAccessRules();
        var connection = new EmbeddedConnection(home.PrepareSocketDirectory(SocketPort), SocketPort, binaries.MajorVersion);

        var postmaster = await StartServerAsync(home, binaries, connection, options, ct);
        try
        {
            await EnsureDatabaseAsync(connection, ct);
        }
        catch
        {
            await postmaster.StopAsync();
            throw;
        }
        return new EmbeddedPostgres(home, postmaster, held, connection);
    }

    private static async Task<Postmaster> StartServerAsync(
        ClusterHome home, PostgresBinaries binaries, EmbeddedConnection connection, EmbeddedOptions options, CancellationToken ct)
    {
        var commandLine = Cluster.CommandLine(home, binaries, connection.SocketDirectory, connection.Port, options).ToList();
        for (var waited = TimeSpan.Zero; ; waited += OrphanPause)
        {
            var log = new ServerLog(home.Log);
            var postmaster = Postmaster.Start(home.User, commandLine, log);
            try
            {
                if (await postmaster.Ready.WaitAsync(StartTimeout, ct)) return postmaster;
            }
            catch (Exception e) when (e is OperationCanceledException or TimeoutException)
            {
                await postmaster.StopAsync();
                if (e is OperationCanceledException) throw;
                throw StartFailure.Explain($"PostgreSQL in {home.Folder} was not ready after {StartTimeout.TotalMinutes:0} minutes", log.Last());
            }
            await postmaster.Exited;
            // The children of a killed server outlive it for a moment; they hold its shared memory.
            var orphans = log.Last().Any(line => line.Contains("pre-existing shared memory block", StringComparison.Ordinal));
            if (!orphans || waited > OrphanPatience)
                throw StartFailure.Explain($"PostgreSQL {binaries.MajorVersion} did not start in {home.Folder}", log.Last());
            await Task.Delay(OrphanPause, ct);
        }
    }

    private static async Task EnsureDatabaseAsync(EmbeddedConnection connection, CancellationToken ct)
    {
        try
        {
            await using var existing = new NpgsqlConnection(connection.ConnectionString(EmbeddedConnection.Superuser) + ";Pooling=false");
            await existing.OpenAsync(ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InvalidCatalogName)
        {
            await using var maintenance = new NpgsqlConnection(connection.ConnectionString(EmbeddedConnection.Superuser, "postgres") + ";Pooling=false");
            await maintenance.OpenAsync(ct);
            await using var create = new NpgsqlCommand("CREATE DATABASE lockstep", maintenance);
            await create.ExecuteNonQueryAsync(ct);
        }
    }
}
