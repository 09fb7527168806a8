using System.Buffers.Text;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Base64url without padding (RFC 7515 section 2), one text for each value and no other.</summary>
internal static class CanonicalBase64Url
{
    /// <returns>Null for padding, white space, foreign characters and unused bits that are not zero.</returns>
    public static byte[]? Decode(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Base64Url.GetMaxDecodedLength(text.Length)];
        // The decoder's Try is about room alone: it throws for a foreign character.
        if (!Base64Url.IsValid(text) || !Base64Url.TryDecodeFromChars(text, bytes, out var length))
            return null;
        // The decoder is lenient about padding and white space: two texts of one token would slip past anything that compares tokens.
        Array.Resize(ref bytes, length);
        return text.SequenceEqual(Base64Url.EncodeToString(bytes)) ? bytes : null;
    }
}
