using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>A Digest challenge and the answer to it (RFC 7616), with qop <c>auth</c> or the older form without qop.</summary>
internal sealed record DigestChallenge(string Realm, string Nonce, string? Opaque, string Algorithm, bool QopAuth, bool Stale)
{
    /// <returns>Null when the challenge cannot be answered: no nonce, an unknown algorithm, or qop <c>auth-int</c> alone.</returns>
    public static DigestChallenge? From(AuthChallenge challenge)
    {
        var algorithm = challenge.Get("algorithm") ?? "MD5";
        if (!IsKnown(algorithm) || challenge.Get("nonce") is not { } nonce)
            return null;
        var qop = challenge.Get("qop");
        var auth = qop?.Split(',', StringSplitOptions.TrimEntries).Contains("auth", StringComparer.OrdinalIgnoreCase) ?? false;
        if (qop is not null && !auth)
            return null;
        var stale = string.Equals(challenge.Get("stale"), "true", StringComparison.OrdinalIgnoreCase);
        return new DigestChallenge(challenge.Get("realm") ?? "", nonce, challenge.Get("opaque"), algorithm, auth, stale);
    }

    public bool IsSha256 => Algorithm.StartsWith("SHA-256", StringComparison.OrdinalIgnoreCase);

    /// <param name="uri">Path and query exactly as in the request line.</param>
    /// <param name="count">How often this nonce was used, from 1.</param>
    public string Answer(string username, string password, string method, string uri, string cnonce, int count)
    {
        var nc = count.ToString("x8", CultureInfo.InvariantCulture);
        var secret = Hash($"{username}:{Realm}:{password}");
        if (Algorithm.EndsWith("-sess", StringComparison.OrdinalIgnoreCase))
            secret = Hash($"{secret}:{Nonce}:{cnonce}");
        var what = Hash($"{method}:{uri}");
        var response = QopAuth ? Hash($"{secret}:{Nonce}:{nc}:{cnonce}:auth:{what}") : Hash($"{secret}:{Nonce}:{what}");
        var header = new StringBuilder("Digest ")
            .Append(CultureInfo.InvariantCulture, $"username=\"{Quote(username)}\", realm=\"{Quote(Realm)}\", uri=\"{uri}\", ")
            .Append(CultureInfo.InvariantCulture, $"algorithm={Algorithm}, nonce=\"{Quote(Nonce)}\", ");
        if (QopAuth)
            header.Append(CultureInfo.InvariantCulture, $"nc={nc}, cnonce=\"{cnonce}\", qop=auth, ");
        header.Append(CultureInfo.InvariantCulture, $"response=\"{response}\"");
        return Opaque is null ? header.ToString() : header.Append(CultureInfo.InvariantCulture, $", opaque=\"{Quote(Opaque)}\"").ToString();
    }

    private static bool IsKnown(string algorithm) => algorithm.ToUpperInvariant() is "MD5" or "MD5-SESS" or "SHA-256" or "SHA-256-SESS";

    private string Hash(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        // MD5 is what older servers speak; it guards nothing here beyond what Basic would give away.
#pragma warning disable CA5351
        return Convert.ToHexStringLower(IsSha256 ? SHA256.HashData(bytes) : MD5.HashData(bytes));
#pragma warning restore CA5351
    }

    private static string Quote(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal);
}
