using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>A connection of the migrator's, for commands that look after the whole database, also beside a program that is serving it.</summary>
internal sealed class MaintenanceConnection(NpgsqlConnection connection, NpgsqlConnectionStringBuilder address, StartedDatabase? started) : IAsyncDisposable
{
    public NpgsqlConnection Connection => connection;

    /// <summary>More connections of the same login; whoever asks for them disposes them.</summary>
    public NpgsqlDataSource MakeSource() => NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Pooling = true, MaxPoolSize = 4, CommandTimeout = 0 });

    /// <exception cref="StartRefusedException">There is no database, or it does not let us in.</exception>
    public static async Task<MaintenanceConnection> Open(Settings settings, Action<string> progress, CancellationToken ct)
    {
        if (settings.Database is { } addresses)
            return await Over(addresses.Direct is { } direct
                ? new(addresses.Migrator.ConnectionString) { Host = direct.Host, Port = direct.Port }
                : addresses.Migrator, null, ct);
        if (EmbeddedPostgres.FindRunning(settings.DataDirectory) is { } running)
            return await Over(new(running.ConnectionString(EmbeddedConnection.Superuser)), null, ct);
        if (ClusterHome.MajorVersion(settings.DataDirectory) is null)
            throw new StartRefusedException($"There is no database in {settings.DataDirectory}. Name its directory with --data-dir, or a server with --database.");
        var started = await DatabaseStart.Start(settings, progress, ct);
        try
        {
            return await Over(new(started.Embedded!.ConnectionString(EmbeddedConnection.Superuser)), started, ct);
        }
        catch
        {
            await started.DisposeAsync();
            throw;
        }
    }

    /// <summary>Works as the owner of Lockstep's tables from here on, or as the login itself again.</summary>
    public async Task As(bool owner, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT set_config('role', $1, false)", owner ? "lockstep_owner" : "none").ToCommand());
        await batch.ExecuteNonQueryAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        if (started is not null)
            await started.DisposeAsync();
    }

    private static async Task<MaintenanceConnection> Over(NpgsqlConnectionStringBuilder address, StartedDatabase? started, CancellationToken ct) =>
        new(await Connect(address, ct), address, started);

    private static async Task<NpgsqlConnection> Connect(NpgsqlConnectionStringBuilder address, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            return connection;
        }
        catch (NpgsqlException e)
        {
            await connection.DisposeAsync();
            throw new StartRefusedException($"Cannot reach PostgreSQL at {address.Host}:{address.Port}: {(e.InnerException ?? e).Message.TrimEnd('.')}. Check the address, user and password of --database.", e);
        }
    }
}
