using Lockstep.Server;
using Lockstep.Server.Postgres;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Postgres;

public abstract class MigratorTests(PostgresServer postgres)
{
    [Fact]
    public async Task Several_nodes_starting_at_once_migrate_once()
    {
        var database = await postgres.CreateDatabaseAsync();
        await using var source = Source("postgres", database);
        var applied = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => new Migrator(source).Migrate(null, CancellationToken.None)));
        applied.SelectMany(names => names).ShouldBe(Migration.All.Select(migration => migration.Name), ignoreOrder: true);
    }

    [Fact]
    public async Task A_login_with_createrole_that_owns_the_database_is_enough()
    {
        var database = await postgres.CreateDatabaseAsync();
        await Run("postgres", "postgres",
            """
            DO $$ BEGIN
                IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'plain_migrator') THEN
                    CREATE ROLE plain_migrator LOGIN CREATEROLE NOSUPERUSER;
                END IF;
            END $$
            """);
        await Run("postgres", "postgres", $"ALTER DATABASE {database} OWNER TO plain_migrator");
        // Roles made by somebody else are there already: 16 and newer ask for the right to grant them.
        await Run("postgres", "postgres",
            """
            DO $$ DECLARE r text; BEGIN
                FOREACH r IN ARRAY ARRAY['lockstep_owner', 'lockstep_app', 'lockstep_service', 'authenticated', 'service_role'] LOOP
                    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = r) THEN
                        EXECUTE format('GRANT %I TO plain_migrator WITH ADMIN OPTION', r);
                    END IF;
                END LOOP;
            END $$
            """);
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres", database))
        {
            Options = "-c role=plain_migrator",
            Pooling = false,
        });
        (await new Migrator(source).Migrate(null, CancellationToken.None)).Count.ShouldBe(Migration.All.Count);
        await Run("postgres", "postgres", "REVOKE lockstep_owner, lockstep_app, lockstep_service, authenticated, service_role FROM plain_migrator CASCADE");
    }

    [Fact]
    public async Task An_edited_migration_stops_the_start()
    {
        var database = await MigratedDatabase.CreateAsync(postgres);
        await Run("postgres", database, "UPDATE lockstep.schema_migrations SET sha256 = 'another' WHERE version = 2");
        (await Refusal(database)).ShouldContain("0002_tenancy.sql was changed after");
    }

    [Fact]
    public async Task A_database_of_a_newer_program_is_refused()
    {
        var database = await MigratedDatabase.CreateAsync(postgres);
        await Run("postgres", database, "INSERT INTO lockstep.schema_migrations (version, name, sha256) VALUES (9999, 'later', 'x')");
        (await Refusal(database)).ShouldContain("newer Lockstep");
    }

    [Fact]
    public async Task Serving_as_a_superuser_is_refused()
    {
        var database = await MigratedDatabase.CreateAsync(postgres);
        await using var source = Source("postgres", database);
        var refused = await Should.ThrowAsync<StartRefusedException>(() => LoginCheck.Require(source, Roles.App, "LOCKSTEP_APP_DATABASE_URL", CancellationToken.None));
        refused.Message.ShouldContain("is a superuser");
    }

    [Fact]
    public async Task Serving_with_bypassrls_is_refused()
    {
        var database = await MigratedDatabase.CreateAsync(postgres);
        await Run("postgres", "postgres", "DROP ROLE IF EXISTS bypasser");
        await Run("postgres", "postgres", "CREATE ROLE bypasser LOGIN BYPASSRLS IN ROLE lockstep_app");
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString("postgres", database))
        {
            Options = "-c role=bypasser",
            Pooling = false,
        });
        var refused = await Should.ThrowAsync<StartRefusedException>(() => LoginCheck.Require(source, Roles.App, "LOCKSTEP_APP_DATABASE_URL", CancellationToken.None));
        refused.Message.ShouldMatch("superuser|BYPASSRLS");
        await Run("postgres", "postgres", "DROP ROLE bypasser");
    }

    private async Task<string> Refusal(string database)
    {
        await using var source = Source("postgres", database);
        return (await Should.ThrowAsync<StartRefusedException>(() => new Migrator(source).Migrate(null, CancellationToken.None))).Message;
    }

    private NpgsqlDataSource Source(string role, string database) =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, database)) { Pooling = false });

    private async Task Run(string role, string database, string sql)
    {
        await using var source = Source(role, database);
#pragma warning disable CA2100 // Written above.
        await using var command = source.CreateCommand(sql);
#pragma warning restore CA2100
        await command.ExecuteNonQueryAsync();
    }
}

public sealed class MigratorOnThisMachinesPostgresTests(PostgresServer postgres) : MigratorTests(postgres);

public sealed class MigratorOnPostgres18Tests(PostgresServer18 postgres) : MigratorTests(postgres);
