using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.ChangeSync;

/// <summary>Wakes the streams of this node: when a transaction of this node has committed, when another node says so, when a look at the heads shows it.</summary>
internal sealed class ScopeSignals(ScopeTokens tokens)
{
    /// <summary>What is remembered for <see cref="TakeStored"/>; the rest has its turn another time.</summary>
    private const int MostStored = 500;

    private readonly ConcurrentDictionary<ScopeSignalSubscription, byte> subscriptions = new();
    private readonly ConcurrentDictionary<Guid, byte> dirty = new();
    private readonly ConcurrentDictionary<Guid, byte> stored = new();
    private int storedCount;
    private volatile bool closed;

    /// <summary>This node stops: a stream that went on would hold the stop up, and its client does better with another node.</summary>
    public bool Closed => closed;

    public IReadOnlyCollection<ScopeSignalSubscription> Subscriptions => [.. subscriptions.Keys];

    /// <summary>Released when there is something in <see cref="TakeDirty"/>.</summary>
    public SemaphoreSlim Told { get; } = new(0, 1);

    /// <summary>Subscribe before reading, so that nothing falls between the read and the wait.</summary>
    /// <param name="user">Whose scopes the look at the heads compares.</param>
    public ScopeSignalSubscription Subscribe(UserId user)
    {
        var subscription = new ScopeSignalSubscription(user, tokens, gone => subscriptions.TryRemove(gone, out _));
        subscriptions[subscription] = 0;
        return subscription;
    }

    public void Raise(IReadOnlyCollection<Guid> scopes)
    {
        if (scopes.Count == 0)
            return;
        foreach (var scope in scopes)
        {
            dirty[scope] = 0;
            if (Volatile.Read(ref storedCount) < MostStored && stored.TryAdd(scope, 0))
                Interlocked.Increment(ref storedCount);
        }
        Release(Told);
        foreach (var subscription in subscriptions.Keys)
            subscription.Raise(scopes);
    }

    /// <summary>What committed here since the last call, for the other nodes.</summary>
    public IReadOnlyList<Guid> TakeDirty()
    {
        var taken = dirty.Keys.ToList();
        taken.ForEach(scope => dirty.TryRemove(scope, out _));
        return taken;
    }

    /// <summary>Some of what committed here since the last call, for <see cref="HoleWatch"/>.</summary>
    public IReadOnlyList<Guid> TakeStored()
    {
        var taken = stored.Keys.Where(scope => stored.TryRemove(scope, out _)).ToList();
        Interlocked.Add(ref storedCount, -taken.Count);
        return taken;
    }

    /// <summary>As another node told it.</summary>
    public void Hear(IReadOnlyCollection<ulong> heard)
    {
        foreach (var subscription in subscriptions.Keys)
            subscription.Hear(heard);
    }

    public void WakeAll()
    {
        foreach (var subscription in subscriptions.Keys)
            subscription.Wake();
    }

    /// <summary>Ends the streams.</summary>
    public void Close()
    {
        closed = true;
        WakeAll();
    }

    internal static void Release(SemaphoreSlim once)
    {
        try
        {
            once.Release();
        }
        catch (SemaphoreFullException)
        {
            // Nobody has looked since the last time: once is enough.
        }
        catch (ObjectDisposedException)
        {
            // The stream ended between the look-up and the call.
        }
    }
}

/// <summary>One stream's ear.</summary>
internal sealed class ScopeSignalSubscription(UserId user, ScopeTokens tokens, Action<ScopeSignalSubscription> leave) : IDisposable
{
    private readonly SemaphoreSlim raised = new(0, 1);
    private volatile IReadOnlyDictionary<Guid, ulong> scopes = new Dictionary<Guid, ulong>();

    public UserId User => user;

    /// <summary>What the last look at the heads showed; null before the first.</summary>
    public long? Mark { get; set; }

    /// <summary>What the stream itself has read up to; null before that, and while there is more.</summary>
    private StrongBox<long>? read;

    /// <summary>Whether the stream has seen all of a mark by itself, as it has when a signal was in time.</summary>
    public bool HasRead(long mark) => Volatile.Read(ref read)?.Value == mark;

    /// <summary>What to listen for from now on, and how far the stream has come.</summary>
    public void Follow(Covered covered)
    {
        Follow(covered.Scopes);
        Volatile.Write(ref read, covered.Mark is { } mark ? new StrongBox<long>(mark) : null);
    }

    /// <summary>What to listen for from now on.</summary>
    public void Follow(IReadOnlyCollection<Guid> wanted)
    {
        if (wanted.Count != scopes.Count || wanted.Any(scope => !scopes.ContainsKey(scope)))
            scopes = wanted.ToDictionary(scope => scope, tokens.Of);
    }

    public void Raise(IReadOnlyCollection<Guid> changed)
    {
        if (changed.Any(scopes.ContainsKey))
            Wake();
    }

    public void Hear(IReadOnlyCollection<ulong> heard)
    {
        if (scopes.Values.Any(heard.Contains))
            Wake();
    }

    public void Wake() => ScopeSignals.Release(raised);

    /// <returns>False when nothing was heard for <paramref name="longest"/>.</returns>
    public Task<bool> Wait(TimeSpan longest, CancellationToken ct) => raised.WaitAsync(longest, ct);

    public void Dispose()
    {
        leave(this);
        raised.Dispose();
    }
}
