using NodaTime;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Decides whether a bearer token is believed (RFC 7519 section 7.2, hardened by RFC 8725).</summary>
/// <param name="jwks">The keys at <see cref="JwtOptions.JwksUrl"/>, or null when there is none: only HS256 is accepted then.</param>
internal sealed class JwtVerifier(JwtOptions options, JwksKeys? jwks, TimeProvider time)
{
    private readonly HmacKey? secret = options.Secret is { } bytes ? new HmacKey(bytes.Span) : null;

    /// <summary>Checks a compact token as it stood after "Bearer ". Never throws for what the token holds.</summary>
    public async ValueTask<JwtOutcome> VerifyAsync(string token, CancellationToken ct)
    {
        // (1) Shape and allow-list, before any key is looked for.
        if (CompactJws.Parse(token, out var jws) is { } fault)
            return new JwtOutcome.Invalid(fault);

        // (2) The key, from the one source that belongs to the algorithm.
        VerificationKey? key;
        if (jws!.Algorithm == JwsAlgorithm.HS256)
        {
            key = secret;
        }
        else if (jwks is null || (jws.Algorithm == JwsAlgorithm.EdDSA && Libcrypto.Shared is null))
        {
            key = null;
        }
        else
        {
            var lookup = await jwks.FindAsync(jws.Algorithm, jws.KeyId, ct);
            if (lookup is not KeyLookup.Found found)
                return new JwtOutcome.Invalid(lookup is KeyLookup.Unknown ? JwtFault.UnknownKey : JwtFault.KeysUnavailable);
            key = found.Key;
        }

        if (key is null)
            return new JwtOutcome.Invalid(JwtFault.AlgorithmNotAllowed);

        // (3) The signature, before any claim is read.
        if (!key.Verifies(jws.SigningInput, jws.Signature))
            return new JwtOutcome.Invalid(JwtFault.BadSignature);

        // (4) The claims.
        var outcome = ClaimsReader.Read(jws.Payload, options, Instant.FromDateTimeOffset(time.GetUtcNow()));
        return outcome is JwtOutcome.Valid valid
            ? new JwtOutcome.Valid(valid.Claims with { SignedByOwnSecret = ReferenceEquals(key, secret) })
            : outcome;
    }
}
