using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;

namespace Lockstep.Bench.Scenarios;

/// <summary>Pushes of fifty changes, each push in another of 256 scopes.</summary>
internal sealed class PushFifty : Scenario
{
    private static readonly UserBlock Users = new(First: 20_000, PerWorker: 16);
    private readonly PushLoad load = new(Users, changes: 50);

    public override string Name => "push50";

    public override string Title => $"push 50 changes, {Users.Count} scopes";

    public override string Unit => "changes/s";

    public override int PerRequest => 50;

    public override string Target => ">= 40,000/s";

    public override bool HasPeers => true;

    public override RawLimit Raw => RawLimit.InsertFifty;

    public override Task Prepare(House house, Workers workers, CancellationToken ct) => load.Prepare(house, workers, ct);

    public override Task Once(Worker worker, CancellationToken ct) => load.Once(worker, ct);

    public override Task<PgbenchScript> SameStatements(House house, CancellationToken ct) => load.SameStatements(house, ct);
}
