using Lockstep.Crypto;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>Decides what an answer of a token endpoint means. Pure.</summary>
/// <remarks>
/// <code>
/// (1) 408, 425, 429, 5xx          not now, whatever the body says
/// (2) a JSON object with "error"  by its code, with any status: some servers send errors with 200
/// (3) 2xx with a bearer token     granted
/// (4) 401                         the client is wrong
/// (5) everything else             malformed: a page of HTML, a redirect, another kind of token, nothing
/// </code>
/// Errors: RFC 6749 section 5.2; refusals beyond it are those of large providers.
/// </remarks>
internal static class TokenAnswers
{
    private static readonly HashSet<string> Refusals = new(StringComparer.Ordinal)
    {
        "invalid_grant", "bad_refresh_token", "invalid_refresh_token", "token_expired", "token_revoked", "interaction_required", "login_required",
        "consent_required",
    };

    private static readonly HashSet<string> Misconfigurations = new(StringComparer.Ordinal)
    {
        "invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type", "invalid_request", "invalid_target", "access_denied",
        "incorrect_client_credentials", "redirect_uri_mismatch",
    };

    private static readonly HashSet<string> Troubles = new(StringComparer.Ordinal)
    {
        "temporarily_unavailable", "server_error", "slow_down", "rate_limited", "rate_limit_exceeded", "too_many_requests",
    };

    /// <param name="body">Complete.</param>
    /// <param name="retryAfter">From the header.</param>
    public static TokenAnswer Classify(int status, ReadOnlySpan<byte> body, TimeSpan? retryAfter, Instant now)
    {
        // (1)
        if (status is 408 or 425 or 429 or >= 500)
            return new TokenAnswer.Unavailable(HttpCode(status), retryAfter);
        using var fields = TokenFields.Read(body);
        // (2)
        if (fields?.Error is { } error)
            return OfError(error, retryAfter);
        // (3)
        if (status is >= 200 and < 300)
            return fields is null ? new TokenAnswer.Malformed("not_json") : OfTokens(fields, now);
        // (4), (5)
        return status == 401 ? new TokenAnswer.Misconfigured(HttpCode(status))
            : status is >= 300 and < 400 ? new TokenAnswer.Malformed("redirect")
            : new TokenAnswer.Malformed(HttpCode(status));
    }

    private static TokenAnswer OfError(string error, TimeSpan? retryAfter) =>
        Refusals.Contains(error) ? new TokenAnswer.Refused(error)
        : Misconfigurations.Contains(error) ? new TokenAnswer.Misconfigured(error)
        : Troubles.Contains(error) ? new TokenAnswer.Unavailable(error, retryAfter)
        // Not repeated: it could be anything, the token that was sent too.
        : new TokenAnswer.Misconfigured("unknown_error");

    private static TokenAnswer OfTokens(TokenFields fields, Instant now)
    {
        if (fields.AccessToken is not { } access)
            return new TokenAnswer.Malformed("no_access_token");
        // Required by RFC 6749 section 5.1 and left out by some; another kind could not be used as a bearer token (RFC 6750).
        if (fields.TokenType is { Length: > 0 } type && !type.Equals("Bearer", StringComparison.OrdinalIgnoreCase))
            return new TokenAnswer.Malformed("token_type");
        if (access.Length > TokenText.MaxAccess || fields.RefreshToken?.Length > TokenText.MaxRefresh)
            return new TokenAnswer.Malformed("token_too_long");
        if (!TokenText.Passes(access) || (fields.RefreshToken is { } refresh && !TokenText.Passes(refresh)))
            return new TokenAnswer.Malformed("token_characters");
        return new TokenAnswer.Granted(Copy(access)!, Copy(fields.RefreshToken), TokenLifetime.FromAnswer(fields.ExpiresIn, now));
    }

    private static string HttpCode(int status) => status switch
    {
        401 => "http_401",
        403 => "http_403",
        404 => "http_404",
        408 => "http_408",
        429 => "http_429",
        500 => "http_500",
        502 => "http_502",
        503 => "http_503",
        504 => "http_504",
        >= 500 => "http_5xx",
        _ => "http_4xx",
    };

    private static Secret? Copy(Secret? secret)
    {
        if (secret is null)
            return null;
        var bytes = secret.RevealBytes();
        try
        {
            return Secret.FromBytes(bytes);
        }
        finally
        {
            System.Security.Cryptography.CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
