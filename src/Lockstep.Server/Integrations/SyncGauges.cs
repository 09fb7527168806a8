using System.Diagnostics.Metrics;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Integrations;

/// <summary>How the work stands over all nodes, for operators; every node says the same.</summary>
internal sealed class SyncGauges(DueWork due, TimeProvider time)
{
    /// <summary>How old the figures become.</summary>
    public static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    private static readonly Gauge<long> Integrations = Meters.Lockstep.CreateGauge<long>(
        "lockstep.sync.integrations", description: "Integrations, by state: active, error, paused or disabled");

    private static readonly Gauge<long> Running = Meters.Lockstep.CreateGauge<long>(
        "lockstep.sync.running", description: "Integrations that a node works on now");

    private static readonly Gauge<long> Overdue = Meters.Lockstep.CreateGauge<long>(
        "lockstep.sync.overdue", description: "Integrations that are due and that no node has begun");

    private static readonly Gauge<double> Waited = Meters.Lockstep.CreateGauge<double>(
        "lockstep.sync.overdue.longest", "s", "How long the longest overdue integration has waited");

    private long? looked;

    /// <summary>Looks where it is time to; called by one loop.</summary>
    public async Task Refresh(CancellationToken ct)
    {
        if (looked is { } last && time.GetElapsedTime(last) < Every)
            return;
        looked = time.GetTimestamp();
        var states = await due.Overview(ct);
        foreach (var state in states)
            Integrations.Record(state.Integrations, new KeyValuePair<string, object?>("state", state.State));
        Running.Record(states.Sum(state => state.Running));
        Overdue.Record(states.Sum(state => state.Overdue));
        Waited.Record(states.Max(state => state.Waited));
    }
}
