using System.Diagnostics;

namespace Lockstep.Bench.Load;

/// <summary>What one turn of a scenario gave.</summary>
/// <param name="PerSecond">Requests.</param>
/// <param name="Latencies">Of each request, in milliseconds.</param>
/// <param name="RoundTrips">To PostgreSQL, for each request.</param>
internal sealed record LoadSample(double PerSecond, List<double> Latencies, double RoundTrips)
{
    /// <summary>Every client sends its next request when the answer to the last one is there.</summary>
    public static async Task<LoadSample> Take(Workers workers, RoundTrips trips, TimeSpan duration, Func<Worker, CancellationToken, Task> once, CancellationToken ct)
    {
        var latencies = new List<double>();
        var before = trips.Count;
        var clock = Stopwatch.StartNew();
        await workers.Each(async worker =>
        {
            var own = new List<double>(1 << 14);
            while (clock.Elapsed < duration)
            {
                var began = Stopwatch.GetTimestamp();
                await once(worker, ct);
                own.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
            lock (latencies)
                latencies.AddRange(own);
        });
        var took = clock.Elapsed.TotalSeconds;
        return new LoadSample(latencies.Count / took, latencies, (trips.Count - before) / (double)latencies.Count);
    }
}
