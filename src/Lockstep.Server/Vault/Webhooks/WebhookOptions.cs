namespace Lockstep.Server.Vault.Webhooks;

/// <summary>How messages are delivered.</summary>
internal sealed record WebhookOptions
{
    /// <summary>Deliveries at once on this node. Default 32.</summary>
    public int Parallel { get; init; } = 32;

    /// <summary>Within which a 2xx counts. Default 10 s.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>For how long a message is tried again. Default 3 days.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromDays(3);

    /// <summary>How often is looked for messages. Default 1 s.</summary>
    public TimeSpan Look { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>For how long messages are kept, in days. Default 7.</summary>
    public int KeepDays { get; init; } = 7;
}

/// <summary>When a message is tried again.</summary>
internal static class DeliveryBackoff
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Longest = TimeSpan.FromHours(6);

    /// <param name="attempt">The one that failed, from 1.</param>
    /// <param name="random">0 to 1; spreads messages that failed together over a quarter to both sides.</param>
    public static TimeSpan After(int attempt, double random)
    {
        var steady = Math.Min(First.TotalSeconds * Math.Pow(2, Math.Clamp(attempt, 1, 30) - 1), Longest.TotalSeconds);
        return TimeSpan.FromSeconds(steady * (0.75 + (0.5 * random)));
    }
}
