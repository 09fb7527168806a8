using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>When an access token expires and when it is refreshed.</summary>
/// <param name="ExpiresAt">Null: not known.</param>
/// <param name="RefreshAt">From then on it is refreshed before it is released.</param>
internal readonly record struct TokenLifetime(Instant? ExpiresAt, Instant RefreshAt)
{
    /// <summary>A token that expires within it is refreshed: what is released should outlive the request that it is for.</summary>
    public static readonly Duration Margin = Duration.FromSeconds(60);

    /// <summary>Of a token whose end is not told (RFC 6749 section 5.1 only recommends <c>expires_in</c>).</summary>
    public static readonly Duration Assumed = Duration.FromHours(1);

    /// <summary>What a server may claim at most; more is taken for this.</summary>
    public static readonly Duration Longest = Duration.FromDays(366);

    /// <summary>Short-lived tokens keep most of their life: the margin is at most this part of it.</summary>
    private const double LargestPart = 0.2;

    /// <param name="expiresIn">Seconds; null, zero, negative and what is no number count as not told.</param>
    public static TokenLifetime FromAnswer(double? expiresIn, Instant now) =>
        expiresIn is not > 0 ? Of(null, now) : Of(now + Duration.FromSeconds(Math.Min(expiresIn.Value, Longest.TotalSeconds)), now);

    public static TokenLifetime Of(Instant? expiresAt, Instant now)
    {
        if (expiresAt is not { } end)
            return new(null, now + Assumed);
        var part = Duration.Max(end - now, Duration.Zero) * LargestPart;
        return new(end, end - Duration.Min(Margin, part));
    }
}
