using System.Diagnostics.Metrics;
using Lockstep.Server.Postgres;

namespace Lockstep.Bench.Load;

/// <summary>Counts what the program itself counts: messages to PostgreSQL that were waited for, those of the background workers included.</summary>
internal sealed class RoundTrips : IDisposable
{
    private readonly MeterListener listener = new();
    private long count;

    public RoundTrips()
    {
        listener.InstrumentPublished = (instrument, l) =>
        {
            if (instrument.Meter.Name == Meters.Name && instrument.Name == "lockstep.db.round_trips")
                l.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => Interlocked.Add(ref count, value));
        listener.Start();
    }

    public long Count => Interlocked.Read(ref count);

    public void Dispose() => listener.Dispose();
}
