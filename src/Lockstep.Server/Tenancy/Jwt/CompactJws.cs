using System.Text;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>A parsed, unverified JWS in compact serialization (RFC 7515 section 7.1).</summary>
/// <param name="KeyId"><c>kid</c>, or null.</param>
/// <param name="SigningInput">The ASCII bytes that the signature covers: header, dot, payload as they came.</param>
internal sealed record CompactJws(JwsAlgorithm Algorithm, string? KeyId, byte[] SigningInput, byte[] Payload, byte[] Signature)
{
    /// <summary>Longest accepted token, in characters; also what a request header may hold in front of it.</summary>
    public const int MaximumLength = 16 * 1024;

    public const int MaximumKeyIdLength = 255;

    /// <summary>Takes a token apart. Header members that name a key (<c>jwk</c>, <c>jku</c>, <c>x5c</c>, <c>x5u</c>) have no say.</summary>
    /// <returns>Null when <paramref name="jws"/> was made; else why not.</returns>
    public static JwtFault? Parse(string token, out CompactJws? jws)
    {
        jws = null;
        if (token.Length > MaximumLength || token.AsSpan().Count('.') != 2)
            return JwtFault.Malformed;
        var first = token.IndexOf('.', StringComparison.Ordinal);
        var second = token.LastIndexOf('.');
        if (CanonicalBase64Url.Decode(token.AsSpan(0, first)) is not { } header
            || CanonicalBase64Url.Decode(token.AsSpan(first + 1, second - first - 1)) is not { } payload
            || CanonicalBase64Url.Decode(token.AsSpan(second + 1)) is not { } signature)
            return JwtFault.Malformed;

        using var document = JoseJson.ParseObject(header);
        // No extension is understood here, so each critical one must be refused (RFC 7515 section 4.1.11).
        if (document is not { RootElement: var root } || root.TryGetProperty("crit", out _))
            return JwtFault.Malformed;
        if (!root.TryText("alg", out var name) || name is null
            || !root.TryText("kid", out var kid) || kid is { Length: 0 or > MaximumKeyIdLength })
            return JwtFault.Malformed;
        if (JwsAlgorithmNames.Parse(name) is not { } algorithm)
            return JwtFault.AlgorithmNotAllowed;

        jws = new CompactJws(algorithm, kid, Encoding.ASCII.GetBytes(token, 0, second), payload, signature);
        return null;
    }
}
