using Lockstep.Crypto;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>Looks at a database's newest data key as its migrator, before a start changes anything there: one with wrong settings must not
/// take the passwords of the serving logins from the nodes that run.</summary>
internal static class KeyPeek
{
    /// <summary>Passes on a database that is new, and whenever it cannot tell: the check after the migration is the one that counts.</summary>
    /// <param name="keysFrom">Where <paramref name="ring"/> came from, for the message.</param>
    /// <exception cref="StartRefusedException">The newest data key is under a master key that was not given.</exception>
    public static async Task Require(NpgsqlConnectionStringBuilder migrator, KeyRing? ring, string keysFrom, CancellationToken ct)
    {
        if (ring?.Newest is null)
            return;
        try
        {
            await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(migrator.ConnectionString) { Pooling = false }.ConnectionString);
            await connection.OpenAsync(ct);
            if (await Newest(connection, ct) is ({ } provider, { } key) && provider == LocalKeyWrapper.Provider && ring.Find(key) is null)
                throw new StartRefusedException(
                    $"Refusing to start with a wrong master key: this database was sealed with key {key}, and {keysFrom} holds {ring}. "
                    + "Give the key with the first fingerprint, beside a newer one if you have one. Nothing was read or changed.");
        }
        catch (NpgsqlException)
        {
            // Not there, not migrated, or not for this login: the migration says it better.
        }
    }

    private static async Task<(string Provider, string Key)?> Newest(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var transaction = await connection.BeginTransactionAsync(ct);
        await using (var owner = new NpgsqlCommand("SET LOCAL ROLE lockstep_owner", connection))
            await owner.ExecuteNonQueryAsync(ct);
        await using var command = new NpgsqlCommand(
            "SELECT k.provider, k.key_version FROM lockstep.data_keys k ORDER BY k.created_at DESC, k.id DESC LIMIT 1", connection);
        await using var reader = await command.ExecuteReaderAsync(ct);
        return await reader.ReadAsync(ct) ? (reader.GetString(0), reader.GetString(1)) : null;
    }
}
