namespace Lockstep.Server.Integrations;

/// <summary>How the worker of this node works.</summary>
internal sealed record IntegrationOptions
{
    /// <summary>Runs at once. Default 16.</summary>
    public int Parallel { get; init; } = 16;

    /// <summary>Runs at once that talk to one host. Default 2.</summary>
    public int ParallelPerHost { get; init; } = 2;

    /// <summary>How long work for a busy host stays with this node before it is given back. Default 2 s.</summary>
    public TimeSpan HostPatience { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long runs may finish when the server stops, before they are cut at a safe point. Default 3 s.</summary>
    public TimeSpan DrainPatience { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Called whenever the worker comes round; health asks whether it still does.</summary>
    public Action Heartbeat { get; init; } = static () => { };
}
