namespace Lockstep.Server.Vault.Keys;

/// <summary>Bounds what the local ring may do for a provider that is away, so that an outage nobody looks at does not become the normal state.</summary>
internal sealed class StandInBudget(KeyProviderOptions options, TimeProvider time)
{
    private readonly Lock gate = new();
    private long? since;
    private int writes;

    /// <summary>Values sealed with the stand-in's help since the provider went away.</summary>
    public int Writes
    {
        get
        {
            lock (gate)
                return writes;
        }
    }

    /// <returns>Whether one more write is within the budget.</returns>
    public bool Take()
    {
        lock (gate)
        {
            since ??= time.GetTimestamp();
            if (!options.StandIn || writes >= options.StandInWrites || time.GetElapsedTime(since.Value) >= TimeSpan.FromMinutes(options.StandInMinutes))
                return false;
            writes++;
            return true;
        }
    }

    /// <summary>The provider is back.</summary>
    public void Reset()
    {
        lock (gate)
            (since, writes) = (null, 0);
    }
}
