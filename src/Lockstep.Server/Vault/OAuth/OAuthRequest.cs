using System.Text.Json.Serialization;
using Lockstep.Crypto;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>The tokens of an OAuth 2 grant, and what refreshes them (RFC 6749 section 6).</summary>
/// <param name="RefreshToken">With it, <paramref name="TokenEndpoint"/> and <paramref name="ClientId"/> are needed; without it the access token is
/// released until it expires.</param>
/// <param name="ExpiresAt">When the access token expires; left out, it is taken to live an hour from now, and is never told to be expired.</param>
/// <param name="TokenEndpoint">An https address of the public internet, or one that the operator allows.</param>
/// <param name="ClientSecret">Left out for a public client.</param>
/// <param name="Scope">Sent with each refresh; left out, the server keeps the scope of the grant.</param>
/// <param name="AuthStyle">How <paramref name="ClientSecret"/> is sent; left out, in the header.</param>
internal sealed record OAuthRequest(
    [property: JsonConverter(typeof(SecretJson))] Secret AccessToken,
    [property: JsonConverter(typeof(SecretJson))] Secret? RefreshToken = null,
    Instant? ExpiresAt = null,
    string? TokenEndpoint = null,
    string? ClientId = null,
    [property: JsonConverter(typeof(SecretJson))] Secret? ClientSecret = null,
    string? Scope = null,
    AuthStyle? AuthStyle = null);
