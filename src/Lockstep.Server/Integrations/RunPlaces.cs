namespace Lockstep.Server.Integrations;

/// <summary>Who may run now, so that no server and no owner delays the others.</summary>
/// <remarks>
/// <code>
///   (1) a place of its owner and of its server    waits a little; a queue that is full, or too slow: come back later
///   (2) a place of this node                      what waits at (1) has none
///   (3) run; when it has become slow, the place of this node goes to another and the run goes on beside
/// </code>
/// A server that says nothing holds its own places and those of the owners who named it, never the node's: waiting costs nothing here.
/// </remarks>
internal sealed class RunPlaces(IntegrationOptions options, TimeProvider time) : IDisposable
{
    /// <summary>Claimed at once, for each place of this node.</summary>
    private const int ClaimedPerPlace = 4;

    /// <summary>Waiting at once for one server or owner, for each run that it may have.</summary>
    private const int WaitingPerRun = 2;

    /// <summary>Longest pause before busy work is looked at again.</summary>
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private readonly KeyedSlots servers = new(options.ParallelPerHost, time);
    private readonly KeyedSlots owners = new(options.ParallelPerOwner, time);
    private readonly KeyedSlots waiting = new(WaitingPerRun * Math.Min(options.ParallelPerHost, options.ParallelPerOwner), time);
    private readonly SemaphoreSlim node = new(options.Parallel);
    private int slow;

    /// <summary>How much more may be claimed, with <paramref name="carried"/> in hand already.</summary>
    public int Free(int carried) => (options.Parallel * ClaimedPerPlace) - (carried - Volatile.Read(ref slow));

    /// <summary>Runs when there is room for it.</summary>
    /// <param name="server">Host and port.</param>
    /// <returns>Null once it has run; else how long to leave it.</returns>
    public async Task<TimeSpan?> Carry(string server, Guid owner, Func<Task> run, CancellationToken ct)
    {
        // (1)
        using var both = await Both(server, owner.ToString(), ct);
        if (both is null)
            return Pause(server, owner.ToString());
        // (2)
        await node.WaitAsync(ct);
        var held = true;
        try
        {
            // (3)
            var running = run();
            using var enough = CancellationTokenSource.CreateLinkedTokenSource(ct);
            var first = await Task.WhenAny(running, Task.Delay(options.SlowAfter, time, enough.Token));
            await enough.CancelAsync();
            if (first == running || !BecomesSlow())
            {
                await running;
                return null;
            }
            node.Release();
            held = false;
            try
            {
                await running;
            }
            finally
            {
                Interlocked.Decrement(ref slow);
            }
            return null;
        }
        finally
        {
            if (held)
                node.Release();
        }
    }

    public void Dispose() => node.Dispose();

    private async Task<IDisposable?> Both(string server, string owner, CancellationToken ct)
    {
        if (Try(server, owner) is { } at)
            return at;
        using var queuedAtServer = waiting.TryTake(server);
        using var queuedAtOwner = queuedAtServer is null ? null : waiting.TryTake(owner);
        if (queuedAtOwner is null)
            return null;
        var began = time.GetTimestamp();
        using var tick = new PeriodicTimer(Look, time);
        while (time.GetElapsedTime(began) < options.HostPatience && await tick.WaitForNextTickAsync(ct))
        {
            if (Try(server, owner) is { } later)
                return later;
        }
        return null;
    }

    private Pair? Try(string server, string owner)
    {
        if (owners.TryTake(owner) is not { } one)
            return null;
        if (servers.TryTake(server) is { } two)
            return new Pair(one, two);
        one.Dispose();
        return null;
    }

    /// <summary>As long again as the slowest run that is in the way has taken already.</summary>
    private TimeSpan Pause(string server, string owner)
    {
        var age = TimeSpan.FromTicks(Math.Max(servers.OldestAge(server).Ticks, owners.OldestAge(owner).Ticks));
        var pause = age < options.HostPatience ? options.HostPatience : age > LongestPause ? LongestPause : age;
        return pause * (0.5 + Random.Shared.NextDouble());
    }

    private bool BecomesSlow()
    {
        if (Interlocked.Increment(ref slow) <= options.MostSlow)
            return true;
        Interlocked.Decrement(ref slow);
        return false;
    }

    private sealed record Pair(IDisposable One, IDisposable Two) : IDisposable
    {
        public void Dispose()
        {
            One.Dispose();
            Two.Dispose();
        }
    }
}
