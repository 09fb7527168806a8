using Lockstep.Server.Activity.Chain;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.Postgres;
using Lockstep.Server.Vault.Keys;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Hosting;

/// <param name="Status"><c>ok</c>; <c>degraded</c> when something is missing that most calls do without; <c>down</c>.</param>
/// <param name="Checks">By name (<c>database</c>, <c>keys</c>, <c>workers</c>, <c>audit</c>, <c>sync</c>): <c>ok</c>, or what is wrong.</param>
internal sealed record HealthView(string Status, string Service, Instant Timestamp, IReadOnlyDictionary<string, string> Checks);

/// <summary>When a background loop last came round; the health check asks whether it still does.</summary>
internal sealed class WorkerPulse(TimeProvider time)
{
    /// <summary>Longest time between two rounds of a live worker.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private long last = time.GetTimestamp();

    public void Beat() => Interlocked.Exchange(ref last, time.GetTimestamp());

    public bool Alive => time.GetElapsedTime(Interlocked.Read(ref last)) < Patience;
}

/// <summary>/health for people and old load balancers, /health/live (the process answers), /health/ready (it can do its work).</summary>
internal static class Health
{
    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/health").WithTags("Health").DisableRateLimiting();
        group.MapGet("", Check).WithName("health").WithSummary("How the server is: database, keys, workers");
        group.MapGet("/ready", Check).WithName("ready").WithSummary("503 while the server cannot do its work");
        group.MapGet("/live", Live).WithName("live").WithSummary("200 while the process answers");
        routes.MapGet("/metrics", (PrometheusText text) => TypedResults.Text(text.Render(), "text/plain; version=0.0.4; charset=utf-8"))
            .WithTags("Health").WithName("metrics").WithSummary("Prometheus metrics").DisableRateLimiting();
    }

    private static Ok<HealthView> Live(TimeProvider time) => TypedResults.Ok(View("ok", new Dictionary<string, string>(), time));

    internal static async Task<Results<Ok<HealthView>, JsonHttpResult<HealthView>>> Check(
        Database database, KeyHealth keys, WorkerPulse workers, SealWatch audit, DiskWatch disk, HoleWatch holes, TimeProvider time, CancellationToken ct)
    {
        var reachable = await Reachable(database, ct);
        var checks = new Dictionary<string, string>
        {
            ["database"] = !reachable ? "does not answer" : disk.Alarm ?? "ok",
            ["keys"] = keys.Describe(),
            ["workers"] = workers.Alive ? "ok" : "have not come round for two minutes",
            ["audit"] = audit.Alarm ?? "ok",
            ["sync"] = holes.Alarm ?? "ok",
        };
        if (!reachable || !workers.Alive)
            return TypedResults.Json(View("down", checks, time), statusCode: 503);
        return TypedResults.Ok(View(checks.Values.Any(check => check != KeyHealth.Ok) ? "degraded" : "ok", checks, time));
    }

    private static HealthView View(string status, IReadOnlyDictionary<string, string> checks, TimeProvider time) =>
        new(status, "lockstep", Instant.FromDateTimeOffset(time.GetUtcNow()), checks);

    private static async Task<bool> Reachable(Database database, CancellationToken ct)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(TimeSpan.FromSeconds(2));
        try
        {
            await using var command = database.App.CreateCommand("SELECT 1");
            await command.ExecuteScalarAsync(limited.Token);
            return true;
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException && !ct.IsCancellationRequested)
        {
            return false;
        }
    }
}
