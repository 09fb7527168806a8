using System.Text.Json;
using Lockstep.Server.Detection;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Npgsql;

namespace Lockstep.Cli;

/// <summary>Looks through every column of every table of some schemas; names rows by their keys and shows no value.</summary>
internal static class TableScan
{
    /// <summary>Hashes and ciphertext, which are meant to look random.</summary>
    private static readonly string[] Sealed =
        ["encrypted_value", "wrapped_key", "password_hash", "sealed", "masked_value", "hash", "sha256", "signature", "token_hash", "key_hash", "secret_hash"];

    /// <summary>Lockstep's own schemas, which their owner alone reads whole.</summary>
    private static readonly string[] Own = ["lockstep", "vault", "lockstep_vault", "auth"];

    /// <returns>The exit code.</returns>
    public static async Task<int> Run(MaintenanceConnection maintenance, IReadOnlyList<string> schemas, Action<string, string> tell, CancellationToken ct)
    {
        var found = 0;
        var rows = 0L;
        try
        {
            var tables = await Tables(maintenance.Connection, schemas, ct);
            foreach (var (schema, table) in tables)
            {
                await maintenance.As(owner: Own.Contains(schema), ct);
                await foreach (var (id, content) in Rows(maintenance.Connection, table, ct))
                {
                    rows++;
                    foreach (var finding in Findings(content))
                    {
                        tell($"{table} {Shown(id)}: {finding.Path}", finding.Words);
                        found++;
                    }
                }
            }
            Terminal.Note($"{(found == 0 ? "Nothing" : found)} found in {rows} rows of {tables.Count} tables.");
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            Terminal.Error($"This login may not read these tables ({e.MessageText}). Use the login that migrates, in --database.");
            return ExitCode.NotAllowed;
        }
        return found > 0 ? ExitCode.Found : ExitCode.Done;
    }

    private static IEnumerable<Finding> Findings(string content)
    {
        using var row = JsonDocument.Parse(content);
        foreach (var column in row.RootElement.EnumerateObject())
        {
            if (Sealed.Contains(column.Name))
                continue;
            foreach (var finding in SecretDetector.InJson(column.Name, column.Name, column.Value))
                yield return finding;
        }
    }

    /// <summary>A key may be a text that somebody chose.</summary>
    private static string Shown(string id) => id.Length <= 200 && !SecretDetector.InText("", "", id).Any() && !id.Any(char.IsControl) ? id : "(a row whose key is not shown)";

    private static async Task<List<(string Schema, string Table)>> Tables(NpgsqlConnection connection, IReadOnlyList<string> schemas, CancellationToken ct)
    {
        await using var batch = Batch(connection, new Statement(
            """
            SELECT n.nspname, c.oid::regclass::text
            FROM   pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE  n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            ORDER  BY 1, 2
            """, (object)schemas.ToArray()));
        await using var reader = await batch.ExecuteReaderAsync(ct);
        var tables = new List<(string, string)>();
        while (await reader.ReadAsync(ct))
            tables.Add((reader.GetString(0), reader.GetString(1)));
        return tables;
    }

    private static async IAsyncEnumerable<(string Id, string Content)> Rows(
        NpgsqlConnection connection, string table, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await using var batch = Batch(connection, new Statement("SELECT r.row_id, r.content::text FROM lockstep.rows_to_scan($1::regclass) r", table));
        await using var reader = await batch.ExecuteReaderAsync(ct);
        while (await reader.ReadAsync(ct))
            yield return (reader.GetString(0), reader.GetString(1));
    }

    private static NpgsqlBatch Batch(NpgsqlConnection connection, Statement statement)
    {
        var batch = new NpgsqlBatch(connection);
        batch.BatchCommands.Add(statement.ToCommand());
        return batch;
    }
}
