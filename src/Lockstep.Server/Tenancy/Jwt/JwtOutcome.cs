namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>What became of checking a token.</summary>
internal abstract record JwtOutcome
{
    private JwtOutcome() { }

    /// <summary>The signature holds, and the claims are acceptable now.</summary>
    public sealed record Valid(JwtClaims Claims) : JwtOutcome;

    /// <summary>The token must not be believed.</summary>
    public sealed record Invalid(JwtFault Fault) : JwtOutcome;
}

/// <summary>Why a token is not believed. Faults of the claims are told only after the signature holds.</summary>
internal enum JwtFault
{
    /// <summary>It is not a compact JWS with a JSON header and JSON claims, a member has the wrong type, or <c>exp</c> is missing.</summary>
    Malformed,

    /// <summary>Its <c>alg</c> is none of those that this installation has keys for.</summary>
    AlgorithmNotAllowed,

    /// <summary>No key of the JWKS has its <c>kid</c> and algorithm, or it has no <c>kid</c> and not exactly one key fits.</summary>
    UnknownKey,

    /// <summary>The signature was not made by the key over this content.</summary>
    BadSignature,

    /// <summary>The time in <c>exp</c> has come.</summary>
    Expired,

    /// <summary>The time in <c>nbf</c> or <c>iat</c> lies more than a minute ahead.</summary>
    NotYetValid,

    /// <summary><c>iss</c> is not the configured issuer.</summary>
    WrongIssuer,

    /// <summary><c>aud</c> is missing or does not hold the configured audience.</summary>
    WrongAudience,

    /// <summary><c>sub</c> is missing, empty, longer than 255 characters or not text.</summary>
    MissingSubject,

    /// <summary><c>role</c> is neither <c>authenticated</c> nor <c>service_role</c>.</summary>
    RoleNotAllowed,

    /// <summary>The JWKS could not be fetched, so nothing is known about the token; the same token may be valid later.</summary>
    KeysUnavailable,
}
