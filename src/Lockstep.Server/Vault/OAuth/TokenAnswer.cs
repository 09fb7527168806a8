using Lockstep.Crypto;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>What came of asking a token endpoint. A code is one of a fixed list: nothing that a server sends is repeated anywhere.</summary>
internal abstract record TokenAnswer
{
    private TokenAnswer() { }

    /// <param name="Refresh">Null: the former one stays (RFC 6749 section 6). The receiver disposes both.</param>
    public sealed record Granted(Secret Access, Secret? Refresh, TokenLifetime Life) : TokenAnswer;

    /// <summary>The refresh token is expired, revoked or used up: somebody has to grant access anew.</summary>
    public sealed record Refused(string Code) : TokenAnswer;

    /// <summary>The client, its secret, the scope or the address is wrong: somebody has to mend that, here or there.</summary>
    public sealed record Misconfigured(string Code) : TokenAnswer;

    /// <summary>Not now.</summary>
    /// <param name="RetryAfter">What the server asked for; null when it did not say.</param>
    public sealed record Unavailable(string Code, TimeSpan? RetryAfter) : TokenAnswer;

    /// <summary>It answered, and not as RFC 6749 section 5 says.</summary>
    public sealed record Malformed(string Code) : TokenAnswer;
}
