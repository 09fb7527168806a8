using System.Diagnostics.Metrics;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Postgres;

/// <summary>The two logins that serving uses, one pool each, and the sessions over them.</summary>
/// <param name="app">Login <c>lockstep_app</c>: everything done for a user.</param>
/// <param name="service">Login <c>lockstep_service</c>: SYSTEM credentials, key maintenance, claiming due work.</param>
/// <param name="direct">Past a pooler, for LISTEN; the same as <paramref name="service"/> without one.</param>
internal sealed class Database(NpgsqlDataSource app, NpgsqlDataSource service, NpgsqlDataSource direct) : IAsyncDisposable
{
    private static readonly Counter<long> RoundTrips = Meters.Lockstep.CreateCounter<long>(
        "lockstep.db.round_trips", description: "Messages sent to PostgreSQL that were waited for");

    public NpgsqlDataSource App => app;

    public NpgsqlDataSource Service => service;

    public NpgsqlDataSource Direct => direct;

    /// <summary>A session that sees what <paramref name="caller"/> may see. Cheap: no connection is taken yet.</summary>
    public TenantSession For(Caller caller) => new(caller.Role == CallerRole.Service && caller.User is null ? service : app, caller);

    internal static void CountRoundTrip() => RoundTrips.Add(1);

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        await service.DisposeAsync();
        if (!ReferenceEquals(direct, service))
            await direct.DisposeAsync();
    }
}
