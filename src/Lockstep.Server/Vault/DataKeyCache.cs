using Lockstep.Crypto;

namespace Lockstep.Server.Vault;

/// <summary>Unwrapped data keys, so that most operations need no unwrapping. It never holds a stored secret.</summary>
/// <remarks>
/// Bounded by <see cref="MaxEntries"/>, <see cref="MaxAge"/> and <see cref="MaxUses"/>; what falls out is zeroed as soon as its last user
/// lets go. A cached key gives nobody access: each use starts with the row, which PostgreSQL hands out or does not.
/// </remarks>
internal sealed class DataKeyCache : IDisposable
{
    public const int MaxEntries = 10_000;

    /// <summary>Openings and sealings with one key, before it is unwrapped anew.</summary>
    public const int MaxUses = 1 << 20;

    /// <summary>Sealings that one look at the database reserves; see <c>data_keys.uses</c>.</summary>
    public const int SealingsReserved = 1 << 16;

    public static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(10);

    private readonly Lock gate = new();
    private readonly Dictionary<Guid, Entry> byId = [];
    private readonly Dictionary<string, Guid> activeOf = new(StringComparer.Ordinal);
    private readonly LinkedList<Entry> leastUsedFirst = [];
    private readonly TimeProvider time;
    private readonly ITimer sweeper;

    public DataKeyCache(TimeProvider time)
    {
        this.time = time;
        // An idle process must not keep keys longer than a busy one.
        sweeper = time.CreateTimer(_ => Sweep(), null, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(1));
    }

    public int Count
    {
        get
        {
            lock (gate)
                return byId.Count;
        }
    }

    /// <summary>The key under which a tenant's new values are sealed, for one sealing; null when it is not here, or its reservation is used up.</summary>
    public Lease? Active(string tenant)
    {
        lock (gate)
        {
            if (!activeOf.TryGetValue(tenant, out var id) || Take(id) is not { } lease)
                return null;
            if (lease.TrySeal())
                return lease;
            lease.Dispose();
            activeOf.Remove(tenant);
            return null;
        }
    }

    /// <param name="active">Whether it is its tenant's active one, for <see cref="Active"/> from now on: <see cref="SealingsReserved"/>
    /// sealings were reserved, and this lease is for one of them.</param>
    /// <param name="standIn">With <paramref name="active"/>: whether the local ring wrapped it in the first provider's stead.</param>
    public Lease? Find(Guid id, bool active, bool standIn = false)
    {
        lock (gate)
        {
            var lease = Take(id);
            if (lease is not null && active)
            {
                activeOf[lease.Key.Tenant] = id;
                lease.Reserve(standIn);
            }
            return lease;
        }
    }

    /// <summary>Takes <paramref name="key"/> over, or disposes it when another thread was first.</summary>
    public Lease Add(DataKey key, bool active)
    {
        lock (gate)
        {
            if (Find(key.Name.Id, active) is { } present)
            {
                key.Dispose();
                return present;
            }
            var entry = new Entry(key, time.GetTimestamp());
            byId[key.Name.Id] = entry;
            entry.Node = leastUsedFirst.AddLast(entry);
            while (byId.Count > MaxEntries)
                Drop(leastUsedFirst.First!.Value);
            return Find(key.Name.Id, active)!;
        }
    }

    /// <summary>Forgets every key of a tenant, as when they were shredded.</summary>
    public void Purge(string tenant)
    {
        lock (gate)
        {
            foreach (var entry in byId.Values.Where(entry => entry.Key.Tenant == tenant).ToList())
                Drop(entry);
        }
    }

    public void Dispose()
    {
        sweeper.Dispose();
        lock (gate)
        {
            while (leastUsedFirst.First is { } first)
                Drop(first.Value);
        }
    }

    private void Sweep()
    {
        lock (gate)
        {
            foreach (var entry in byId.Values.Where(IsOld).ToList())
                Drop(entry);
        }
    }

    private bool IsOld(Entry entry) => time.GetElapsedTime(entry.Added) >= MaxAge;

    private Lease? Take(Guid id)
    {
        if (!byId.TryGetValue(id, out var entry))
            return null;
        if (!IsOld(entry) && entry.Uses < MaxUses)
        {
            // While the provider is away nobody brings back what many new tenants push out: what is in use stays.
            leastUsedFirst.Remove(entry.Node!);
            leastUsedFirst.AddLast(entry.Node!);
            return new Lease(this, entry);
        }
        Drop(entry);
        return null;
    }

    private void Drop(Entry entry)
    {
        byId.Remove(entry.Key.Name.Id);
        leastUsedFirst.Remove(entry.Node!);
        if (activeOf.TryGetValue(entry.Key.Tenant, out var active) && active == entry.Key.Name.Id)
            activeOf.Remove(entry.Key.Tenant);
        entry.Dropped = true;
        if (entry.Users == 0)
            entry.Key.Dispose();
    }

    private void Release(Entry entry)
    {
        lock (gate)
        {
            entry.Users--;
            if (entry is { Dropped: true, Users: 0 })
                entry.Key.Dispose();
        }
    }

    internal sealed class Entry(DataKey key, long added)
    {
        public DataKey Key => key;

        public long Added => added;

        public LinkedListNode<Entry>? Node { get; set; }

        public int Users { get; set; }

        public int Uses { get; set; }

        public int SealingsLeft { get; set; }

        public bool StandIn { get; set; }

        public bool Dropped { get; set; }
    }

    /// <summary>Keeps a key usable until it is disposed, even when the cache drops it meanwhile.</summary>
    internal sealed class Lease : IDisposable
    {
        private readonly DataKeyCache cache;
        private readonly Entry entry;
        private bool released;

        /// <summary>Under the cache's lock.</summary>
        internal Lease(DataKeyCache cache, Entry entry)
        {
            this.cache = cache;
            this.entry = entry;
            entry.Users++;
            entry.Uses++;
        }

        public DataKey Key => entry.Key;

        /// <summary>The local ring had wrapped it in the first provider's stead when it was read.</summary>
        public bool StandIn => entry.StandIn;

        /// <summary>Under the cache's lock.</summary>
        internal bool TrySeal() => entry.SealingsLeft > 0 && entry.SealingsLeft-- > 0;

        /// <summary>Under the cache's lock.</summary>
        internal void Reserve(bool standIn)
        {
            entry.SealingsLeft += SealingsReserved - 1;
            entry.StandIn = standIn;
        }

        public void Dispose()
        {
            if (released)
                return;
            released = true;
            cache.Release(entry);
        }
    }
}
