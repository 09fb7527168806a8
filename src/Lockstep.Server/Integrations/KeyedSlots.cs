namespace Lockstep.Server.Integrations;

/// <summary>How many at once may do something under one key, such as talk to one server.</summary>
internal sealed class KeyedSlots(int most, TimeProvider time)
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, LinkedList<long>> taken = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>Null when the key is busy; else to be disposed when done.</returns>
    public IDisposable? TryTake(string key)
    {
        lock (gate)
        {
            if (!taken.TryGetValue(key, out var slots))
                taken[key] = slots = new LinkedList<long>();
            return slots.Count < most ? new Slot(this, key, slots.AddLast(time.GetTimestamp())) : null;
        }
    }

    /// <summary>For how long the oldest has been at it; zero when nobody is. Says how soon it is worth to ask again.</summary>
    public TimeSpan OldestAge(string key)
    {
        lock (gate)
        {
            return taken.TryGetValue(key, out var slots) && slots.First is { } oldest ? time.GetElapsedTime(oldest.Value) : TimeSpan.Zero;
        }
    }

    private sealed class Slot(KeyedSlots slots, string key, LinkedListNode<long> node) : IDisposable
    {
        public void Dispose()
        {
            lock (slots.gate)
            {
                if (node.List is not { } list)
                    return;
                list.Remove(node);
                if (list.Count == 0)
                    slots.taken.Remove(key);
            }
        }
    }
}
