namespace Lockstep.Crypto;

/// <summary>
/// The text <c>iv:authTag:encrypted</c>, each part in canonical padded base64 (RFC 4648 section 4), strictly read: one sequence of bytes
/// has exactly one text.
/// </summary>
/// <param name="Nonce">12 bytes.</param>
/// <param name="Tag">16 bytes.</param>
/// <param name="Encrypted">A 32-byte key commitment, then the AES-GCM ciphertext.</param>
internal sealed record SealedText(byte[] Nonce, byte[] Tag, byte[] Encrypted)
{
    /// <summary>Longer texts are not ours; refusing them bounds the work that a planted row can cause.</summary>
    private const int MaxCharacters = ((SealedValue.MaxBytes + CommittingAead.CommitmentBytes) / 3 * 4) + 128;

    /// <returns>Null for everything but the one canonical text of well-sized parts.</returns>
    public static SealedText? Parse(string text)
    {
        if (text.Length > MaxCharacters)
            return null;

        var parts = text.Split(':');
        return parts.Length == 3
            && Decode(parts[0]) is { Length: Primitives.NonceBytes } nonce
            && Decode(parts[1]) is { Length: Primitives.TagBytes } tag
            && Decode(parts[2]) is { Length: >= CommittingAead.CommitmentBytes } encrypted
                ? new SealedText(nonce, tag, encrypted)
                : null;
    }

    public override string ToString() =>
        $"{Convert.ToBase64String(Nonce)}:{Convert.ToBase64String(Tag)}:{Convert.ToBase64String(Encrypted)}";

    /// <summary>The decoder of the framework skips white space and ignores stray bits, so the text is compared with its own encoding.</summary>
    internal static byte[]? Decode(string base64)
    {
        var buffer = new byte[base64.Length / 4 * 3];
        try
        {
            return Convert.TryFromBase64String(base64, buffer, out var length)
                && Convert.ToBase64String(buffer, 0, length) == base64
                    ? buffer[..length]
                    : null;
        }
        finally
        {
            // Master keys are read through here too.
            Primitives.Clear(buffer);
        }
    }
}
