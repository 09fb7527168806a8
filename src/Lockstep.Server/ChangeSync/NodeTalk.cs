using System.Globalization;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Lockstep.Server.ChangeSync;

/// <summary>Tells the other nodes which scopes have changed here, and hears it from them.</summary>
/// <remarks>
/// NOTIFY in the transaction of a push would take a lock of the whole database at its commit (PostgreSQL manual, NOTIFY); so it comes after, and one
/// for all commits of <see cref="Gather"/>. It is a hint: whoever misses it finds out by <see cref="HeadWatch"/>. LISTEN needs a session, so this
/// one connection goes past a pooler.
/// </remarks>
internal sealed partial class NodeTalk(Database database, ScopeSignals signals, ScopeTokens tokens, TimeProvider time, ILogger<NodeTalk> log) : BackgroundService
{
    public const string Channel = "lockstep_scopes";

    /// <summary>A payload ends at 8000 bytes; a token takes 17.</summary>
    private const int TokensAPayload = 400;

    private static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(15);
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan AfterFailure = TimeSpan.FromSeconds(1);

    private readonly string node = Guid.CreateVersion7().ToString("N")[^12..];

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(Speak(stoppingToken), Listen(stoppingToken));

    private async Task Speak(CancellationToken ct)
    {
        while (await signals.Told.WaitAsync(Timeout.Infinite, ct).ContinueWith(wait => wait.IsCompletedSuccessfully, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default))
        {
            try
            {
                await Task.Delay(Gather, time, ct);
                foreach (var some in signals.TakeDirty().Chunk(TokensAPayload))
                    await database.For(Tenancy.Caller.Service).Execute(new Statement(
                        "SELECT pg_notify($1, $2)", Channel, $"{node} {string.Join(' ', some.Select(scope => tokens.Of(scope).ToString("x16", CultureInfo.InvariantCulture)))}"), ct);
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                NotTold(log, e.GetType().Name);
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task Listen(CancellationToken ct)
    {
        while (!ct.IsCancellationRequested)
        {
            try
            {
                await using var connection = await database.Direct.OpenConnectionAsync(ct);
                connection.Notification += (_, told) => Hear(told.Payload);
                await using (var listen = new NpgsqlCommand("LISTEN lockstep_scopes", connection))
                    await listen.ExecuteNonQueryAsync(ct);
                signals.WakeAll(); // What was said while nobody listened.
                while (true)
                {
                    if (await connection.WaitAsync(Quiet, ct))
                        continue;
                    await using var ask = new NpgsqlCommand("SELECT 1", connection); // A connection that died in silence says so here.
                    await ask.ExecuteNonQueryAsync(ct);
                }
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException or InvalidOperationException)
            {
                NotHeard(log, e.GetType().Name);
            }
            await Task.Delay(AfterFailure, time, ct).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }
    }

    private void Hear(string payload)
    {
        var words = payload.Split(' ');
        if (words[0] == node)
            return;
        var heard = new HashSet<ulong>();
        foreach (var word in words.Skip(1))
            if (ulong.TryParse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var token))
                heard.Add(token);
        signals.Hear(heard);
    }

    [LoggerMessage(2002, LogLevel.Warning, "The other nodes could not be told of changes ({Reason}); they find out within a second")]
    private static partial void NotTold(ILogger logger, string reason);

    [LoggerMessage(2003, LogLevel.Warning, "What other nodes tell is not heard ({Reason}); trying again. Their changes are found within a second")]
    private static partial void NotHeard(ILogger logger, string reason);
}
