using System.Data;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Server.Hosting.Adoption;

/// <summary>Tables and views of other software as JSON rows: one read-only snapshot, cursors, a page at a time in memory. Nothing is installed there and nothing written.</summary>
/// <remarks>
/// The names come from the mapping and travel as settings of the transaction; the anonymous block, whose text never changes, quotes them. A cursor that
/// it opens lives as long as the transaction (PostgreSQL manual, 43.7.3.5).
/// </remarks>
internal sealed class SourceTables : IAsyncDisposable
{
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;

    private SourceTables(NpgsqlConnection connection, NpgsqlTransaction transaction) => (this.connection, this.transaction) = (connection, transaction);

    public static async Task<SourceTables> Open(NpgsqlDataSource source, CancellationToken ct)
    {
        var connection = await source.OpenConnectionAsync(ct);
        try
        {
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
            await using var batch = new NpgsqlBatch(connection);
            batch.BatchCommands.Add(new Statement("SET TRANSACTION READ ONLY").ToCommand());
            // The snapshot is kept while pages are stored here, which takes as long as it takes.
            batch.BatchCommands.Add(new Statement(
                "SELECT set_config('TimeZone', 'UTC', true), set_config('idle_in_transaction_session_timeout', '0', true), set_config('statement_timeout', '0', true)").ToCommand());
            await batch.ExecuteNonQueryAsync(ct);
            return new SourceTables(connection, transaction);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <exception cref="AdoptionRefusedException">There is no such table, or it may not be read.</exception>
    public Task<List<string>> Columns(string table, CancellationToken ct) => Of(table, async () =>
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(new Statement(
            """
            SELECT a.attname
            FROM   pg_catalog.pg_attribute a
            WHERE  a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
            ORDER  BY a.attnum
            """, table).ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAll(row => row.GetString(0), ct);
    });

    /// <param name="order">Columns.</param>
    /// <returns>A row is valid until the next one is asked for.</returns>
    public async IAsyncEnumerable<SourceRow> Rows(string table, string[] order, [EnumeratorCancellation] CancellationToken ct)
    {
        await Execute(table, new Statement("SELECT set_config('lockstep.source_table', $1, true), set_config('lockstep.source_columns', $2, true)", table, JsonSerializer.Serialize(order)), new Statement(
            """
            DO $$
            DECLARE
                cursor_of_rows refcursor := 'lockstep_rows';
            BEGIN
                OPEN cursor_of_rows NO SCROLL FOR EXECUTE format('SELECT to_jsonb(t)::text FROM %s t ORDER BY %s',
                    current_setting('lockstep.source_table')::regclass,
                    (SELECT string_agg(format('t.%I', c.name), ', ' ORDER BY c.n)
                     FROM   jsonb_array_elements_text(current_setting('lockstep.source_columns')::jsonb) WITH ORDINALITY c(name, n)));
            END $$
            """), ct);
        while (true)
        {
            var page = await Fetch(table, new Statement("FETCH FORWARD 200 FROM lockstep_rows"), ct);
            foreach (var text in page)
            {
                using var document = JsonDocument.Parse(text);
                yield return new SourceRow(document.RootElement);
            }
            if (page.Count == 0)
                break;
        }
        await Execute(table, new Statement("CLOSE lockstep_rows"), null, ct);
    }

    /// <summary>The rows of which a column, as text, is one of a page of keys.</summary>
    public async Task<IReadOnlyList<SourceRow>> Lookup(string table, string column, IEnumerable<string> keys, CancellationToken ct)
    {
        await Execute(table, new Statement(
            "SELECT set_config('lockstep.source_table', $1, true), set_config('lockstep.source_columns', $2, true), set_config('lockstep.source_keys', $3, true)",
            table, column, JsonSerializer.Serialize(keys)), new Statement(
            """
            DO $$
            DECLARE
                cursor_of_rows refcursor := 'lockstep_lookup';
            BEGIN
                OPEN cursor_of_rows NO SCROLL FOR EXECUTE format(
                    'SELECT to_jsonb(t)::text FROM %s t WHERE t.%I::text = ANY (ARRAY(SELECT jsonb_array_elements_text(current_setting(''lockstep.source_keys'')::jsonb)))',
                    current_setting('lockstep.source_table')::regclass, current_setting('lockstep.source_columns'));
            END $$
            """), ct);
        var found = await Fetch(table, new Statement("FETCH ALL FROM lockstep_lookup"), ct);
        await Execute(table, new Statement("CLOSE lockstep_lookup"), null, ct);
        return [.. found.Select(text => new SourceRow(JsonDocument.Parse(text).RootElement.Clone()))];
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    private Task<List<string>> Fetch(string table, Statement fetch, CancellationToken ct) => Of(table, async () =>
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(fetch.ToCommand());
        await using var reader = await batch.ExecuteReaderAsync(ct);
        return await reader.ReadAll(row => row.GetString(0), ct);
    });

    private Task<int> Execute(string table, Statement first, Statement? second, CancellationToken ct) => Of(table, async () =>
    {
        await using var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(first.ToCommand());
        if (second is { } more)
            batch.BatchCommands.Add(more.ToCommand());
        return await batch.ExecuteNonQueryAsync(ct);
    });

    private static async Task<T> Of<T>(string table, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            throw new AdoptionRefusedException(AdoptionRefusal.NotAllowed, $"The table {table} of the mapping cannot be read: {e.MessageText}. Nothing was stored. Use a login that may read it.", e);
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.InvalidName
            or PostgresErrorCodes.SyntaxError or PostgresErrorCodes.InvalidCatalogName or PostgresErrorCodes.WrongObjectType)
        {
            throw new AdoptionRefusedException(AdoptionRefusal.Mapping, $"The table {table} of the mapping cannot be read: {e.MessageText}. Nothing was stored. Write it with its schema, as in public.sync_changes.", e);
        }
    }
}
