using System.Collections.Concurrent;

namespace Lockstep.Server.ChangeSync;

/// <summary>Wakes the streams of this node when a transaction of this node has committed. A hint: streams look for themselves as well.</summary>
internal sealed class ScopeSignals
{
    private readonly ConcurrentDictionary<ScopeSignalSubscription, byte> subscriptions = new();
    private volatile bool closed;

    /// <summary>This node stops: a stream that went on would hold the stop up, and its client does better with another node.</summary>
    public bool Closed => closed;

    /// <summary>Subscribe before reading, so that nothing falls between the read and the wait.</summary>
    public ScopeSignalSubscription Subscribe()
    {
        var subscription = new ScopeSignalSubscription(gone => subscriptions.TryRemove(gone, out _));
        subscriptions[subscription] = 0;
        return subscription;
    }

    public void Raise(IReadOnlyCollection<Guid> scopes)
    {
        foreach (var subscription in subscriptions.Keys)
            subscription.Raise(scopes);
    }

    /// <summary>Ends the streams.</summary>
    public void Close()
    {
        closed = true;
        foreach (var subscription in subscriptions.Keys)
            subscription.Wake();
    }
}

/// <summary>One stream's ear.</summary>
internal sealed class ScopeSignalSubscription(Action<ScopeSignalSubscription> leave) : IDisposable
{
    private readonly SemaphoreSlim raised = new(0, 1);
    private volatile IReadOnlySet<Guid> scopes = new HashSet<Guid>();

    /// <summary>What to listen for from now on.</summary>
    public void Follow(IEnumerable<Guid> wanted) => scopes = wanted.ToHashSet();

    public void Raise(IReadOnlyCollection<Guid> changed)
    {
        if (changed.Any(scopes.Contains))
            Wake();
    }

    public void Wake()
    {
        try
        {
            raised.Release();
        }
        catch (SemaphoreFullException)
        {
            // It has not looked since the last time: once is enough.
        }
        catch (ObjectDisposedException)
        {
            // The stream ended between the look-up and the call.
        }
    }

    /// <returns>False when nothing was heard for <paramref name="longest"/>.</returns>
    public Task<bool> Wait(TimeSpan longest, CancellationToken ct) => raised.WaitAsync(longest, ct);

    public void Dispose()
    {
        leave(this);
        raised.Dispose();
    }
}
