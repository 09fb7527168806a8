using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.ChangeSync.Schemas;

/// <summary>Reads the declarations of tables when the node starts and every few seconds: there are few.</summary>
internal sealed partial class SchemaWatch(Database database, TableSchemas schemas, TimeProvider time, ILogger<SchemaWatch> log) : BackgroundService
{
    /// <summary>Until every node knows of a new declaration.</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private string seen = "";

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await Look(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    public async Task Look(CancellationToken ct)
    {
        var rows = await database.For(Caller.Service).Query(
            new Statement("SELECT s.app, s.table_name, s.declaration::text FROM lockstep.sync_schemas s ORDER BY s.app, s.table_name"),
            row => (App: row.GetString(0), Table: row.GetString(1), Declaration: row.GetString(2)), ct);
        var now = string.Join('\n', rows);
        if (now == seen)
            return;
        schemas.Replace(rows.ToDictionary(row => (row.App, row.Table), row => TableSchema.Of(JsonSerializer.Deserialize<SchemaDeclaration>(row.Declaration, StrictJson.Options)!)));
        seen = now;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var tick = new PeriodicTimer(Every, time);
        try
        {
            while (await tick.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await Look(stoppingToken);
                }
                catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
                {
                    NotRead(log, e.GetType().Name);
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(2007, LogLevel.Warning, "The schemas of tables could not be read ({Reason}); those known before hold, trying again in 5 seconds")]
    private static partial void NotRead(ILogger logger, string reason);
}
