namespace Lockstep.Crypto;

/// <summary>
/// Opens what other software sealed with AES-256-GCM and no associated data, so that it can be imported:
/// <code>
///   iv:authTag:encrypted      each in hexadecimal, or each in base64
///   nonce || encrypted || tag,   nonce || tag || encrypted      as bytea (\x and hexadecimal), or base64
/// </code>
/// Nonces have 12 or 16 bytes. Each form that a text can have is tried; the tag says which one it is.
/// </summary>
public static class OldBlob
{
    /// <summary>Reads the old key: base64 with its padding, or 64 hexadecimal digits.</summary>
    /// <returns>Null when it is neither, or has not 32 bytes.</returns>
    public static Secret? ReadKey(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        text = text.Trim();
        var bytes = text.Length == 2 * Primitives.KeyBytes && text.All(char.IsAsciiHexDigit) ? Convert.FromHexString(text) : SealedText.Decode(text);
        try
        {
            return bytes is { Length: Primitives.KeyBytes } ? Secret.FromBytes(bytes) : null;
        }
        finally
        {
            Primitives.Clear(bytes);
        }
    }

    /// <returns>The value, which the caller disposes; null when no form of it opens with this key.</returns>
    public static Secret? Open(Secret key, string text)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(text);
        var bytes = key.RevealBytes();
        try
        {
            return text.Split(':') is [var nonce, var tag, var encrypted]
                ? Decode(nonce) is { } n && Decode(tag) is { } t && Decode(encrypted) is { } e ? Open(bytes, n, t, e) : null
                : Decode(text) is { } blob ? OpenPrefixed(bytes, blob) : null;
        }
        finally
        {
            Primitives.Clear(bytes);
        }
    }

    private static Secret? OpenPrefixed(byte[] key, byte[] blob)
    {
        foreach (var nonce in new[] { Primitives.NonceBytes, WideNonceGcm.NonceBytes })
        {
            var rest = blob.Length - nonce - Primitives.TagBytes;
            if (rest < 0)
                continue;
            var opened = Open(key, blob[..nonce], blob[^Primitives.TagBytes..], blob[nonce..^Primitives.TagBytes])
                ?? Open(key, blob[..nonce], blob[nonce..(nonce + Primitives.TagBytes)], blob[(nonce + Primitives.TagBytes)..]);
            if (opened is not null)
                return opened;
        }
        return null;
    }

    private static Secret? Open(byte[] key, byte[] nonce, byte[] tag, byte[] encrypted)
    {
        if (tag.Length != Primitives.TagBytes || encrypted.Length > SealedValue.MaxBytes)
            return null;
        var plaintext = Secret.NewBuffer(encrypted.Length);
        return nonce.Length switch
        {
            Primitives.NonceBytes => Primitives.AesGcmOpen(key, nonce, encrypted, tag, [], plaintext),
            WideNonceGcm.NonceBytes => WideNonceGcm.Open(key, nonce, encrypted, tag, plaintext),
            _ => false,
        }
            ? new Secret(plaintext)
            : null;
    }

    /// <summary>Hexadecimal first: its digits are base64 too.</summary>
    private static byte[]? Decode(string text)
    {
        var hex = text.StartsWith("\\x", StringComparison.Ordinal) ? text[2..] : text;
        if (hex.Length % 2 == 0 && hex.All(char.IsAsciiHexDigit))
            return Convert.FromHexString(hex);
        var buffer = new byte[(text.Length / 4 * 3) + 3];
        return Convert.TryFromBase64String(text, buffer, out var length) ? buffer[..length] : null;
    }
}
