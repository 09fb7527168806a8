using System.Security.Cryptography;
using System.Text.Json;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Reads one public JSON Web Key (RFC 7517 section 4, RFC 7518 section 6, RFC 8037 section 2).</summary>
internal static class Jwk
{
    private const int MinimumRsaBits = 2048;
    private const int MaximumRsaBits = 8192;
    private const int P256CoordinateBytes = 32;

    /// <returns>Null when it is not a key that may check tokens here; <paramref name="reason"/> says why.</returns>
    public static VerificationKey? Read(JsonElement jwk, Libcrypto? libcrypto, out string? reason)
    {
        reason = null;
        if (jwk.ValueKind != JsonValueKind.Object || !jwk.TryText("kty", out var kind) || kind is null)
            return Refuse("it is not an object with a \"kty\"", out reason);
        if (!jwk.TryText("kid", out var keyId) || keyId is { Length: 0 or > CompactJws.MaximumKeyIdLength })
            return Refuse($"its kid is not text of 1 to {CompactJws.MaximumKeyIdLength} characters", out reason);
        // A private key that is published is everybody's.
        if (jwk.TryGetProperty("d", out _))
            return Refuse("it contains a private key, which everybody who can read the key set now has", out reason);
        if (!ForSignatures(jwk))
            return Refuse("its use or key_ops is not for checking signatures", out reason);
        return kind switch
        {
            "RSA" => Suits(jwk, "RS256") ? Rsa(jwk, keyId, out reason) : Refuse("its alg is not RS256", out reason),
            "EC" => Suits(jwk, "ES256") ? Ec(jwk, keyId, out reason) : Refuse("its alg is not ES256", out reason),
            "OKP" => Suits(jwk, "EdDSA") || Suits(jwk, "Ed25519")
                ? Okp(jwk, keyId, libcrypto, out reason)
                : Refuse("its alg is not EdDSA", out reason),
            // "oct" above all: a shared secret is never taken from the network.
            _ => Refuse("its kty is not RSA, EC or OKP", out reason),
        };
    }

    private static bool ForSignatures(JsonElement jwk)
    {
        if (!jwk.TryText("use", out var use) || use is not (null or "sig"))
            return false;
        if (!jwk.TryGetProperty("key_ops", out var operations))
            return true;
        return operations.ValueKind == JsonValueKind.Array
            && operations.EnumerateArray().Any(operation => operation.ValueKind == JsonValueKind.String && operation.ValueEquals("verify"));
    }

    private static bool Suits(JsonElement jwk, string algorithm) =>
        jwk.TryText("alg", out var named) && (named is null || named == algorithm);

    private static RsaKey? Rsa(JsonElement jwk, string? keyId, out string? reason)
    {
        reason = "its modulus and exponent are not canonical base64url";
        if (Bytes(jwk, "n") is not { } n || Bytes(jwk, "e") is not { } e)
            return null;
        // Some publish a leading zero octet although RFC 7518 section 6.3.1.1 forbids it; it changes nothing once trimmed.
        var parameters = new RSAParameters { Modulus = Trim(n), Exponent = Trim(e) };
        reason = $"its modulus is not odd or has fewer than {MinimumRsaBits} or more than {MaximumRsaBits} bits";
        if (Bits(parameters.Modulus) is < MinimumRsaBits or > MaximumRsaBits || (parameters.Modulus[^1] & 1) == 0)
            return null;
        // With exponent 1 everybody can sign.
        reason = "its exponent is not an odd number from 3 to 2^32 - 1";
        if (Bits(parameters.Exponent) is < 2 or > 32 || (parameters.Exponent[^1] & 1) == 0)
            return null;
        reason = "its modulus and exponent are no RSA key";
        return Usable(() => RSA.Create(parameters)) ? new RsaKey(parameters, keyId) : null;
    }

    private static EcKey? Ec(JsonElement jwk, string? keyId, out string? reason)
    {
        reason = "its curve is not P-256";
        if (!jwk.TryText("crv", out var curve) || curve != "P-256")
            return null;
        reason = $"its coordinates are not {P256CoordinateBytes} bytes of canonical base64url each";
        if (Bytes(jwk, "x") is not { Length: P256CoordinateBytes } x || Bytes(jwk, "y") is not { Length: P256CoordinateBytes } y)
            return null;
        var parameters = new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } };
        reason = "its point is not on the curve";
        return Usable(() => ECDsa.Create(parameters)) ? new EcKey(parameters, keyId) : null;
    }

    private static Ed25519Key? Okp(JsonElement jwk, string? keyId, Libcrypto? libcrypto, out string? reason)
    {
        reason = "its curve is not Ed25519";
        if (!jwk.TryText("crv", out var curve) || curve != "Ed25519")
            return null;
        reason = $"its x is not {Libcrypto.Ed25519PublicKeyBytes} bytes of canonical base64url";
        if (Bytes(jwk, "x") is not { Length: Libcrypto.Ed25519PublicKeyBytes } x)
            return null;
        reason = "OpenSSL's libcrypto, which checks Ed25519, was not found";
        return libcrypto is null ? null : new Ed25519Key(libcrypto, x, keyId);
    }

    private static bool Usable(Func<IDisposable> import)
    {
        try
        {
            import().Dispose();
            return true;
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    private static byte[]? Bytes(JsonElement jwk, string name) =>
        jwk.TryText(name, out var text) && text is { Length: > 0 } ? CanonicalBase64Url.Decode(text) : null;

    private static byte[] Trim(byte[] number) => number.AsSpan().TrimStart((byte)0).ToArray();

    private static int Bits(byte[] number) =>
        number.Length == 0 ? 0 : (number.Length * 8) - (byte.LeadingZeroCount(number[0]));

    private static VerificationKey? Refuse(string because, out string reason)
    {
        reason = because;
        return null;
    }
}
