using System.Security.Cryptography;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>How two nodes reach their database.</summary>
public enum Pooling
{
    None,

    /// <summary>Through PgBouncer, with a direct connection for LISTEN and migrations.</summary>
    Pooled,

    /// <summary>Through PgBouncer and in no other way.</summary>
    PooledAlone,
}

/// <summary>Two processes on one PostgreSQL.</summary>
internal sealed class TwoNodes : IAsyncDisposable
{
    private const string JwtSecret = "a secret that signs the tokens of tests alone";

    private readonly Installation installation = new();
    private readonly JwtIssuer issuer = new(new JwtOptions(Encoding.UTF8.GetBytes(JwtSecret), null, null, null), TimeProvider.System);
    private ScramCluster? cluster;
    private PgBouncer? bouncer;

    private TwoNodes()
    {
    }

    public LockstepProcess One { get; private set; } = null!;

    public LockstepProcess Two { get; private set; } = null!;

    /// <param name="allowed">Servers that the outbound guard lets through, as host:port.</param>
    public static async Task<TwoNodes> StartAsync(IEnumerable<string> allowed, Pooling pooling = Pooling.None)
    {
        var nodes = new TwoNodes();
        try
        {
            var ct = TestContext.Current.CancellationToken;
            nodes.cluster = await ScramCluster.StartAsync(await PostgresBinaries.FindAsync(null, _ => { }, ct), ct);
            await nodes.cluster.AsAdminAsync("CREATE DATABASE app");
            var settings = nodes.installation.Environment;
            settings["LOCKSTEP_DATABASE_URL"] = nodes.cluster.Address("admin", "of the administrator", "app");
            settings["LOCKSTEP_JWT_SECRET"] = JwtSecret;
            settings["LOCKSTEP_MASTER_KEYS"] = $"test-1:{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";
            settings["LOCKSTEP_OUTBOUND_ALLOW"] = string.Join(',', allowed);
            settings["LOCKSTEP_RATE_LIMIT"] = "100000";
            if (pooling != Pooling.None)
                await nodes.PoolAsync(pooling == Pooling.Pooled);
            nodes.One = await nodes.installation.ServeAsync();
            nodes.Two = await nodes.installation.ServeAsync();
            return nodes;
        }
        catch
        {
            await nodes.DisposeAsync();
            throw;
        }
    }

    private async Task PoolAsync(bool direct)
    {
        using var secret = Secret.FromText(JwtSecret);
        using var app = DerivedSecrets.RolePassword(secret, Roles.App);
        using var service = DerivedSecrets.RolePassword(secret, Roles.Service);
        bouncer = await PgBouncer.StartAsync(cluster!.Port, "app", new Dictionary<string, string>
        {
            ["admin"] = "of the administrator",
            [Roles.App] = app.RevealText(),
            [Roles.Service] = service.RevealText(),
        });
        if (direct)
            installation.Environment["LOCKSTEP_DIRECT_DATABASE_URL"] = installation.Environment["LOCKSTEP_DATABASE_URL"];
        installation.Environment["LOCKSTEP_DATABASE_URL"] =
            $"Host=127.0.0.1;Port={bouncer.Port};Username=admin;Password=of the administrator;Database=app;Max Auto Prepare=0";
    }

    /// <summary>SIGKILL to PostgreSQL, and up again.</summary>
    public Task KillDatabaseAsync() => cluster!.KillAndRestartAsync();

    /// <summary>A PostgreSQL that follows that of the nodes, some moments behind.</summary>
    public Task<ScramCluster> FollowAsync() => cluster!.FollowAsync(TestContext.Current.CancellationToken);

    /// <summary>Waits until a follower has all that is committed now.</summary>
    public async Task CaughtUpAsync(ScramCluster follower)
    {
        var end = (string)(await cluster!.AsAdminAsync("SELECT pg_current_wal_lsn()::text"))!;
        await follower.UntilAsync($"SELECT pg_last_wal_replay_lsn() >= '{end}'::pg_lsn");
    }

    /// <summary>What an operator does when the database is lost: the old one is off, the nodes stop, the follower takes over, cursors are void, the nodes start on it.</summary>
    /// <param name="meanwhile">Done when the follower has taken over and no node runs.</param>
    /// <returns>What <c>lockstep repair cursors</c> said.</returns>
    public async Task<string> FailOverAsync(ScramCluster follower, Func<Task> meanwhile)
    {
        await cluster!.KillAsync();
        await Task.WhenAll(One.StopAsync(), Two.StopAsync());
        await follower.PromoteAsync();
        await cluster.DisposeAsync();
        cluster = follower;
        await meanwhile();
        installation.Environment["LOCKSTEP_DATABASE_URL"] = follower.Address("admin", "of the administrator", "app");
        var repaired = await installation.RunAsync("repair", "cursors", "--data-dir", installation.Data);
        (await repaired.Ended).ShouldBe(0, repaired.Errors);
        One = await installation.ServeAsync();
        Two = await installation.ServeAsync();
        return repaired.Output;
    }

    /// <summary>SIGKILL to the second node; another one takes its place.</summary>
    public async Task KillTwoAsync()
    {
        await Two.KillAsync();
        Two = await installation.ServeAsync();
    }

    public string Token(string user) => issuer.Issue($"{user}@example.com", $"{user}@example.com", JwtClaims.Authenticated, Duration.FromHours(2), emailVerified: true);

    public async Task<T> ScalarAsync<T>(string sql) => (T)(await cluster!.AsAdminAsync(sql, "app"))!;

    public async Task<List<double>> NumbersAsync(string sql)
    {
        var text = await ScalarAsync<string>($"SELECT coalesce(string_agg(n::text, ' ' ORDER BY n), '') FROM ({sql}) q (n)");
        return [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(number => double.Parse(number, System.Globalization.CultureInfo.InvariantCulture))];
    }

    public async Task UntilAsync(string sql, long least, TimeSpan patience)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(200));
        var began = TimeProvider.System.GetTimestamp();
        while (await ScalarAsync<long>(sql) is var now && now < least)
        {
            if (TimeProvider.System.GetElapsedTime(began) > patience)
                throw new TimeoutException($"{now} of {least}: {sql}");
            await tick.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await installation.DisposeAsync();
        if (bouncer is not null)
            await bouncer.DisposeAsync();
        if (cluster is not null)
            await cluster.DisposeAsync();
    }
}
