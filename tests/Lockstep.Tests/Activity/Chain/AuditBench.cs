using System.Diagnostics;
using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Hosting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Tests.Support;
using Npgsql;
using Shouldly;
using Xunit;

namespace Lockstep.Tests.Activity.Chain;

/// <summary>A database of its own with audit and vault over it, and no server that would seal by itself.</summary>
internal sealed class AuditBench : IAsyncDisposable
{
    private readonly PostgresServer postgres;
    private readonly string database;

    private AuditBench(PostgresServer postgres, string database, KeyRing? keys)
    {
        this.postgres = postgres;
        this.database = database;
        Bench = Workbench.Over(new StartedDatabase(MigratedDatabase.Serve(postgres, database), null, []), new VaultOptions(keys));
    }

    public static async Task<AuditBench> CreateAsync(PostgresServer postgres, bool locked = false) =>
        new(postgres, await MigratedDatabase.CreateAsync(postgres), locked ? null : LockstepApp.RingOf(MasterKey.Generate("audit")));

    public Workbench Bench { get; }

    public AuditChain Chain => Bench.Get<AuditChain>();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async Task RecordAsync(int lines)
    {
        for (var i = 0; i < lines; i++)
            await RecordAsync($$"""{"purpose":"é \" {{i}}","version":{{i}},"big":12345678901234567890.50}""");
    }

    public Task RecordAsync(string details) => Bench.Get<Database>().For(Caller.Service with { Address = System.Net.IPAddress.Parse("2001:db8::7"), RequestId = "r,1:2" }).Query(
        new Statement("SELECT lockstep.record_activity(NULL, NULL, 'CREDENTIAL_ACCESSED', 'credential', gen_random_uuid(), $1::jsonb)", details),
        row => row.GetInt64(0),
        Ct);

    public async Task<AuditReport> VerifyAsync(params Checkpoint[] kept)
    {
        await SealAsync();
        return await Bench.Get<AuditVerifier>().Verify(kept, (_, _) => { }, Ct);
    }

    public async Task<Checkpoint?> SignAsync() => await Chain.Sign(await SealAsync(), Ct);

    /// <summary>Until nothing waits: transactions of other tests, in other databases of this server, hold the sealer up for a moment.</summary>
    public async Task<Sealing> SealAsync()
    {
        using var tick = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        var total = 0;
        var waited = Stopwatch.StartNew();
        while (true)
        {
            var sealing = await Chain.SealAll(Ct);
            total += sealing.Sealed;
            if (sealing is { OldestUnsealed: null, Head: not null })
                return sealing with { Sealed = total };
            waited.Elapsed.ShouldBeLessThan(TimeSpan.FromMinutes(1));
            await tick.WaitForNextTickAsync(Ct);
        }
    }

    public async Task<NpgsqlConnection> ConnectAsync(string role = "postgres")
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(postgres.ConnectionString(role, database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>What a superuser can do, who has no trigger in his way.</summary>
    public async Task<int> TamperAsync(string sql)
    {
        await using var connection = await ConnectAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand("SET session_replication_role = replica; " + sql, connection);
#pragma warning restore CA2100
        return await command.ExecuteNonQueryAsync();
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var connection = await ConnectAsync();
#pragma warning disable CA2100 // Written in the tests.
        await using var command = new NpgsqlCommand(sql, connection);
#pragma warning restore CA2100
        return (T)(await command.ExecuteScalarAsync(Ct))!;
    }

    public async ValueTask DisposeAsync()
    {
        await Bench.DisposeAsync();
        await postgres.DropDatabaseAsync(database);
    }
}
