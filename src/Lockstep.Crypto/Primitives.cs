// Held by name elsewhere, used here alone.
global using AesCipher = System.Security.Cryptography.Aes;
global using EcdsaKey = System.Security.Cryptography.ECDsa;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Security.Cryptography;

namespace Lockstep.Crypto;

/// <summary>
/// Every call of a cryptographic primitive in this library, so that all of them can be reviewed on one page.
/// AES-256-GCM (NIST SP 800-38D), HKDF (RFC 5869), HMAC (RFC 2104), PBKDF2 (RFC 8018 section 5.2), each over SHA-256; ECDSA on P-256 (FIPS 186-5).
/// </summary>
internal static class Primitives
{
    /// <summary>An AES-256 key, a data key, a master key.</summary>
    public const int KeyBytes = 32;

    /// <summary>96 bits: the only nonce size for which GCM needs no extra hashing (SP 800-38D section 8.2).</summary>
    public const int NonceBytes = 12;

    /// <summary>128 bits, always: a shorter tag makes forgery cheaper (SP 800-38D appendix C).</summary>
    public const int TagBytes = 16;

    /// <summary>SHA-256 and HMAC-SHA-256.</summary>
    public const int HashBytes = 32;

    /// <summary>How many bytes <see cref="EcdsaFrom"/> takes: 128 bits more than the order has, so that no scalar is noticeably likelier.</summary>
    public const int EcdsaSeedBytes = 48;

    private static readonly BigInteger P256Order = BigInteger.Parse(
        "00FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551", NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    public static void Random(Span<byte> destination) => RandomNumberGenerator.Fill(destination);

    public static void AesGcmSeal(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> plaintext,
        ReadOnlySpan<byte> associatedData,
        Span<byte> ciphertext,
        Span<byte> tag)
    {
        RequireSizes(key, nonce, tag);
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(nonce, plaintext, ciphertext, tag, associatedData);
    }

    /// <returns>False when the tag does not fit; <paramref name="plaintext"/> is then all zero.</returns>
    public static bool AesGcmOpen(
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> nonce,
        ReadOnlySpan<byte> ciphertext,
        ReadOnlySpan<byte> tag,
        ReadOnlySpan<byte> associatedData,
        Span<byte> plaintext)
    {
        RequireSizes(key, nonce, tag);
        using var aes = new AesGcm(key, TagBytes);
        try
        {
            aes.Decrypt(nonce, ciphertext, tag, plaintext, associatedData);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            Clear(plaintext);
            return false;
        }
    }

    public static AesCipher AesBlockCipher(ReadOnlySpan<byte> key)
    {
        var aes = AesCipher.Create();
        aes.SetKey(key);
        return aes;
    }

    /// <summary>One block under AES-256, for what GCM is made of where its nonce has another length than <see cref="AesGcm"/> takes.</summary>
    public static void AesBlock(AesCipher aes, ReadOnlySpan<byte> block, Span<byte> output) => aes.EncryptEcb(block, output, PaddingMode.None);

    /// <summary>Extract with an empty salt (the input is a uniformly random key), then expand to fill <paramref name="output"/>.</summary>
    public static void HkdfSha256(ReadOnlySpan<byte> inputKey, ReadOnlySpan<byte> info, Span<byte> output) =>
        HkdfSha256(inputKey, salt: default, info, output);

    public static void HkdfSha256(ReadOnlySpan<byte> inputKey, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> info, Span<byte> output) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, inputKey, output, salt, info);

    public static void HmacSha256(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, Span<byte> output) =>
        HMACSHA256.HashData(key, message, output);

    public static void Sha256(ReadOnlySpan<byte> message, Span<byte> output) => SHA256.HashData(message, output);

    /// <summary>SCRAM's Hi() (RFC 5802 section 2.2) is PBKDF2 with one block of output.</summary>
    [SuppressMessage("Security", "CA5387:Do not use weak key derivation function with insufficient iteration count",
        Justification = "SCRAM fixes the count; the passwords derived here are 256-bit keys, not words.")]
    public static void Pbkdf2Sha256(ReadOnlySpan<byte> password, ReadOnlySpan<byte> salt, int iterations, Span<byte> output) =>
        Rfc2898DeriveBytes.Pbkdf2(password, salt, output, iterations, HashAlgorithmName.SHA256);

    /// <summary>The private key of P-256 that 48 uniformly random bytes stand for (FIPS 186-5 section A.2.1: extra random bits, then mod n - 1, plus 1).</summary>
    public static EcdsaKey EcdsaFrom(ReadOnlySpan<byte> random)
    {
        var scalar = (new BigInteger(random, isUnsigned: true, isBigEndian: true) % (P256Order - 1)) + 1;
        var bytes = new byte[KeyBytes];
        try
        {
            var written = scalar.GetByteCount(isUnsigned: true);
            scalar.TryWriteBytes(bytes.AsSpan(KeyBytes - written), out _, isUnsigned: true, isBigEndian: true);
            return ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = bytes });
        }
        finally
        {
            Clear(bytes);
        }
    }

    public static byte[] EcdsaSign(EcdsaKey key, ReadOnlySpan<byte> message) =>
        key.SignData(message, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <param name="publicKey">SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).</param>
    /// <returns>False also when that is no key of P-256.</returns>
    public static bool EcdsaVerify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        using var key = ECDsa.Create();
        try
        {
            key.ImportSubjectPublicKeyInfo(publicKey, out var read);
            return read == publicKey.Length
                && key.ExportParameters(false).Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value
                && key.VerifyData(message, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (CryptographicException)
        {
            return false;
        }
    }

    /// <summary>Takes the same time wherever the first difference is.</summary>
    public static bool FixedTimeEquals(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        CryptographicOperations.FixedTimeEquals(left, right);

    /// <summary>Zeroes in a way that the compiler may not remove.</summary>
    public static void Clear(Span<byte> buffer) => CryptographicOperations.ZeroMemory(buffer);

    private static void RequireSizes(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> tag)
    {
        // AesGcm itself would take a 128-bit key.
        if (key.Length != KeyBytes || nonce.Length != NonceBytes || tag.Length != TagBytes)
            throw new ArgumentException("AES-256-GCM takes a 32-byte key, a 12-byte nonce and a 16-byte tag.");
    }
}
