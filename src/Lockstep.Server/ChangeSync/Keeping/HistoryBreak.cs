using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Keeping;

/// <summary>Says that the history of the log is another one than clients know: after restoring a backup, or a failover that lost commits.</summary>
/// <remarks>Numbers are given out again then, so a cursor of before would pass changes that it has not seen. Every cursor names the epoch of its scopes.</remarks>
internal static class HistoryBreak
{
    /// <param name="connection">As the owner of the tables. Open streams end within a second; pushes wait for a moment.</param>
    /// <returns>How many scopes have a new epoch.</returns>
    public static async Task<int> Declare(NpgsqlConnection connection, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        // Seconds since 2026, and not merely the next number: that one was given out already when this word, too, is lost by the next failover.
        batch.BatchCommands.Add(new Statement(
            "UPDATE lockstep.sync_scopes SET epoch = greatest(epoch + 1, (extract(epoch FROM clock_timestamp()) - 1767225600)::integer)").ToCommand());
        return await batch.ExecuteNonQueryAsync(ct);
    }
}
