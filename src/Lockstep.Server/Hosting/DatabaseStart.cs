using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>A database that is reached, migrated and safe to serve from, and the embedded server under it, if it is ours.</summary>
internal sealed record StartedDatabase(Database Database, EmbeddedPostgres? Embedded, IReadOnlyList<string> Migrations) : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        if (Embedded is not null)
            await Embedded.DisposeAsync();
    }
}

/// <summary>From settings to a database that may be served from.</summary>
internal static class DatabaseStart
{
    /// <exception cref="StartRefusedException">It cannot be; the message says why and what to do.</exception>
    public static async Task<StartedDatabase> Start(Settings settings, Action<string> progress, CancellationToken ct)
    {
        try
        {
            return settings.Database is { } addresses
                ? await Open(addresses, settings, ct)
                : await OpenEmbedded(settings.DataDirectory, progress, ct);
        }
        catch (EmbeddedPostgresException e)
        {
            throw new StartRefusedException(e.Message, e);
        }
    }

    /// <summary>For a command beside a server that may be running: reaches its database, and changes neither schema nor passwords. An embedded
    /// database that does not run is started, and stopped again with the command.</summary>
    /// <exception cref="StartRefusedException">It cannot be reached.</exception>
    public static async Task<StartedDatabase> Attach(Settings settings, Action<string> progress, CancellationToken ct)
    {
        if (settings.Database is { } addresses)
        {
            using var secret = settings.Jwt.Secret is { } own ? Secret.FromBytes(own.Span) : Secret.Random(DerivedSecrets.MinJwtSecretBytes);
            using var app = DerivedSecrets.RolePassword(secret, Roles.App);
            using var service = DerivedSecrets.RolePassword(secret, Roles.Service);
            return new StartedDatabase(
                await Serve(
                    addresses.App ?? As(addresses.Migrator, Roles.App, app), addresses.Service ?? As(addresses.Migrator, Roles.Service, service), null, ct),
                null,
                []);
        }
        return EmbeddedPostgres.FindRunning(settings.DataDirectory) is { } running
            ? new StartedDatabase(
                await Serve(new(running.ConnectionString(Roles.App)), new(running.ConnectionString(Roles.Service)), null, ct), null, [])
            : await Start(settings, progress, ct);
    }

    private static async Task<StartedDatabase> OpenEmbedded(string directory, Action<string> progress, CancellationToken ct)
    {
        var server = await EmbeddedPostgres.StartAsync(new EmbeddedOptions(directory) { Progress = progress }, ct);
        try
        {
            var superuser = new NpgsqlConnectionStringBuilder(server.ConnectionString(EmbeddedConnection.Superuser));
            var migrations = await Migrate(superuser, null, ct);
            await RootKeyFunction.Install(superuser, server.RootKey, progress, ct);
            var database = await Serve(
                new(server.ConnectionString(Roles.App)), new(server.ConnectionString(Roles.Service)), null, ct);
            return new StartedDatabase(database, server, migrations);
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    private static async Task<StartedDatabase> Open(DatabaseAddresses addresses, Settings settings, CancellationToken ct)
    {
        var migrator = addresses.Direct is { } direct ? OnServerOf(direct, addresses.Migrator) : addresses.Migrator;
        var derive = addresses.App is null || addresses.Service is null;
        if (derive && settings.Jwt.Secret is null)
            throw new StartRefusedException(
                $"The passwords of the serving logins come from LOCKSTEP_JWT_SECRET, which is not set. Set it, or name both logins in {DatabaseAddresses.AppSetting} and {DatabaseAddresses.ServiceSetting}.");
        using var secret = derive ? Secret.FromBytes(settings.Jwt.Secret!.Value.Span) : Secret.Random(DerivedSecrets.MinJwtSecretBytes);
        using var app = DerivedSecrets.RolePassword(secret, Roles.App);
        using var service = DerivedSecrets.RolePassword(secret, Roles.Service);
        var verifiers = derive ? new LoginVerifiers(ScramVerifier.Create(app), ScramVerifier.Create(service)) : null;
        await KeyPeek.Require(migrator, settings.Keys, settings.KeyProviders.KeysFrom, ct);
        var migrations = await Migrate(migrator, verifiers, ct);
        return new StartedDatabase(
            await Serve(
                addresses.App ?? As(addresses.Migrator, Roles.App, app),
                addresses.Service ?? As(addresses.Migrator, Roles.Service, service),
                addresses.Direct is { } past ? As(past, Roles.Service, service) : null,
                ct),
            null,
            migrations);
    }

    private static async Task<IReadOnlyList<string>> Migrate(NpgsqlConnectionStringBuilder address, LoginVerifiers? logins, CancellationToken ct)
    {
        // A migration takes as long as the tables are large, and another node that migrates is waited for.
        var once = new NpgsqlConnectionStringBuilder(address.ConnectionString) { Pooling = false, CommandTimeout = 0 };
        await using var source = NpgsqlDataSource.Create(once);
        try
        {
            return await new Migrator(source).Migrate(logins, ct);
        }
        catch (NpgsqlException e) when (e is not PostgresException)
        {
            throw Unreachable(address, e);
        }
        catch (PostgresException e)
        {
            throw new StartRefusedException($"PostgreSQL at {Name(address)} refused: {e.MessageText} ({e.SqlState}). Check user, password and database of --database.", e);
        }
    }

    private static async Task<Database> Serve(
        NpgsqlConnectionStringBuilder app, NpgsqlConnectionStringBuilder service, NpgsqlConnectionStringBuilder? direct, CancellationToken ct)
    {
        var appSource = NpgsqlDataSource.Create(Tuned(app));
        var serviceSource = NpgsqlDataSource.Create(Tuned(service));
        var database = new Database(appSource, serviceSource, direct is null ? serviceSource : NpgsqlDataSource.Create(Tuned(direct)));
        try
        {
            await LoginCheck.Require(appSource, Roles.App, DatabaseAddresses.AppSetting, ct);
            await LoginCheck.Require(serviceSource, Roles.Service, DatabaseAddresses.ServiceSetting, ct);
            return database;
        }
        catch (NpgsqlException e)
        {
            await database.DisposeAsync();
            throw e is PostgresException refused
                ? new StartRefusedException($"PostgreSQL at {Name(app)} refused a serving login: {refused.MessageText} ({refused.SqlState}). Check {DatabaseAddresses.AppSetting}, {DatabaseAddresses.ServiceSetting} and pg_hba.conf; where both are left out, that LOCKSTEP_JWT_SECRET is the server's.", e)
                : Unreachable(app, e);
        }
        catch
        {
            await database.DisposeAsync();
            throw;
        }
    }

    /// <summary>Statements are prepared once a connection, unless the address says otherwise (a pooler in transaction mode wants 0).</summary>
    private static NpgsqlConnectionStringBuilder Tuned(NpgsqlConnectionStringBuilder address) => new(address.ConnectionString)
    {
        // ShouldSerialize tells what the address says; ContainsKey is true for every keyword that exists.
        MaxAutoPrepare = address.ShouldSerialize("Max Auto Prepare") ? address.MaxAutoPrepare : 100,
        AutoPrepareMinUsages = 2,
        // Nothing outlives a transaction: contexts are transaction-local, and no statement of ours sets, locks or listens for a session.
        NoResetOnClose = true,
        MaxPoolSize = address.ShouldSerialize("Maximum Pool Size") ? address.MaxPoolSize : 40,
    };

    private static NpgsqlConnectionStringBuilder As(NpgsqlConnectionStringBuilder address, string role, Secret password) =>
        new(address.ConnectionString) { Username = role, Password = password.RevealText() };

    private static NpgsqlConnectionStringBuilder OnServerOf(NpgsqlConnectionStringBuilder server, NpgsqlConnectionStringBuilder login) =>
        new(login.ConnectionString) { Host = server.Host, Port = server.Port };

    private static StartRefusedException Unreachable(NpgsqlConnectionStringBuilder address, NpgsqlException e) => new(
        $"Cannot reach PostgreSQL at {Name(address)}: {(e.InnerException ?? e).Message.TrimEnd('.')}. Check the address and that the server runs, or leave --database out to use the embedded one.", e)
    {
        Unreachable = true,
    };

    private static string Name(NpgsqlConnectionStringBuilder address) => $"{address.Host}:{address.Port}";
}
