using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.Vault.Reminders;

/// <summary>Reminds of what expires, beside every other node: the table of reminders lets each be given once.</summary>
internal sealed partial class ReminderJob(Database database, ReminderOptions options, TimeProvider time, ILogger<ReminderJob> log) : BackgroundService
{
    private const int AtOnce = 500;

    /// <returns>How many were given.</returns>
    public async Task<int> Round(CancellationToken ct)
    {
        var given = 0;
        while (true)
        {
            var more = (await database.For(Caller.Service).Query(
                new Statement("SELECT lockstep.remind_expiring($1, $2)", options.Before.ToArray(), AtOnce), row => row.GetInt32(0), ct))[0];
            given += more;
            if (more < AtOnce)
                return given;
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        using var tick = new PeriodicTimer(options.Every, time);
        try
        {
            do
            {
                try
                {
                    if (await Round(stoppingToken) is > 0 and var given)
                        Reminded(given);
                }
                catch (NpgsqlException e)
                {
                    Away(e.SqlState ?? e.GetType().Name);
                }
            }
            while (await tick.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    [LoggerMessage(1850, LogLevel.Information, "Reminded of {Count} credentials that expire")]
    private partial void Reminded(int count);

    [LoggerMessage(1851, LogLevel.Warning, "Reminders: the database does not answer ({What}); trying again in a minute")]
    private partial void Away(string what);
}
