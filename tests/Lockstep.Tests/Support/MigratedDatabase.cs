using System.Runtime.CompilerServices;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Tests.Support;

/// <summary>A fresh database with everything migrated, copied in milliseconds from a template that each server migrates once.</summary>
public static class MigratedDatabase
{
    private static readonly ConditionalWeakTable<PostgresServer, Lazy<Task<string>>> Templates = [];

    /// <returns>Its name.</returns>
    public static async Task<string> CreateAsync(PostgresServer server)
    {
        var template = Templates.GetValue(server, made => new Lazy<Task<string>>(() => MigrateAsync(made)));
        return await server.CreateDatabaseAsync(await template.Value);
    }

    /// <summary>The two logins of serving, over a database of <see cref="CreateAsync"/>.</summary>
    internal static Database Serve(PostgresServer server, string database)
    {
        var service = NpgsqlDataSource.Create(server.ConnectionString(Roles.Service, database));
        return new Database(NpgsqlDataSource.Create(server.ConnectionString(Roles.App, database)), service, service);
    }

    private static async Task<string> MigrateAsync(PostgresServer server)
    {
        var name = await server.CreateDatabaseAsync();
        var address = new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedConnection.Superuser, name)) { Pooling = false };
        await using var source = NpgsqlDataSource.Create(address);
        await new Migrator(source).Migrate(null, CancellationToken.None);
        return name;
    }
}
