using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Postgres.Embedded;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Vault.Keys;

/// <summary>100,000 credentials of 10,000 tenants get a new master key and new data keys from a program that is killed five times.</summary>
public sealed class RekeyDrill(PostgresServer postgres)
{
    private const int Kills = 5;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Category", "Long")]
    public Task Nothing_is_lost_of_100_000_credentials_of_10_000_tenants() => RunAsync(tenants: 10_000, each: 10, seed: Random.Shared.Next());

    /// <summary>The same with fewer, for every run of the tests.</summary>
    [Fact]
    public Task Nothing_is_lost_of_1_500_credentials_of_500_tenants() => RunAsync(tenants: 500, each: 3, seed: 11);

    private async Task RunAsync(int tenants, int each, int seed)
    {
        await using var world = await SealedWorld.CreateAsync(postgres);
        var (old, next) = (MasterKey.Generate("old"), MasterKey.Generate("next"));
        await SealedRowsInBulk.FillAsync(world, old, tenants, each);
        var environment = Environment(world, old, next);
        var server = world.With(next, old);
        var random = new Random(seed);
        var before = NodaTime.Text.InstantPattern.ExtendedIso.Format(NodaTime.SystemClock.Instance.GetCurrentInstant());
        var clock = Stopwatch.StartNew();
        var killed = 0;
        while (true)
        {
            // A row in its way, so that it is killed in the middle of a statement wherever that row is, and not between two by luck.
            var obstacle = killed < Kills ? await LockOneAsync(world, killed, random) : null;
            await using var program = await LockstepProcess.StartAsync(environment, ["rekey", "--data-keys", "--before", before, "--json"]);
            if (killed == Kills)
            {
                (await program.Ended).ShouldBe(0, program.Errors);
                break;
            }
            await WaitsAsync(world, program);
            await program.KillAsync();
            await EndStatementAsync(world);
            await obstacle!.DisposeAsync();
            killed++;
            await SampleAsync(server, world, random);
        }
        var took = clock.Elapsed;

        var after = world.With(next);
        clock.Restart();
        (await OpenAllAsync(after, world)).ShouldBe(tenants * each);
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.data_keys WHERE key_version <> '{next.Fingerprint}' OR state <> 'active' OR version <> 2")).ShouldBe(0);
        (await world.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys")).ShouldBe(tenants);
        Console.WriteLine(
            $"rekey with new data keys over {tenants * each} credentials of {tenants} tenants, killed {killed} times (seed {seed}): {took.TotalSeconds:0.0} s in all, {tenants * each / took.TotalSeconds:0} values/s; 0 lost, all opened again in {clock.Elapsed.TotalSeconds:0.0} s");
    }

    /// <summary>Locks a row that is not done yet: at first a data key with the old wrapping, then one that has no successor, then a value.</summary>
    private static async Task<NpgsqlConnection> LockOneAsync(SealedWorld world, int kill, Random random)
    {
        var connection = await world.OpenAsync();
#pragma warning disable CA2100 // One of the three written here.
        await using var command = new NpgsqlCommand(
            "BEGIN; " + (kill switch
            {
                0 or 1 => "SELECT 1 FROM lockstep.data_keys WHERE updated_at = created_at ORDER BY md5(id::text || @draw) LIMIT 1 FOR NO KEY UPDATE",
                2 => "SELECT 1 FROM lockstep.data_keys WHERE version = 1 AND state = 'active' ORDER BY md5(id::text || @draw) LIMIT 1 FOR NO KEY UPDATE",
                _ => "SELECT 1 FROM lockstep.credentials WHERE key_version = 1 ORDER BY md5(id::text || @draw) LIMIT 1 FOR NO KEY UPDATE",
            }),
            connection);
#pragma warning restore CA2100
        command.Parameters.AddWithValue("draw", random.Next().ToString(System.Globalization.CultureInfo.InvariantCulture));
        await using var reader = await command.ExecuteReaderAsync(Ct);
        (await reader.ReadAsync(Ct)).ShouldBeTrue("something is left to do");
        return connection;
    }

    private static async Task WaitsAsync(SealedWorld world, LockstepProcess program)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (await world.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'lockstep_service' AND wait_event_type = 'Lock'") == 0)
        {
            program.Ended.IsCompleted.ShouldBeFalse($"It ended before it came to the locked row: {program.Output} {program.Errors}");
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    /// <summary>Ends what the killed program was about, as when its machine dies; else PostgreSQL would finish it, and at times leave nothing to do for the next.</summary>
    private static Task<long> EndStatementAsync(SealedWorld world) => world.ScalarAsync<long>(
        "SELECT count(pg_terminate_backend(pid, 30000)) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'lockstep_service' AND wait_event_type = 'Lock'");

    /// <summary>The service goes on: some values open on a node with both keys, just as they are now.</summary>
    private static async Task SampleAsync(Workbench server, SealedWorld world, Random random)
    {
        foreach (var (id, owner) in (await RowsAsync(world)).OrderBy(_ => random.Next()).Take(20))
            (await OpenAsync(server, id, owner)).ShouldBe(SealedRowsInBulk.ValueOf(id));
    }

    private static async Task<int> OpenAllAsync(Workbench bench, SealedWorld world)
    {
        var opened = 0;
        await Parallel.ForEachAsync(await RowsAsync(world), new ParallelOptions { MaxDegreeOfParallelism = 8, CancellationToken = Ct }, async (row, _) =>
        {
            (await OpenAsync(bench, row.Id, row.Owner)).ShouldBe(SealedRowsInBulk.ValueOf(row.Id));
            Interlocked.Increment(ref opened);
        });
        return opened;
    }

    private static async Task<string> OpenAsync(Workbench bench, CredentialId id, UserId owner)
    {
        var revealed = (await bench.Get<CredentialVault>().RevealForSync(SealedWorld.Session(bench, owner), id, Ct)).ShouldBeOfType<RevealOutcome.Revealed>();
        using (revealed.Value)
            return revealed.Value.RevealText();
    }

    private static async Task<List<(CredentialId Id, UserId Owner)>> RowsAsync(SealedWorld world)
    {
        await using var connection = await world.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT id, user_id FROM lockstep.credentials", connection);
        await using var reader = await command.ExecuteReaderAsync(Ct);
        var rows = new List<(CredentialId, UserId)>();
        while (await reader.ReadAsync(Ct))
            rows.Add((new(reader.GetGuid(0)), new(reader.GetGuid(1))));
        return rows;
    }

    private Dictionary<string, string> Environment(SealedWorld world, MasterKey old, MasterKey next)
    {
        using var first = next.RevealSetting();
        using var second = old.RevealSetting();
        return new()
        {
            ["LOCKSTEP_DATABASE_URL"] = postgres.ConnectionString(EmbeddedConnection.Superuser, world.Name),
            ["LOCKSTEP_APP_DATABASE_URL"] = postgres.ConnectionString(Roles.App, world.Name),
            ["LOCKSTEP_SERVICE_DATABASE_URL"] = postgres.ConnectionString(Roles.Service, world.Name),
            ["LOCKSTEP_JWT_SECRET"] = "a secret that signs the tokens of tests alone",
            ["LOCKSTEP_MASTER_KEYS"] = $"{first.RevealText()},{second.RevealText()}",
        };
    }
}
