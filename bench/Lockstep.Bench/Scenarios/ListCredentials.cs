using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;
using Lockstep.Server.Vault;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Bench.Scenarios;

/// <summary>The credentials of a user who has ten, without their values.</summary>
internal sealed class ListCredentials : Scenario
{
    private const int Each = 10;
    private static readonly UserBlock Users = new(First: 60_000, PerWorker: 16);

    public override string Name => "list";

    public override string Title => $"list {Each} credentials";

    public override string Target => ">= 10,000/s, p99 < 25 ms";

    public override RawLimit Raw => RawLimit.Select;

    public override Task Prepare(House house, Workers workers, CancellationToken ct) => workers.ForEachUser(Users, async (worker, user) =>
    {
        for (var i = 0; i < Each; i++)
            await worker.Send("POST /v1/credentials", user, VaultRows.Body($"bench {i}"), 201, ct);
    });

    public override async Task Once(Worker worker, CancellationToken ct)
    {
        var answer = await worker.Send("GET /v1/credentials", worker.AnyUser(Users), "", 200, ct);
        if (answer.Span.IndexOf("\"maskedValue\""u8) < 0)
            throw new BenchException("A list came back empty.");
    }

    public override async Task<PgbenchScript> SameStatements(House house, CancellationToken ct)
    {
        var user = Users.First;
        var vault = house.Services.GetRequiredService<CredentialVault>();
        // The page that the endpoint takes when it is told nothing.
        var filter = new CredentialFilter(null, null, null, null, null, Limit: 50);
        return new PgbenchScript(await Recorder.Record(house, user, session => vault.List(session, filter, ct)), Users, user);
    }
}
