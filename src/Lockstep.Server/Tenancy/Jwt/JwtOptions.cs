namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>How bearer tokens are checked. At least one of <paramref name="Secret"/> and <paramref name="JwksUrl"/> is needed.</summary>
/// <param name="Secret">Key of HS256 tokens, 32 bytes or more (RFC 7518 section 3.2); null refuses HS256. A secret given as text
/// counts as its UTF-8 bytes, as other issuers of HS256 tokens take it.</param>
/// <param name="JwksUrl">Where the keys of RS256, ES256 and EdDSA tokens are published (RFC 7517 section 5); null refuses those.</param>
/// <param name="Issuer">What <c>iss</c> must equal; null accepts any issuer, and tokens without one.</param>
/// <param name="Audience">What <c>aud</c> must equal or contain; null does not look at it.</param>
internal sealed record JwtOptions(ReadOnlyMemory<byte>? Secret, string? JwksUrl, string? Issuer, string? Audience)
{
    public const int MinimumSecretBytes = 32;

    /// <returns>One sentence for each thing that is wrong; empty when tokens can be checked. No sentence holds the secret.</returns>
    public IReadOnlyList<string> Validate()
    {
        var problems = new List<string>();
        if (Secret is null && JwksUrl is null)
            problems.Add("No token can be checked: set LOCKSTEP_JWT_SECRET (HS256) or LOCKSTEP_JWKS_URL (RS256, ES256, EdDSA).");
        if (Secret is { Length: var length } && length < MinimumSecretBytes)
            problems.Add(
                $"LOCKSTEP_JWT_SECRET is {length} bytes long; HS256 needs {MinimumSecretBytes} or more. Make one with: openssl rand -base64 48");
        if (JwksUrl is not null && Problem(JwksUrl) is { } problem)
            problems.Add($"LOCKSTEP_JWKS_URL {problem}");
        if (Issuer is not null && (Issuer.Length is 0 or > JwtClaims.MaximumIssuerLength || Issuer.Contains('\0')))
            problems.Add($"LOCKSTEP_JWT_ISSUER must have 1 to {JwtClaims.MaximumIssuerLength} characters; unset it to accept any issuer.");
        if (Audience is { Length: 0 })
            problems.Add("LOCKSTEP_JWT_AUDIENCE is empty; unset it to accept any audience.");
        return problems;
    }

    private static string? Problem(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp))
            return "is not an absolute http or https URL, such as https://id.example.com/.well-known/jwks.json.";
        return uri.UserInfo.Length > 0 ? "holds a user name or password; a key set is public, so remove them." : null;
    }
}
