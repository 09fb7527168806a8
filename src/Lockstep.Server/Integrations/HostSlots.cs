using System.Collections.Concurrent;

namespace Lockstep.Server.Integrations;

/// <summary>How many runs at once may talk to one host, so that a slow one takes neither the worker nor itself down.</summary>
internal sealed class HostSlots(int perHost)
{
    private readonly ConcurrentDictionary<string, int> taken = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>Null when the host is busy; else to be disposed when done.</returns>
    public IDisposable? TryTake(string host)
    {
        while (true)
        {
            var now = taken.GetOrAdd(host, 0);
            if (now >= perHost)
                return null;
            if (taken.TryUpdate(host, now + 1, now))
                return new Slot(this, host);
        }
    }

    private void Free(string host)
    {
        taken.AddOrUpdate(host, 0, (_, now) => now - 1);
        // An idle host's entry goes, unless somebody took it in between.
        taken.TryRemove(new KeyValuePair<string, int>(host, 0));
    }

    private sealed class Slot(HostSlots slots, string host) : IDisposable
    {
        private int freed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref freed, 1) == 0)
                slots.Free(host);
        }
    }
}
