using Lockstep.Crypto;
using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Outbound;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>Reads what somebody gives as the value of a credential: exactly one of a plain value and the tokens of a grant.</summary>
internal sealed class GrantRules(OutboundGuard guard, TimeProvider time)
{
    private const int MaxAddress = 2_000;
    private const int MaxClientId = 1_000;
    private const int MaxScope = 4_000;

    private static readonly Instant Earliest = Instant.FromUtc(2000, 1, 1, 0, 0);
    private static readonly Instant Latest = Instant.FromUtc(9999, 1, 1, 0, 0);

    public GivenValue Read(Secret? value, OAuthRequest? oauth)
    {
        if (oauth is null)
            return new GivenValue(value ?? Secret.FromBytes([]), null);
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        var faults = new FieldErrors();
        faults.Require(value is null, "value", "and oauth exclude each other. Give the access token in oauth alone.");
        CheckSecrets(faults, oauth);
        CheckClient(faults, oauth);
        CheckEnd(faults, oauth, now);
        var endpoint = Address(faults, oauth.TokenEndpoint);
        if (!faults.Any)
        {
            faults.RefuseSecrets("oauth.tokenEndpoint", oauth.TokenEndpoint);
            faults.RefuseSecrets("oauth.clientId", oauth.ClientId);
            faults.RefuseSecrets("oauth.scope", oauth.Scope);
        }
        var life = TokenLifetime.Of(oauth.ExpiresAt, now);
        var grant = new NewGrant(
            endpoint, oauth.ClientId, oauth.Scope, oauth.AuthStyle ?? AuthStyle.Basic, oauth.RefreshToken is not null, life.ExpiresAt, life.RefreshAt, faults);
        // Not disposed: the bundle only points at the parts, which go with the value.
#pragma warning disable CA2000
        var bundle = new TokenBundle(oauth.AccessToken, oauth.RefreshToken, oauth.ClientSecret);
#pragma warning restore CA2000
        return new GivenValue(bundle.ToSecret(), grant, value, oauth.AccessToken, oauth.RefreshToken, oauth.ClientSecret);
    }

    /// <summary>Whether tokens may be sent there: over https, or to what the operator named; the guard decides again when it connects.</summary>
    public bool MaySend(Uri endpoint) =>
        guard.Check(endpoint) == OutboundCheck.Allowed && (endpoint.Scheme == Uri.UriSchemeHttps || guard.Lists(endpoint));

    private static void CheckSecrets(FieldErrors faults, OAuthRequest oauth)
    {
        CheckSecret(faults, "oauth.accessToken", oauth.AccessToken, TokenText.MaxAccess);
        CheckSecret(faults, "oauth.refreshToken", oauth.RefreshToken, TokenText.MaxRefresh);
        CheckSecret(faults, "oauth.clientSecret", oauth.ClientSecret, TokenText.MaxClientSecret);
    }

    private static void CheckSecret(FieldErrors faults, string field, Secret? secret, int longest)
    {
        if (secret is null)
            return;
        faults.Require(secret.Length > 0, field, "is empty.");
        faults.Require(secret.Length <= longest, field, $"has {secret.Length} bytes; at most {longest} can be stored.");
        faults.Require(TokenText.Passes(secret), field, "holds a character that tokens do not have, such as a line break or an accent (RFC 6749 appendix A).");
    }

    private static void CheckClient(FieldErrors faults, OAuthRequest oauth)
    {
        if (oauth.RefreshToken is not null)
        {
            faults.Require(oauth.TokenEndpoint is not null, "oauth.tokenEndpoint", "is needed with a refreshToken: the address that refreshes it.");
            faults.Require(!string.IsNullOrWhiteSpace(oauth.ClientId), "oauth.clientId", "is needed with a refreshToken: a refresh token works for its client alone.");
        }
        CheckText(faults, "oauth.clientId", oauth.ClientId, MaxClientId);
        CheckText(faults, "oauth.scope", oauth.Scope, MaxScope);
    }

    private static void CheckText(FieldErrors faults, string field, string? text, int longest)
    {
        faults.Require(text is null || text.Length <= longest, field, $"has more than {longest} characters.");
        faults.Require(text is null || text.All(character => character is >= ' ' and <= '~'), field, "holds a character that is not printable ASCII.");
    }

    private static void CheckEnd(FieldErrors faults, OAuthRequest oauth, Instant now)
    {
        if (oauth.ExpiresAt is not { } end)
            return;
        faults.Require(end >= Earliest && end < Latest, "oauth.expiresAt", "is before the year 2000 or after the year 9998; leave it out when it is not known.");
        faults.Require(end > now || oauth.RefreshToken is not null, "oauth.expiresAt", "is in the past, and there is no refreshToken to get another access token.");
    }

    private string? Address(FieldErrors faults, string? text)
    {
        const string Field = "oauth.tokenEndpoint";
        if (text is null)
            return null;
        if (text.Length > MaxAddress || !Uri.TryCreate(text, UriKind.Absolute, out var url))
        {
            faults.Add(Field, "is no absolute address, such as https://accounts.example.com/token.");
            return null;
        }
        switch (guard.Check(url))
        {
            case OutboundCheck.NotHttp:
                faults.Add(Field, "does not begin with https://.");
                break;
            case OutboundCheck.CarriesCredentials:
                faults.Add(Field, "holds a user name or password. The client has clientId and clientSecret.");
                break;
            case OutboundCheck.NotPublic:
                faults.Add(Field, $"{url.Host} may not be reached from here: it is not an address of the public internet. "
                    + $"Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.");
                break;
            default:
                faults.Require(url.Fragment.Length == 0, Field, "has a fragment (#...), which a token endpoint must not have (RFC 6749 section 3.2).");
                faults.Require(MaySend(url), Field, "does not begin with https://. Tokens are never sent in clear.");
                break;
        }
        return url.AbsoluteUri;
    }
}
