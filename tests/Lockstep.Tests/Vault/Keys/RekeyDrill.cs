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
        var before = NodaTime.SystemClock.Instance.GetCurrentInstant().ToString();
        var clock = Stopwatch.StartNew();
        var killed = 0;
        while (true)
        {
            await using var program = await LockstepProcess.StartAsync(environment, ["rekey", "--data-keys", "--before", before, "--json"]);
            if (killed < Kills && await AdvancesAsync(world, program, random.Next(1, ((2 * tenants) + (tenants * each)) / (2 * Kills))))
            {
                await program.KillAsync();
                killed++;
                await SampleAsync(server, world, random);
                continue;
            }
            (await program.Ended).ShouldBe(0, program.Errors);
            break;
        }
        killed.ShouldBe(Kills);
        var took = clock.Elapsed;

        var after = world.With(next);
        clock.Restart();
        (await OpenAllAsync(after, world)).ShouldBe(tenants * each);
        (await world.ScalarAsync<long>($"SELECT count(*) FROM lockstep.data_keys WHERE key_version <> '{next.Fingerprint}' OR state <> 'active' OR version <> 2")).ShouldBe(0);
        (await world.ScalarAsync<long>("SELECT count(*) FROM lockstep.data_keys")).ShouldBe(tenants);
        TestContext.Current.SendDiagnosticMessage(
            $"rekey with new data keys over {tenants * each} credentials of {tenants} tenants, killed {killed} times (seed {seed}): {took.TotalSeconds:0.0} s in all, {tenants * each / took.TotalSeconds:0} values/s; 0 lost, all opened again in {clock.Elapsed.TotalSeconds:0.0} s");
    }

    /// <summary>Waits until so many more values or keys are done.</summary>
    /// <returns>False when the program ended first.</returns>
    private static async Task<bool> AdvancesAsync(SealedWorld world, LockstepProcess program, int by)
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        var from = await DoneAsync(world);
        while (!program.Ended.IsCompleted)
        {
            if (await DoneAsync(world) - from >= by)
                return true;
            await tick.WaitForNextTickAsync(Ct);
        }
        return false;
    }

    /// <summary>Rows that were written since they were copied in.</summary>
    private static Task<long> DoneAsync(SealedWorld world) => world.ScalarAsync<long>(
        "SELECT (SELECT count(*) FROM lockstep.data_keys WHERE updated_at <> created_at OR version > 1) + (SELECT count(*) FROM lockstep.credentials c JOIN lockstep.data_keys k ON k.id = c.data_key_id WHERE k.version > 1)");

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
