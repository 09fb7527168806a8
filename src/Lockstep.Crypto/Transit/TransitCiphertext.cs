using System.Globalization;

namespace Lockstep.Crypto.Transit;

/// <summary>The text <c>vault:vN:base64</c>, in its one canonical form.</summary>
/// <remarks>The server also takes v0, v01 and v+1 for v1, so that one value would have several texts; we do not.</remarks>
public static class TransitCiphertext
{
    private const string Prefix = "vault:v";
    private const int MostDigits = 9;

    /// <returns>The version of the key, from 1; null when the text is not canonical.</returns>
    public static int? Version(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return null;
        var end = text.IndexOf(':', Prefix.Length);
        if (end < 0)
            return null;
        var digits = text.AsSpan(Prefix.Length..end);
        return digits.Length is >= 1 and <= MostDigits && digits[0] is >= '1' and <= '9' && !digits.ContainsAnyExceptInRange('0', '9')
            && end + 1 < text.Length
                ? int.Parse(digits, CultureInfo.InvariantCulture)
                : null;
    }
}
