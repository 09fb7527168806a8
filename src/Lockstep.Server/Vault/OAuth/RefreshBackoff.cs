namespace Lockstep.Server.Vault.OAuth;

/// <summary>How long a token endpoint that gave no token is left alone. Pure.</summary>
internal static class RefreshBackoff
{
    public static readonly TimeSpan Longest = TimeSpan.FromMinutes(15);

    /// <summary>What a server may ask for at most.</summary>
    public static readonly TimeSpan LongestAsked = TimeSpan.FromHours(1);

    /// <summary>The part of a wait that is drawn, so that what failed together does not come back together.</summary>
    private const double Jitter = 0.3;

    private const int Doublings = 12;

    /// <param name="failures">In a row before this one.</param>
    /// <param name="chance">From 0 up to 1.</param>
    public static TimeSpan After(TokenAnswer answer, int failures, double chance)
    {
        var first = TimeSpan.FromSeconds(answer switch
        {
            TokenAnswer.Unavailable => 2,
            TokenAnswer.Malformed => 10,
            // Mended by people, on their time.
            _ => 30,
        });
        var wait = first * Math.Pow(2, Math.Min(failures, Doublings));
        var drawn = (wait < Longest ? wait : Longest) * (1 - (Jitter * chance));
        return answer is TokenAnswer.Unavailable { RetryAfter: { } asked } && asked > drawn ? (asked < LongestAsked ? asked : LongestAsked) : drawn;
    }
}
