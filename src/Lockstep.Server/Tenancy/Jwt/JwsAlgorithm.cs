namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>The whole allow-list of signature algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1). "none" has no member here.</summary>
internal enum JwsAlgorithm
{
    /// <summary>HMAC with SHA-256, by the configured secret alone.</summary>
    HS256,

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256, by an RSA key of the JWKS.</summary>
    RS256,

    /// <summary>ECDSA on P-256 with SHA-256, by an EC key of the JWKS.</summary>
    ES256,

    /// <summary>Ed25519, by an OKP key of the JWKS.</summary>
    EdDSA,
}

internal static class JwsAlgorithmNames
{
    /// <summary>Names are case-sensitive (RFC 7515 section 4.1.1).</summary>
    public static JwsAlgorithm? Parse(string name) => name switch
    {
        "HS256" => JwsAlgorithm.HS256,
        "RS256" => JwsAlgorithm.RS256,
        "ES256" => JwsAlgorithm.ES256,
        "EdDSA" => JwsAlgorithm.EdDSA,
        _ => null,
    };
}
