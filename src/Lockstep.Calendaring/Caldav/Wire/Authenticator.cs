using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>
/// Chooses the <c>Authorization</c> header. Over https or loopback Basic is sent straight away, which saves a request each time;
/// over plain http a challenge is awaited, since it may offer Digest. A server that offers Bearer and nothing else gets the secret as a token.
/// </summary>
internal sealed class Authenticator(CaldavAccount account)
{
    private readonly Lock gate = new();
    private DigestChallenge? digest;
    private int nonceUses;
    private bool basicWanted;
    private bool bearerWanted;

    /// <returns>Null when nothing is to be sent (yet), above all to an origin that the account does not trust.</returns>
    public string? HeaderFor(HttpMethod method, Uri url)
    {
        if (!account.Trusts(url))
            return null;
        var secret = account.Secret();
        if (account.Scheme == CaldavScheme.Bearer || Volatile.Read(ref bearerWanted))
            return HasControls(secret) ? null : "Bearer " + secret;
        lock (gate)
        {
            if (digest is not null)
            {
                if (HasControls(account.Username))
                    return null;
                var cnonce = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
                return digest.Answer(account.Username, secret, method.Method, url.PathAndQuery, cnonce, ++nonceUses);
            }

            return basicWanted || url.Scheme == Uri.UriSchemeHttps || url.IsLoopback ? Basic(account.Username, secret) : null;
        }
    }

    /// <summary>Learns from a 401.</summary>
    /// <returns>True when a second attempt would differ from the first in a way that the server asked for.</returns>
    public bool Learn(IEnumerable<string> wwwAuthenticate, Uri url, bool credentialsWereSent)
    {
        if (account.Scheme == CaldavScheme.Bearer || !account.Trusts(url))
            return false;
        var offered = AuthChallenge.ParseAll(wwwAuthenticate);
        var offer = offered.Where(c => c.Is("Digest")).Select(DigestChallenge.From).OfType<DigestChallenge>()
            .OrderByDescending(c => c.IsSha256).FirstOrDefault();
        lock (gate)
        {
            if (offer is not null && (digest is null || offer.Stale || offer.Nonce != digest.Nonce))
            {
                // A refused password comes with a fresh nonce too; the transport stops after the second attempt.
                digest = offer;
                nonceUses = 0;
                return true;
            }

            if (offer is null && !credentialsWereSent && offered.Any(c => c.Is("Basic")))
                return basicWanted = true;
            if (offer is null && !bearerWanted && offered.Any(c => c.Is("Bearer")) && !offered.Any(c => c.Is("Basic")))
            {
                Volatile.Write(ref bearerWanted, true);
                return true;
            }

            return false;
        }
    }

    private static bool HasControls(string text) => text.Any(char.IsControl);

    private static string Basic(string username, string password) =>
        "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{username}:{password}"));
}
