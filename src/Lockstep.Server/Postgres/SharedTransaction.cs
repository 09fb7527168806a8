using System.Data;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>One transaction in which several callers work in turn, each statement after its own caller's context. Two round trips.</summary>
internal sealed class SharedTransaction : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;
    private Caller? current;

    private SharedTransaction(NpgsqlConnection connection, NpgsqlTransaction transaction) =>
        (this.connection, this.transaction) = (connection, transaction);

    public static async Task<SharedTransaction> Begin(NpgsqlDataSource source, CancellationToken ct)
    {
        var connection = await source.OpenConnectionAsync(ct);
        return new SharedTransaction(connection, await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct));
    }

    /// <summary>Reads in one round trip, in this order; each statement has its own snapshot.</summary>
    public async Task QueryAll(IReadOnlyList<(Caller Caller, Statement Statement, Action<NpgsqlDataReader> Row)> reads, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        var skips = reads.Select(read => Add(batch, read.Caller, read.Statement)).ToList();
        Database.CountRoundTrip();
        await using var reader = await batch.ExecuteReaderAsync(ct);
        for (var i = 0; i < reads.Count; i++)
        {
            if (skips[i])
                await reader.NextResultAsync(ct);
            while (await reader.ReadAsync(ct))
                reads[i].Row(reader);
            await reader.NextResultAsync(ct);
        }
    }

    /// <summary>The last statements and the COMMIT, in one round trip.</summary>
    public async Task Commit(IReadOnlyList<(Caller Caller, Statement Statement)> writes, CancellationToken ct)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var (caller, statement) in writes)
            Add(batch, caller, statement);
        batch.BatchCommands.Add(new Statement("COMMIT").ToCommand());
        Database.CountRoundTrip();
        await batch.ExecuteNonQueryAsync(ct);
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    /// <returns>Whether the context went before it, a result of its own.</returns>
    private bool Add(NpgsqlBatch batch, Caller caller, Statement statement)
    {
        var changes = caller != current;
        if (changes)
            batch.BatchCommands.Add(SessionContext.Set(caller));
        current = caller;
        batch.BatchCommands.Add(statement.ToCommand());
        return changes;
    }
}
