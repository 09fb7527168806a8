namespace Lockstep.Crypto;

/// <summary>
/// Authenticated encryption that is bound to a place and commits to its key.
/// <code>
///   key (32) --HKDF-SHA-256, info = binding--> 64 bytes: [0..32) AES key, [32..64) commitment
///   nonce      12 random bytes
///   encrypted  commitment (32) || AES-256-GCM(AES key, nonce, plaintext, associated data = binding)
///   text       base64(nonce) : base64(tag) : base64(encrypted)
/// </code>
/// The commitment is there because AES-GCM alone is not committing: one ciphertext and tag can be made that opens under two
/// keys of the maker's choice, to two plaintexts (Grubbs, Lu, Ristenpart: "Message Franking via Committing Authenticated Encryption",
/// CRYPTO 2017). Two keys with one commitment would be a collision of SHA-256. The binding stands in the key and in the associated
/// data: a ciphertext in another place fails at either.
/// </summary>
internal static class CommittingAead
{
    public const int CommitmentBytes = Primitives.HashBytes;

    private const int DerivedBytes = Primitives.KeyBytes + CommitmentBytes;

    public static string Seal(Secret key, Binding binding, ReadOnlySpan<byte> plaintext)
    {
        Span<byte> derived = stackalloc byte[DerivedBytes];
        try
        {
            Derive(key, binding, derived);
            var sealedText = new SealedText(
                new byte[Primitives.NonceBytes],
                new byte[Primitives.TagBytes],
                new byte[CommitmentBytes + plaintext.Length]);
            Primitives.Random(sealedText.Nonce);
            derived[Primitives.KeyBytes..].CopyTo(sealedText.Encrypted);
            Primitives.AesGcmSeal(
                derived[..Primitives.KeyBytes],
                sealedText.Nonce,
                plaintext,
                binding.Bytes,
                sealedText.Encrypted.AsSpan(CommitmentBytes),
                sealedText.Tag);
            return sealedText.ToString();
        }
        finally
        {
            Primitives.Clear(derived);
        }
    }

    /// <returns>Null, whatever is wrong: text, key, place, commitment or tag.</returns>
    public static Secret? Open(Secret key, Binding binding, string text)
    {
        if (SealedText.Parse(text) is not { } parsed)
            return null;

        Span<byte> derived = stackalloc byte[DerivedBytes];
        try
        {
            Derive(key, binding, derived);
            if (!Primitives.FixedTimeEquals(derived[Primitives.KeyBytes..], parsed.Encrypted.AsSpan(0, CommitmentBytes)))
                return null;

            var plaintext = Secret.NewBuffer(parsed.Encrypted.Length - CommitmentBytes);
            return Primitives.AesGcmOpen(
                derived[..Primitives.KeyBytes],
                parsed.Nonce,
                parsed.Encrypted.AsSpan(CommitmentBytes),
                parsed.Tag,
                binding.Bytes,
                plaintext)
                    ? new Secret(plaintext)
                    : null;
        }
        finally
        {
            Primitives.Clear(derived);
        }
    }

    private static void Derive(Secret key, Binding binding, Span<byte> derived)
    {
        Span<byte> copy = stackalloc byte[Primitives.KeyBytes];
        try
        {
            key.RevealTo(copy);
            Primitives.HkdfSha256(copy, binding.Bytes, derived);
        }
        finally
        {
            Primitives.Clear(copy);
        }
    }
}
