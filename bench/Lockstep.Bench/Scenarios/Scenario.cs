using Lockstep.Bench.Load;
using Lockstep.Bench.Postgres;

namespace Lockstep.Bench.Scenarios;

/// <summary>One operation that is measured over HTTP and replayed by pgbench.</summary>
internal abstract class Scenario
{
    /// <summary>As <c>--only</c> takes it.</summary>
    public abstract string Name { get; }

    public abstract string Title { get; }

    public virtual string Unit => "requests/s";

    /// <summary>How many units one request does.</summary>
    public virtual int PerRequest => 1;

    /// <summary>Whether other sync servers are measured beside it, by pushes of <see cref="PerRequest"/> changes.</summary>
    public virtual bool HasPeers => false;

    /// <summary>Shown beside the result, never asserted.</summary>
    public abstract string Target { get; }

    public abstract RawLimit Raw { get; }

    /// <summary>Makes users and rows, by HTTP as anybody would, and lays out what pgbench needs.</summary>
    public abstract Task Prepare(House house, Workers workers, CancellationToken ct);

    /// <summary>One request, its answer checked.</summary>
    public abstract Task Once(Worker worker, CancellationToken ct);

    /// <summary>The statements of one request, recorded, as a script.</summary>
    public abstract Task<PgbenchScript> SameStatements(House house, CancellationToken ct);
}
