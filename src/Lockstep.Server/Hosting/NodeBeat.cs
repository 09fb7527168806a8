using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <summary>A process that serves this database.</summary>
/// <param name="Name">Of its host, with the process id.</param>
internal sealed record Node(Guid Id, string Name, string Version, Instant StartedAt, Instant SeenAt)
{
    /// <summary>It said so within the last two minutes; else it was killed, or cannot reach the database.</summary>
    public bool IsThere(Instant now) => now - SeenAt < Duration.FromMinutes(2);
}

/// <summary>Says every half minute that this node is there, for the operator's page. Nothing is decided by it: what nodes do is arranged by leases.</summary>
internal sealed partial class NodeBeat(Database database, TimeProvider time, ILogger<NodeBeat> log) : BackgroundService
{
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(30);

    /// <summary>This process, as the page names it.</summary>
    public static string Name { get; } = $"{Environment.MachineName}, process {Environment.ProcessId}";

    private readonly Guid id = Guid.CreateVersion7();
    private readonly Instant started = Instant.FromDateTimeOffset(time.GetUtcNow());

    /// <returns>Those that are there first, then those that fell silent today.</returns>
    public static Task<List<Node>> List(Database database, CancellationToken ct) => database.For(Caller.Service).Query(
        new Statement(
            """
            SELECT n.id, n.name, n.version, n.started_at, n.seen_at
            FROM   lockstep.nodes n
            ORDER  BY n.seen_at > clock_timestamp() - interval '2 minutes' DESC, n.started_at, n.id
            LIMIT  100
            """),
        row => new Node(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInstant(3), row.GetInstant(4)),
        ct);

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await database.For(Caller.Service).Query(new Statement("SELECT lockstep.node_leaves($1)", id), _ => true, cancellationToken);
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException or IOException)
        {
            // It is forgotten after a day.
            NotSaid(log, e.GetType().Name);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await Beat(stoppingToken);
                await Task.Delay(Every, time, stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException or IOException)
            {
                NotSaid(log, e.GetType().Name);
                await Task.Delay(Every, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task Beat(CancellationToken ct) => await database.For(Caller.Service).Query(
        new Statement(
            "SELECT lockstep.node_beat($1, $2, $3, $4)",
            id, Name, typeof(NodeBeat).Assembly.GetName().Version?.ToString(3) ?? "0", started),
        _ => true, ct);

    [LoggerMessage(102, LogLevel.Information, "This node could not say that it is there ({Reason}); it says so again in half a minute")]
    private static partial void NotSaid(ILogger logger, string reason);
}
