using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>The statements of one explicit transaction; see <see cref="TenantSession.Transact"/>.</summary>
internal sealed class TenantTransaction(NpgsqlConnection connection, Caller caller)
{
    private readonly List<Action> afterCommit = [];
    private bool contextSet;

    public Caller Caller => caller;

    /// <summary>Whether <see cref="Commit"/> has ended the transaction already.</summary>
    public bool Committed { get; private set; }

    /// <summary>Done once the transaction has committed, not when it rolls back. Must not throw.</summary>
    public void AfterCommit(Action action) => afterCommit.Add(action);

    public void RunAfterCommit() => afterCommit.ForEach(action => action());

    public async Task<List<T>> Query<T>(Statement statement, Func<NpgsqlDataReader, T> row, CancellationToken ct)
    {
        await using var batch = Begin(out var skipContext);
        batch.BatchCommands.Add(statement.ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (skipContext)
            await reader.NextResultAsync(ct);
        return await reader.ReadAll(row, ct);
    }

    public async Task<T?> First<T>(Statement statement, Func<NpgsqlDataReader, T> row, CancellationToken ct)
        where T : class => (await Query(statement, row, ct)).FirstOrDefault();

    /// <summary>Runs the statements in one round trip.</summary>
    /// <returns>How many rows they changed in all.</returns>
    public async Task<int> Execute(CancellationToken ct, params IEnumerable<Statement> statements)
    {
        await using var batch = Begin(out _);
        var commands = statements.Select(statement => statement.ToCommand()).ToList();
        commands.ForEach(batch.BatchCommands.Add);
        if (commands.Count == 0)
            return 0;
        await batch.ExecuteNonQueryAsync(ct);
        return commands.Sum(command => (int)command.RecordsAffected);
    }

    /// <summary>Several reads in one round trip. Each statement has its own snapshot, so a later one sees what an earlier one waited for.</summary>
    public async Task QueryAll(CancellationToken ct, params IReadOnlyList<(Statement Statement, Action<NpgsqlDataReader> Row)> reads)
    {
        await using var batch = Begin(out var skipContext);
        foreach (var read in reads)
            batch.BatchCommands.Add(read.Statement.ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        if (skipContext)
            await reader.NextResultAsync(ct);
        foreach (var read in reads)
        {
            while (await reader.ReadAsync(ct))
                read.Row(reader);
            await reader.NextResultAsync(ct);
        }
    }

    /// <summary>Runs the last statements and the COMMIT in one round trip. Nothing may follow.</summary>
    public async Task Commit(CancellationToken ct, params IEnumerable<Statement> statements)
    {
        await using var batch = Begin(out _);
        foreach (var statement in statements)
            batch.BatchCommands.Add(statement.ToCommand());
        batch.BatchCommands.Add(new Statement("COMMIT").ToCommand());
        await batch.ExecuteNonQueryAsync(ct);
        Committed = true;
    }

    private NpgsqlBatch Begin(out bool skipContext)
    {
        var batch = new NpgsqlBatch(connection);
        skipContext = !contextSet;
        if (skipContext)
            batch.BatchCommands.Add(SessionContext.Set(caller));
        contextSet = true;
        Database.CountRoundTrip();
        return batch;
    }
}
