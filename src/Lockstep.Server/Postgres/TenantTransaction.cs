using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>The statements of one explicit transaction; see <see cref="TenantSession.Transact"/>.</summary>
internal sealed class TenantTransaction(NpgsqlConnection connection, Caller caller)
{
    private bool contextSet;

    public Caller Caller => caller;

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
