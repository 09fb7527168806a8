using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Lockstep.Tests.Calendaring.Caldav;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Integrations;

/// <summary>One server that takes connections and says nothing, beside servers that answer.</summary>
public sealed class StalledServerTests(PostgresServer postgres) : IAsyncLifetime
{
    private const int Good = 20;
    private const int Stalled = 150;

    private readonly LockstepApp app = new(postgres);
    private readonly List<FakeCaldavServer> servers = [];
    private readonly List<FakeCalendar> calendars = [];

    // Connections are made by the system; nobody ever takes one.
    private readonly TcpListener silent = new(IPAddress.Loopback, 0);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        silent.Start(512);
        app.Allow(Silent);
        for (var i = 0; i < Good; i++)
        {
            var server = new FakeCaldavServer();
            await server.InitializeAsync();
            servers.Add(server);
            calendars.Add(new FakeCalendar(server, "/calendar/"));
            app.Allow(server.Url);
        }
        await app.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        silent.Dispose();
        foreach (var server in servers)
            await server.DisposeAsync();
    }

    private Uri Silent => new($"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/");

    [Fact]
    public async Task A_stalled_server_with_many_accounts_delays_nobody_else()
    {
        var good = new List<Guid>();
        foreach (var (calendar, i) in calendars.Select((calendar, i) => (calendar, i)))
        {
            var id = (await app.As($"good{i}").ConnectAsync(calendar.Url, calendar.Path)).Id();
            good.Add(id);
        }
        foreach (var (id, i) in good.Select((id, i) => (id, i)))
            await app.As($"good{i}").SyncedAsync(id);
        var stalled = (await app.As("stalled").ConnectAsync(Silent, "/calendar/")).Id();
        await ExecuteAsync(
            """
            INSERT INTO lockstep.integrations (id, user_id, integration_type, label, external_username, config, sync_schedule, credential_id)
            SELECT gen_random_uuid(), i.user_id, i.integration_type, i.label, n::text, i.config, i.sync_schedule, i.credential_id
            FROM   lockstep.integrations i, generate_series(2, $2) n
            WHERE  i.id = $1
            """, stalled, Stalled);

        // Everything is due, five times over: 150 accounts of the stalled server before each round of the good ones.
        for (var round = 1; round <= 5; round++)
        {
            await ExecuteAsync("UPDATE lockstep.integrations SET next_sync_at = now() - interval '1 minute' WHERE lease_owner IS NULL AND id <> ALL ($1)", good);
            await ExecuteAsync("UPDATE lockstep.integrations SET next_sync_at = now() WHERE id = ANY ($1)", good);
            await UntilAsync("SELECT count(*) FROM lockstep.sync_log WHERE integration_id = ANY ($1) AND error IS NULL", good, Good * (round + 1));
        }

        var slowest = await app.ScalarAsync<double>(
            """
            SELECT max(extract(epoch FROM gap))::float8
            FROM  (SELECT l.occurred_at - lag(l.occurred_at) OVER (PARTITION BY l.integration_id ORDER BY l.occurred_at) AS gap
                   FROM lockstep.sync_log l WHERE l.integration_id = ANY ($1)) gaps
            """, good);
        // Each round begins when the one before has ended: a minute would be kept by far.
        slowest.ShouldBeLessThan(20, string.Create(CultureInfo.InvariantCulture, $"the longest time between two syncs of a good server was {slowest:0.0} s"));
        (await app.ScalarAsync<long>("SELECT count(*) FROM lockstep.sync_log WHERE NOT integration_id = ANY ($1)", good)).ShouldBe(0);
    }

    private async Task UntilAsync(string sql, object value, long least)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var look = 0; await app.ScalarAsync<long>(sql, value) < least; look++)
        {
            look.ShouldBeLessThan(800);
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var connection = await app.ConnectAsync();
#pragma warning disable CA2100 // Written above.
        await using var command = new Npgsql.NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        foreach (var value in values)
            command.Parameters.Add(new Npgsql.NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync(Ct);
    }
}
