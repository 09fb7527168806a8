using System.Collections.Concurrent;
using System.Security.Cryptography;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>A key bound to the one algorithm it may check, so that no header can turn a public key into an HMAC secret
/// (RFC 8725 sections 2.1 and 3.1). Safe for concurrent use.</summary>
internal abstract class VerificationKey(JwsAlgorithm algorithm, string? keyId)
{
    public JwsAlgorithm Algorithm { get; } = algorithm;

    /// <summary><c>kid</c>, or null.</summary>
    public string? KeyId { get; } = keyId;

    public abstract bool Verifies(byte[] signingInput, byte[] signature);
}

/// <summary>HS256 (RFC 7518 section 3.2).</summary>
internal sealed class HmacKey : VerificationKey
{
    private readonly byte[] secret;

    /// <exception cref="ArgumentException">The secret is shorter than <see cref="JwtOptions.MinimumSecretBytes"/>.</exception>
    public HmacKey(ReadOnlySpan<byte> secret)
        : base(JwsAlgorithm.HS256, keyId: null)
    {
        if (secret.Length < JwtOptions.MinimumSecretBytes)
            throw new ArgumentException($"HS256 needs a secret of {JwtOptions.MinimumSecretBytes} bytes or more.", nameof(secret));
        this.secret = secret.ToArray();
    }

    public byte[] Sign(byte[] signingInput) => HMACSHA256.HashData(secret, signingInput);

    public override bool Verifies(byte[] signingInput, byte[] signature) =>
        CryptographicOperations.FixedTimeEquals(Sign(signingInput), signature);
}

/// <summary>RS256 (RFC 7518 section 3.3).</summary>
internal sealed class RsaKey(RSAParameters parameters, string? keyId) : VerificationKey(JwsAlgorithm.RS256, keyId)
{
    private readonly Spares<RSA> spares = new(() => RSA.Create(parameters));

    public override bool Verifies(byte[] signingInput, byte[] signature) =>
        signature.Length == parameters.Modulus!.Length
        && spares.Use(rsa => rsa.VerifyData(signingInput, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
}

/// <summary>ES256: the signature is R and S, 32 bytes each, not DER (RFC 7518 section 3.4).</summary>
internal sealed class EcKey(ECParameters parameters, string? keyId) : VerificationKey(JwsAlgorithm.ES256, keyId)
{
    private readonly Spares<ECDsa> spares = new(() => ECDsa.Create(parameters));

    public override bool Verifies(byte[] signingInput, byte[] signature) =>
        signature.Length == 64
        && spares.Use(ec => ec.VerifyData(
            signingInput, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
}

/// <summary>EdDSA with Ed25519 (RFC 8037 section 3.1).</summary>
internal sealed class Ed25519Key(Libcrypto libcrypto, byte[] publicKey, string? keyId) : VerificationKey(JwsAlgorithm.EdDSA, keyId)
{
    public override bool Verifies(byte[] signingInput, byte[] signature) =>
        libcrypto.VerifiesEd25519(publicKey, signingInput, signature);
}

/// <summary>Lends key objects to one caller each: the framework's are not safe for concurrent use, and making one for each token
/// costs more than the check. What is left is freed by the finalizers of their handles when the key set is replaced.</summary>
internal sealed class Spares<T>(Func<T> make)
{
    private readonly ConcurrentBag<T> idle = [];

    public bool Use(Func<T, bool> check)
    {
        var item = idle.TryTake(out var spare) ? spare : make();
        var result = check(item);
        idle.Add(item);
        return result;
    }
}
