namespace Lockstep.Server.Integrations;

/// <summary>How the worker of this node works.</summary>
internal sealed record IntegrationOptions
{
    /// <summary>Runs at once, those that have become slow not counted. Default 16.</summary>
    public int Parallel { get; init; } = 16;

    /// <summary>Runs at once that talk to one server (host and port). Default 4.</summary>
    public int ParallelPerHost { get; init; } = 4;

    /// <summary>Runs at once for one user or workspace, however many servers they name. Default 4.</summary>
    public int ParallelPerOwner { get; init; } = 4;

    /// <summary>After this time a run gives its place to another and goes on beside. Default 5 s.</summary>
    public TimeSpan SlowAfter { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Slow runs that go on beside the others; further ones keep their place. Default 64.</summary>
    public int MostSlow { get; init; } = 64;

    /// <summary>How long work for a busy server or owner stays with this node before it is given back. Default 2 s.</summary>
    public TimeSpan HostPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>The database is this process's own: leases found at the start are of a process that is dead. Default false.</summary>
    public bool OnlyNode { get; init; }

    /// <summary>How long runs may finish when the server stops, before they are cut at a safe point. Default 3 s.</summary>
    public TimeSpan DrainPatience { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>How long an edit made here waits for others before it is written to its calendar. Default 1 s.</summary>
    public TimeSpan PushDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>Called whenever the worker comes round; health asks whether it still does.</summary>
    public Action Heartbeat { get; init; } = static () => { };
}
