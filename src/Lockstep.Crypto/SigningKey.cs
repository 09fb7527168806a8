namespace Lockstep.Crypto;

/// <summary>
/// Signs for one purpose with a key derived from a data key: whoever holds the wrapped data key and its provider can sign, everybody with the
/// public key can check. Rewrapping the data key changes nothing about it. ECDSA on P-256 with SHA-256, since the framework has no Ed25519.
/// </summary>
public sealed class SigningKey : IDisposable
{
    private const string Label = "lockstep/signing-key/v1";
    private const int KeyIdBytes = 8;

    private readonly EcdsaKey key;

    private SigningKey(Guid dataKey, EcdsaKey key)
    {
        this.key = key;
        DataKey = dataKey;
        PublicKey = key.ExportSubjectPublicKeyInfo();
        KeyId = IdOf(PublicKey);
    }

    /// <summary>The data key that it comes from.</summary>
    public Guid DataKey { get; }

    /// <summary>SubjectPublicKeyInfo, DER: what <c>openssl pkey -pubin -inform DER</c> reads.</summary>
    public byte[] PublicKey { get; }

    /// <summary><see cref="IdOf"/> of the public key.</summary>
    public string KeyId { get; }

    /// <param name="purpose">Separates keys from the same data key.</param>
    public static SigningKey Derive(DataKey dataKey, string purpose)
    {
        ArgumentNullException.ThrowIfNull(dataKey);
        ArgumentException.ThrowIfNullOrEmpty(purpose);
        Span<byte> input = stackalloc byte[Primitives.KeyBytes];
        Span<byte> seed = stackalloc byte[Primitives.EcdsaSeedBytes];
        try
        {
            dataKey.Key.RevealTo(input);
            Primitives.HkdfSha256(input, new Binding(Label).Add(purpose).Add(dataKey.Name.Id).Bytes, seed);
            return new SigningKey(dataKey.Name.Id, Primitives.EcdsaFrom(seed));
        }
        finally
        {
            Primitives.Clear(input);
            Primitives.Clear(seed);
        }
    }

    /// <summary>The first 16 hexadecimal digits of SHA-256 over the public key.</summary>
    public static string IdOf(ReadOnlySpan<byte> publicKey)
    {
        Span<byte> hash = stackalloc byte[Primitives.HashBytes];
        Primitives.Sha256(publicKey, hash);
        return Convert.ToHexStringLower(hash[..KeyIdBytes]);
    }

    /// <returns>64 bytes: r and s (IEEE P1363).</returns>
    public byte[] Sign(ReadOnlySpan<byte> message) => Primitives.EcdsaSign(key, message);

    /// <returns>False also when <paramref name="publicKey"/> is no key of P-256.</returns>
    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        Primitives.EcdsaVerify(publicKey, message, signature);

    public void Dispose() => key.Dispose();
}
