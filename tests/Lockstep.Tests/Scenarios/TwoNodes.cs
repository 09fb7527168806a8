using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Npgsql;
using Xunit;

namespace Lockstep.Tests.Scenarios;

/// <summary>Two processes on one PostgreSQL.</summary>
internal sealed class TwoNodes : IAsyncDisposable
{
    private const string JwtSecret = "a secret that signs the tokens of tests alone";

    private readonly Installation installation = new();
    private readonly JwtIssuer issuer = new(new JwtOptions(Encoding.UTF8.GetBytes(JwtSecret), null, null, null), TimeProvider.System);
    private ScramCluster? cluster;

    private TwoNodes()
    {
    }

    public LockstepProcess One { get; private set; } = null!;

    public LockstepProcess Two { get; private set; } = null!;

    /// <param name="allowed">Servers that the outbound guard lets through, as host:port.</param>
    public static async Task<TwoNodes> StartAsync(IEnumerable<string> allowed)
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

    /// <summary>SIGKILL to PostgreSQL, and up again.</summary>
    public Task KillDatabaseAsync() => cluster!.KillAndRestartAsync();

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
        if (cluster is not null)
            await cluster.DisposeAsync();
    }
}
