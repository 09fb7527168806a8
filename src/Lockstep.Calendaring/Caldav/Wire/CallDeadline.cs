namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>The time one call may take: to the first byte, between two reads, and altogether.</summary>
internal sealed class CallDeadline : IDisposable
{
    private readonly CaldavOptions options;
    private readonly TimeProvider time;
    private readonly long began;
    private readonly CancellationTokenSource idle;
    private readonly CancellationTokenSource linked;

    public CallDeadline(CaldavOptions options, TimeProvider time, CancellationToken ct)
    {
        this.options = options;
        this.time = time;
        began = time.GetTimestamp();
        idle = new CancellationTokenSource(options.ResponseTimeout, time);
        linked = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, ct);
    }

    /// <summary>Cancelled by the caller and by the deadline alike.</summary>
    public CancellationToken Token => linked.Token;

    /// <summary>A body is read: from now on the idle time counts, within the total.</summary>
    public void Extend()
    {
        var left = options.TotalTimeout - time.GetElapsedTime(began);
        if (left <= TimeSpan.Zero)
            throw new TimeoutException();
        idle.CancelAfter(left < options.IdleTimeout ? left : options.IdleTimeout);
    }

    /// <summary>The consumer is busy with what it read; that is not the server's fault.</summary>
    public void Pause() => idle.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        linked.Dispose();
        idle.Dispose();
    }
}
