using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;

namespace Lockstep.Bench.Scenarios;

/// <summary>A push of one change, each time in another of a thousand scopes.</summary>
internal sealed class PushOne : Scenario
{
    private static readonly UserBlock Users = new(First: 10_000, PerWorker: 64);
    private readonly PushLoad load = new(Users, changes: 1);

    public override string Name => "push";

    public override string Title => $"push one change, {Users.Count:N0} scopes";

    public override string Target => ">= 3,000/s, p99 < 25 ms";

    public override bool HasPeers => true;

    public override RawLimit Raw => RawLimit.Insert;

    public override Task Prepare(House house, Workers workers, CancellationToken ct) => load.Prepare(house, workers, ct);

    public override Task Once(Worker worker, CancellationToken ct) => load.Once(worker, ct);

    public override Task<PgbenchScript> SameStatements(House house, CancellationToken ct) => load.SameStatements(house, ct);
}
