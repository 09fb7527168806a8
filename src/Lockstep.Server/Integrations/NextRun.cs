namespace Lockstep.Server.Integrations;

/// <summary>When to look again.</summary>
/// <param name="PauseReason">One of <see cref="PauseReasons"/>, or null.</param>
/// <param name="PauseFor">Null with a reason: until something changes.</param>
internal sealed record NextRun(TimeSpan In, string? PauseReason, TimeSpan? PauseFor)
{
    /// <summary>Longest pause between two attempts at a server that fails.</summary>
    public static readonly TimeSpan LongestBackoff = TimeSpan.FromMinutes(15);

    /// <summary>Longest pause before the first attempt after a good run.</summary>
    public static readonly TimeSpan FirstRetry = TimeSpan.FromMinutes(1);

    /// <summary>Longest wait that a server may ask for.</summary>
    public static readonly TimeSpan LongestRetryAfter = TimeSpan.FromHours(24);

    /// <summary>The part of an interval that is drawn, downwards only, so that no change waits longer than its owner was told.</summary>
    private const double Jitter = 0.1;

    /// <summary>How often a wait doubles.</summary>
    private const int Doublings = 10;

    /// <param name="interval">From its schedule.</param>
    /// <param name="failures">Runs in a row that failed before this one.</param>
    /// <param name="chance">From 0 up to 1.</param>
    public static NextRun After(SyncReport report, TimeSpan interval, int failures, double chance) => report.Failure switch
    {
        null or { Kind: FailureKind.Partial } => new(OnSchedule(report, interval, chance), null, null),
        { Kind: FailureKind.Unauthorized } => new(interval, PauseReasons.Unauthorized, null),
        { Kind: FailureKind.CredentialRevoked } => new(interval, PauseReasons.CredentialRevoked, null),
        { Kind: FailureKind.MassDelete } => new(interval, PauseReasons.MassDelete, null),
        { Kind: FailureKind.Throttled, RetryAfter: var asked } => Throttled(asked, interval, failures, chance),
        _ => new(Backoff(interval, failures, LongestBackoff, chance), null, null),
    };

    private static TimeSpan OnSchedule(SyncReport report, TimeSpan interval, double chance)
    {
        var wait = (interval * (1 - (Jitter * chance))) - report.Took;
        return wait > TimeSpan.FromSeconds(1) ? wait : TimeSpan.FromSeconds(1);
    }

    private static NextRun Throttled(TimeSpan? asked, TimeSpan interval, int failures, double chance)
    {
        // A server that says "0 s" again and again still gets ever more rest.
        var floor = Backoff(interval, failures, TimeSpan.FromHours(1), chance);
        var wait = asked is { } said && said > floor ? said : floor;
        if (wait > LongestRetryAfter)
            wait = LongestRetryAfter;
        return new(wait, PauseReasons.Throttled, wait);
    }

    private static TimeSpan Backoff(TimeSpan interval, int failures, TimeSpan longest, double chance)
    {
        // Who looks once an hour has missed one look already: the next attempt is as soon as for everybody.
        var first = interval < FirstRetry ? interval : FirstRetry;
        var wait = first * Math.Pow(2, Math.Min(failures, Doublings));
        // In the end a server that fails is not asked more often than its schedule says.
        var most = longest > interval ? longest : interval;
        return (wait < most ? wait : most) * (1 - (Jitter * chance));
    }
}
