using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>The net under the signals: once a second one statement looks at the scopes of everybody who listens here, and wakes those for whom
/// a head, a membership or an epoch is another than before. So who is removed is cut off, and a lost NOTIFY loses nothing.</summary>
internal sealed partial class HeadWatch(Database database, ScopeSignals signals, TimeProvider time, ILogger<HeadWatch> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(stoppingToken);
                await Look(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                NotSeen(log, e.GetType().Name);
            }
        }
    }

    private async Task Look(CancellationToken ct)
    {
        var listening = signals.Subscriptions;
        if (listening.Count == 0)
            return;
        var marks = (await database.For(Caller.Service).Query(
            new Statement("SELECT m.user_id, m.mark FROM lockstep.scope_marks($1) m", listening.Select(ear => ear.User.Value).Distinct().ToArray()),
            row => (User: row.GetGuid(0), Mark: row.GetInt64(1)), ct)).ToDictionary(mark => mark.User, mark => mark.Mark);
        foreach (var ear in listening)
        {
            var mark = marks.GetValueOrDefault(ear.User.Value);
            if (ear.Mark == mark)
                continue;
            // Also the first time: what came between its read and this look. Who was told by a signal and has read it already is not made to read it again.
            ear.Mark = mark;
            if (!ear.HasRead(mark))
                ear.Wake();
        }
    }

    [LoggerMessage(2004, LogLevel.Warning, "The heads of scopes could not be looked at ({Reason}); trying again in a second")]
    private static partial void NotSeen(ILogger logger, string reason);
}
