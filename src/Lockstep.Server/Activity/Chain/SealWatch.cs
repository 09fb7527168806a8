using System.Diagnostics.Metrics;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Activity.Chain;

/// <summary>Whether the audit is being sealed; the health check and the metrics ask.</summary>
internal sealed class SealWatch(TimeProvider time)
{
    /// <summary>Lines that wait longer than this raise the alarm.</summary>
    public static readonly Duration Patience = Duration.FromSeconds(60);

    private static readonly Gauge<double> Age = Meters.Lockstep.CreateGauge<double>(
        "lockstep.audit.unsealed.age", "s", "How long the oldest audit line has waited for its seal");

    private static readonly Counter<long> Lines = Meters.Lockstep.CreateCounter<long>(
        "lockstep.audit.sealed", description: "Audit lines linked into the chain by this node");

    private readonly Lock gate = new();
    private Instant? oldest;
    private bool unsigned;

    /// <summary>How long the oldest line without a seal has waited; zero when none does.</summary>
    public Duration Waiting
    {
        get
        {
            lock (gate)
                return oldest is { } since ? Duration.Max(Duration.Zero, Instant.FromDateTimeOffset(time.GetUtcNow()) - since) : Duration.Zero;
        }
    }

    /// <returns>Null while all is well, else a sentence for the operator.</returns>
    public string? Alarm => Waiting is var waiting && waiting > Patience
        ? $"audit lines have waited {(long)waiting.TotalSeconds} s for their seal; a transaction open that long holds them up (see pg_stat_activity), or the sealer fails (see the log)"
        : unsigned ? "the audit is sealed but not signed: no key to sign checkpoints with" : null;

    /// <summary>After each round of the sealer.</summary>
    public void Note(Sealing sealing)
    {
        lock (gate)
            oldest = sealing.OldestUnsealed;
        Lines.Add(sealing.Sealed);
        Age.Record(Waiting.TotalSeconds);
    }

    /// <summary>After a checkpoint was due.</summary>
    public void NoteSigned(bool done) => unsigned = !done;
}
