using System.Data;
using System.Runtime.CompilerServices;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>The only way to tenant data: every statement runs after the caller's context, in the same round trip.</summary>
/// <remarks>
/// <code>
/// (1) SELECT set_config(...)  \  one batch, one Sync: PostgreSQL runs it as one implicit transaction
/// (2) the statement           /  (PostgreSQL manual, 55.2.3 and 55.2.4), so the settings die with it
/// (3) every row is read and the batch has committed before a caller sees an answer
/// </code>
/// </remarks>
internal sealed class TenantSession(NpgsqlDataSource source, Caller caller)
{
    public Caller Caller => caller;

    /// <summary>Runs one statement in one round trip; the rows are handed out after the commit.</summary>
    public async Task<List<T>> Query<T>(Statement statement, Func<NpgsqlDataReader, T> row, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(SessionContext.Set(caller));
        batch.BatchCommands.Add(statement.ToCommand());
        Database.CountRoundTrip();
        await using var reader = await batch.ExecuteReaderAsync(ct);
        await reader.NextResultAsync(ct);
        var rows = await reader.ReadAll(row, ct);
        await reader.NextResultAsync(ct);
        return rows;
    }

    /// <summary>The first row, or null.</summary>
    public async Task<T?> First<T>(Statement statement, Func<NpgsqlDataReader, T> row, CancellationToken ct)
        where T : class => (await Query(statement, row, ct)).FirstOrDefault();

    /// <returns>How many rows the statement changed.</returns>
    public async Task<int> Execute(Statement statement, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(SessionContext.Set(caller));
        var command = statement.ToCommand();
        batch.BatchCommands.Add(command);
        Database.CountRoundTrip();
        await batch.ExecuteNonQueryAsync(ct);
        return (int)command.RecordsAffected;
    }

    /// <summary>Several statements, one transaction. Commits when <paramref name="work"/> returns, rolls back when it throws.</summary>
    /// <remarks>BEGIN and the context travel with the first statement. No network call inside (design, decision 8).</remarks>
    public async Task<T> Transact<T>(Func<TenantTransaction, Task<T>> work, CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, ct);
        var context = new TenantTransaction(connection, caller);
        var result = await work(context);
        if (!context.Committed)
        {
            Database.CountRoundTrip();
            await transaction.CommitAsync(ct);
        }
        context.RunAfterCommit();
        return result;
    }

    /// <summary>A transaction that other callers may join.</summary>
    public Task<SharedTransaction> Share(CancellationToken ct) => SharedTransaction.Begin(source, ct);

    /// <summary>Streams a large read. The connection and its snapshot are held until the caller is done: do not pause on a slow client.</summary>
    public async IAsyncEnumerable<T> Stream<T>(
        Statement statement, Func<NpgsqlDataReader, T> row, [EnumeratorCancellation] CancellationToken ct)
    {
        await using var connection = await source.OpenConnectionAsync(ct);
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(SessionContext.Set(caller));
        batch.BatchCommands.Add(statement.ToCommand());
        Database.CountRoundTrip();
        await using var reader = await batch.ExecuteReaderAsync(CommandBehavior.Default, ct);
        await reader.NextResultAsync(ct);
        while (await reader.ReadAsync(ct))
            yield return row(reader);
    }
}
