using System.Globalization;
using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;
using Lockstep.Crypto;
using Lockstep.Server.Vault;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Bench.Scenarios;

/// <summary>A new credential: sealed, stored and audited.</summary>
internal sealed class StoreCredential : Scenario
{
    private static readonly UserBlock Users = new(First: 40_000, PerWorker: 16);
    private long stored;

    public override string Name => "store";

    public override string Title => "store a credential";

    public override string Target => ">= 2,500/s";

    public override RawLimit Raw => RawLimit.Insert;

    public override async Task Prepare(House house, Workers workers, CancellationToken ct)
    {
        // The first one of each user makes its data key.
        await workers.ForEachUser(Users, (worker, user) => Store(worker, user, ct));
        await VaultRows.CopyDataKeys(house, Users, ct);
    }

    public override Task Once(Worker worker, CancellationToken ct) => Store(worker, worker.AnyUser(Users), ct);

    public override async Task<PgbenchScript> SameStatements(House house, CancellationToken ct)
    {
        var user = Users.First;
        var vault = house.Services.GetRequiredService<CredentialVault>();
        using var value = Secret.FromText(VaultRows.Value);
        var trips = await Recorder.Record(house, user, session => vault.Store(
            session, new NewCredential("pgbench", "bench", CredentialType.API_KEY, value), ct));
        const string Marker = "INSERT INTO lockstep.credentials";
        return new PgbenchScript(trips, Users, user)
            .Bind(Marker, 1, "bench.uuid7()")
            .Bind(Marker, 5, "'pgbench-' || :n::text")
            .Bind(Marker, 9, $"'{VaultRows.DataKeyCopy(user)}'::uuid");
    }

    private async Task Store(Worker worker, int user, CancellationToken ct)
    {
        var name = Interlocked.Increment(ref stored).ToString(CultureInfo.InvariantCulture);
        await worker.Send("POST /v1/credentials", user, VaultRows.Body($"bench {name}"), 201, ct);
    }
}
