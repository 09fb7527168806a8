using NodaTime;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>What a verified token says (RFC 7519 section 4.1).</summary>
/// <param name="Issuer"><c>iss</c>, at most 255 characters, or "" when the token has none.</param>
/// <param name="Subject"><c>sub</c> as it came: any text of 1 to 255 characters. <see cref="SubjectId"/> makes it a user id.</param>
/// <param name="Role"><see cref="Authenticated"/>, also when the token has none, or <see cref="ServiceRole"/>.</param>
/// <param name="Email">Null when absent, empty or unusable. Never an identity.</param>
/// <param name="EmailVerified">True only for the JSON value true at the top level: metadata that users edit do not count.</param>
/// <param name="ExpiresAt">First instant at which the token is no longer valid.</param>
internal sealed record JwtClaims(
    string Issuer, string Subject, string Role, string? Email, bool EmailVerified, Instant ExpiresAt, Instant? IssuedAt)
{
    public const string Authenticated = "authenticated";
    public const string ServiceRole = "service_role";

    // Both are kept together in one unique index, whose rows hold 2,704 bytes at most: 2 x 255 x 4 bytes fit.
    public const int MaximumIssuerLength = 255;
    public const int MaximumSubjectLength = 255;

    /// <summary>Whether the HS256 secret of this installation signed it, rather than a key of the JWKS.</summary>
    public bool SignedByOwnSecret { get; init; }
}
