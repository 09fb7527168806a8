using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>Brings a database to this program's version: roles, schemas, then each numbered file in a transaction of its own.</summary>
/// <remarks>
/// Any number of nodes may start at once: each transaction takes the same advisory lock, looks what is done already, and does the next.
/// The login is a superuser, or has CREATEROLE and may create schemas in this database.
/// </remarks>
internal sealed class Migrator(NpgsqlDataSource source)
{
    /// <summary>NULLS NOT DISTINCT and <c>security_invoker</c> need PostgreSQL 15.</summary>
    public const int OldestServer = 150000;

    private const long Lock = 0x4C6F636B73746570; // "Lockstep"

    /// <param name="logins">How the two serving logins authenticate; null leaves their passwords as they are.</param>
    /// <returns>The names of the files that were applied now.</returns>
    /// <exception cref="StartRefusedException">Too old a server, missing rights, an edited file, or a newer database than program.</exception>
    public async Task<IReadOnlyList<string>> Migrate(LoginVerifiers? logins, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await RequireServerVersion(connection, ct);
        await InTransaction(connection, () => Roles.Ensure(connection, logins, ct), ct);
        var applied = new List<string>();
        foreach (var migration in Migration.All)
            await InTransaction(connection, async () =>
            {
                if (await Apply(connection, migration, ct))
                    applied.Add(migration.Name);
            }, ct);
        await RefuseNewerDatabase(connection, ct);
        return applied;
    }

    private static async Task InTransaction(NpgsqlConnection connection, Func<Task> work, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var command = new NpgsqlCommand("SELECT pg_advisory_xact_lock($1)", connection) { Parameters = { new() { Value = Lock } } })
            await command.ExecuteNonQueryAsync(ct);
        await work();
        await transaction.CommitAsync(ct);
    }

    private static async Task<bool> Apply(NpgsqlConnection connection, Migration migration, CancellationToken ct)
    {
        if (await AppliedHash(connection, migration, ct) is { } hash)
            return hash == migration.Sha256
                ? false
                : throw new StartRefusedException(
                    $"Migration {migration.Name} was changed after this database had applied it. Restore the file as it was and put the change into a new migration.");
        try
        {
            await Run(connection, "SET LOCAL ROLE lockstep_owner", ct);
            await Run(connection, migration.Sql, ct);
            await Run(connection, "RESET ROLE", ct);
        }
        catch (PostgresException e)
        {
            throw new StartRefusedException(
                $"Migration {migration.Name} failed and left nothing behind: {e.SqlState} {e.MessageText}. {e.Hint}", e);
        }
        await using var record = new NpgsqlCommand(
            "INSERT INTO lockstep.schema_migrations (version, name, sha256) VALUES ($1, $2, $3)", connection)
        {
            Parameters = { new() { Value = migration.Number }, new() { Value = migration.Name }, new() { Value = migration.Sha256 } },
        };
        await Run(connection, "SET LOCAL ROLE lockstep_owner", ct);
        await record.ExecuteNonQueryAsync(ct);
        await Run(connection, "RESET ROLE", ct);
        return true;
    }

    private static async Task<string?> AppliedHash(NpgsqlConnection connection, Migration migration, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT sha256 FROM lockstep.schema_migrations WHERE version = $1", connection)
        {
            Parameters = { new() { Value = migration.Number } },
        };
        await Run(connection, "SET LOCAL ROLE lockstep_owner", ct);
        var hash = (string?)await command.ExecuteScalarAsync(ct);
        await Run(connection, "RESET ROLE", ct);
        return hash;
    }

    private static async Task RefuseNewerDatabase(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await Run(connection, "SET LOCAL ROLE lockstep_owner", ct);
        await using var command = new NpgsqlCommand("SELECT max(version) FROM lockstep.schema_migrations", connection);
        if (await command.ExecuteScalarAsync(ct) is int newest && newest > Migration.All[^1].Number)
            throw new StartRefusedException(
                $"This database was migrated to version {newest} by a newer Lockstep; this one knows {Migration.All[^1].Number}. Start the newer program.");
    }

    private static async Task RequireServerVersion(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand("SELECT current_setting('server_version_num')::int, current_setting('server_version')", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        await reader.ReadAsync(ct);
        if (reader.GetInt32(0) < OldestServer)
            throw new StartRefusedException(
                $"This is PostgreSQL {reader.GetString(1)}; Lockstep needs 15 or newer. Point --database at a newer server, or leave it out to use the embedded one.");
    }

    private static async Task Run(NpgsqlConnection connection, string sql, CancellationToken ct)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(ct);
    }
}
