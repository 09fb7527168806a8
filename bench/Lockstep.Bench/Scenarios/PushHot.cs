using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;

namespace Lockstep.Bench.Scenarios;

/// <summary>A push of one change by one of sixteen devices of one user: every push wants the same counter row.</summary>
internal sealed class PushHot : Scenario
{
    private static readonly UserBlock Users = new(First: 70_000, PerWorker: 1);
    private readonly PushLoad load = new(Users, changes: 1, hot: true);

    public override string Name => "pushhot";

    public override string Title => "push one change, one scope";

    public override string Target => ">= 1,500/s";

    public override RawLimit Raw => RawLimit.Insert;

    public override Task Prepare(House house, Workers workers, CancellationToken ct) => load.Prepare(house, workers, ct);

    public override Task Once(Worker worker, CancellationToken ct) => load.Once(worker, ct);

    public override Task<PgbenchScript> SameStatements(House house, CancellationToken ct) => load.SameStatements(house, ct);
}
