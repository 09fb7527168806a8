using System.Net.Sockets;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>The migrator's connection to a database that may be in any state. Nothing is migrated; an embedded server that does not run is started for the look.</summary>
internal sealed class DatabaseUnderCheck(NpgsqlConnection connection, EmbeddedPostgres? started) : IAsyncDisposable
{
    private const string Area = "database";

    /// <param name="addressIsWrong">Its address could not be read, which has been said.</param>
    /// <returns>Null when it cannot be looked into; <paramref name="found"/> says why.</returns>
    public static async Task<DatabaseUnderCheck?> Open(
        Settings settings, bool addressIsWrong, Action<string> progress, List<Diagnosis> found, CancellationToken ct)
    {
        if (addressIsWrong)
            return null;
        if (settings.Database is { } addresses)
            return await Connect(Migrator(addresses), null, found, ct);
        if (EmbeddedPostgres.FindRunning(settings.DataDirectory) is { } running)
            return await Connect(new(running.ConnectionString(EmbeddedConnection.Superuser)), null, found, ct);
        if (ClusterHome.MajorVersion(settings.DataDirectory) is null)
        {
            found.Add(Diagnosis.Warning(Area, "database_none", $"There is no database in {settings.DataDirectory} yet.",
                "'./lockstep serve' makes one. If there should be one: name its directory with --data-dir, or its server with --database."));
            return null;
        }
        try
        {
            var server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(settings.DataDirectory) { Progress = progress }, ct);
            return await Connect(new(server.ConnectionString(EmbeddedConnection.Superuser)), server, found, ct);
        }
        catch (EmbeddedPostgresException e)
        {
            found.Add(Diagnosis.Fault(Area, "database_start", e.Message, "Do what the sentence says; the server's own words are in postgres/log/postgres.log of the data directory."));
            return null;
        }
    }

    /// <summary>One check. What it may not read, or what is not there to read, is a fault of its own and ends no other check.</summary>
    public async Task<IReadOnlyList<Diagnosis>> Ask(Func<NpgsqlConnection, CancellationToken, Task<IReadOnlyList<Diagnosis>>> look, CancellationToken ct)
    {
        try
        {
            await As(connection, owner: false, ct);
            return await look(connection, ct);
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return [Diagnosis.Fault(Area, "database_rights", $"The login {new NpgsqlConnectionStringBuilder(connection.ConnectionString).Username} may not look: {e.MessageText}.",
                "Give --database the login that migrates: a superuser, or one with CREATEROLE that owns the database.")];
        }
        catch (PostgresException e)
        {
            return [Diagnosis.Fault(Area, "database_form", $"The database is not in the form that this version knows: {e.MessageText} ({e.SqlState}).",
                "Mend what else is named here, run 'lockstep migrate', and look again.")];
        }
    }

    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync();
        if (started is not null)
            await started.DisposeAsync();
    }

    /// <summary>As the owner of Lockstep's tables from here on, or as the login itself again.</summary>
    public static async Task As(NpgsqlConnection connection, bool owner, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement("SELECT set_config('role', $1, false)", owner ? "lockstep_owner" : "none").ToCommand());
        await batch.ExecuteNonQueryAsync(ct);
    }

    private static NpgsqlConnectionStringBuilder Migrator(DatabaseAddresses addresses) => addresses.Direct is { } direct
        ? new(addresses.Migrator.ConnectionString) { Host = direct.Host, Port = direct.Port }
        : addresses.Migrator;

    private static async Task<DatabaseUnderCheck?> Connect(NpgsqlConnectionStringBuilder address, EmbeddedPostgres? started, List<Diagnosis> found, CancellationToken ct)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Pooling = false }.ConnectionString);
        try
        {
            await connection.OpenAsync(ct);
            var old = connection.PostgreSqlVersion.Major < 15;
            found.Add(old
                ? Diagnosis.Fault(Area, "database_old", $"This is PostgreSQL {connection.PostgreSqlVersion}; Lockstep needs 15 or newer.", "Upgrade it, or point --database at a newer server.")
                : Diagnosis.Well(Area, "database", $"PostgreSQL {connection.PostgreSqlVersion} answers at {Name(address)}."));
            return new DatabaseUnderCheck(connection, started);
        }
        catch (NpgsqlException e)
        {
            await connection.DisposeAsync();
            if (started is not null)
                await started.DisposeAsync();
            found.Add(Explain(address, e));
            return null;
        }
    }

    private static Diagnosis Explain(NpgsqlConnectionStringBuilder address, NpgsqlException e) => e switch
    {
        PostgresException { SqlState: PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification } refused => Diagnosis.Fault(Area, "database_password",
            $"PostgreSQL at {Name(address)} refuses the login {address.Username}: {refused.MessageText}.",
            "Correct user and password in --database or LOCKSTEP_DATABASE_URL, and see that pg_hba.conf lets this machine in."),
        PostgresException { SqlState: PostgresErrorCodes.InvalidCatalogName } => Diagnosis.Fault(Area, "database_missing",
            $"PostgreSQL at {Name(address)} has no database {address.Database}.", "Make it with 'createdb', or correct its name in --database."),
        PostgresException refused => Diagnosis.Fault(Area, "database_refused",
            $"PostgreSQL at {Name(address)} refuses: {refused.MessageText} ({refused.SqlState}).", "See the server's log; then look again."),
        { InnerException: SocketException inner } => Unreachable(address, inner.Message),
        _ => Unreachable(address, (e.InnerException ?? e).Message),
    };

    private static Diagnosis Unreachable(NpgsqlConnectionStringBuilder address, string why) => Diagnosis.Fault(Area, UnreachableCode,
        $"PostgreSQL at {Name(address)} cannot be reached: {why.TrimEnd('.')}.", "Start it, correct host and port in --database, and see that a firewall lets this machine through.");

    /// <summary>The one code that has an exit code of its own.</summary>
    public const string UnreachableCode = "database_unreachable";

    private static string Name(NpgsqlConnectionStringBuilder address) => $"{address.Host}:{address.Port}";
}
