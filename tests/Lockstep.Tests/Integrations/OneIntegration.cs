using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Tests.Support;
using Npgsql;

namespace Lockstep.Tests.Integrations;

/// <summary>A database with one due integration and nobody who works on it.</summary>
internal sealed class OneIntegration : IAsyncDisposable
{
    private readonly PostgresServer postgres;
    private readonly string name;

    private OneIntegration(PostgresServer postgres, string name)
    {
        (this.postgres, this.name) = (postgres, name);
        Serving = MigratedDatabase.Serve(postgres, name);
    }

    public Database Serving { get; }

    public string Superuser => new NpgsqlConnectionStringBuilder(postgres.ConnectionString(EmbeddedConnection.Superuser, name)) { Pooling = false }.ConnectionString;

    public static async Task<OneIntegration> CreateAsync(PostgresServer postgres)
    {
        var made = new OneIntegration(postgres, await MigratedDatabase.CreateAsync(postgres));
        await made.ExecuteAsync(
            """
            INSERT INTO auth.users (id) VALUES ('00000000-0000-7000-8000-000000000001');
            INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config)
            VALUES ('00000000-0000-7000-8000-000000000002', '00000000-0000-7000-8000-000000000001', 'caldav', 'One', 'one',
                    '{"url": "https://cal.example.com", "username": "one", "calendarPath": "", "selectedCalendarIds": []}')
            """);
        return made;
    }

    public async Task ExecuteAsync(string sql) => await CommandAsync(sql, command => command.ExecuteNonQueryAsync());

    public async Task<long> ScalarAsync(string sql) => (long)(await CommandAsync(sql, command => command.ExecuteScalarAsync()))!;

    public async ValueTask DisposeAsync()
    {
        await Serving.DisposeAsync();
        await postgres.DropDatabaseAsync(name);
    }

    private async Task<T> CommandAsync<T>(string sql, Func<NpgsqlCommand, Task<T>> run)
    {
        await using var connection = new NpgsqlConnection(Superuser);
        await connection.OpenAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return await run(command);
    }
}
