using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.ApiTokens;
using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NodaTime;

namespace Lockstep.Server.Hosting;

/// <summary>From <c>Authorization: Bearer</c> to the <see cref="Caller"/> of this request (RFC 6750).</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by the authentication services")]
internal sealed class BearerAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    JwtVerifier verifier,
    UserDirectory users,
    ApiTokenLookup tokens,
    CallerContext context) : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Bearer";

    /// <summary>The service role works for one user: the context is that user, the audit names both.</summary>
    public const string OnBehalfOf = "Lockstep-On-Behalf-Of";

    /// <summary>The claim that a caller has a user context.</summary>
    public const string UserClaim = "lockstep:user";

    private const string Prefix = "Bearer ";
    /// <summary>Streams of an API token end at the latest after this time, and are opened again with it if it still stands.</summary>
    private static readonly Duration StreamOfToken = Duration.FromMinutes(15);

    private JwtFault? fault;
    private ProblemHttpResult? tokenProblem;
    private bool behalfOfNobody;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase))
            return AuthenticateResult.NoResult();
        var text = header[Prefix.Length..].Trim();
        if (text.StartsWith(ApiTokenText.Prefix, StringComparison.Ordinal))
            return await WithApiToken(text);
        switch (await verifier.VerifyAsync(text, Context.RequestAborted))
        {
            case JwtOutcome.Valid(var claims):
                if (await CallerOf(claims) is { } caller)
                    return Success(caller, claims.Role, claims.ExpiresAt);
                behalfOfNobody = true;
                return AuthenticateResult.Fail("on behalf of nobody");
            case JwtOutcome.Invalid(var why):
                fault = why;
                return AuthenticateResult.Fail(why.ToString());
            default:
                return AuthenticateResult.NoResult();
        }
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (behalfOfNobody)
        {
            await Problems.Of(404, "unknown_user", $"The header {OnBehalfOf} names no user. It takes the id of somebody who has been here before.").ExecuteAsync(Context);
            return;
        }
        if (tokenProblem is not null)
        {
            if (tokenProblem.StatusCode == 401)
                Response.Headers.WWWAuthenticate = "Bearer error=\"invalid_token\"";
            await tokenProblem.ExecuteAsync(Context);
            return;
        }
        Response.Headers.WWWAuthenticate = fault is null ? "Bearer" : "Bearer error=\"invalid_token\"";
        var (status, code, detail) = fault switch
        {
            null => (401, "token_missing", "Send a token: 'Authorization: Bearer <jwt>'. './lockstep token --user you@example.com' prints one."),
            JwtFault.KeysUnavailable => (503, "keys_unavailable", "The identity provider's keys cannot be read right now, so no token can be checked. Try again shortly."),
            JwtFault.Expired => (401, "token_expired", "The token has expired. Get a new one."),
            _ => (401, "token_invalid", $"The token is not accepted ({fault}). Check that it was made for this installation."),
        };
        await Problems.Of(status, code, detail).ExecuteAsync(Context);
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Forbidden("role_required", "This token's role does not allow that call.").ExecuteAsync(Context);

    private async Task<AuthenticateResult> WithApiToken(string text)
    {
        var address = Context.Connection.RemoteIpAddress;
        switch (await tokens.Find(text, address, Context.RequestAborted))
        {
            case ApiTokenOutcome.Valid(var token):
                var end = Instant.FromDateTimeOffset(TimeProvider.GetUtcNow()) + StreamOfToken;
                return Success(
                    new Caller(token.ActsAs, CallerRole.Authenticated, token.Actor, address, Context.TraceIdentifier, Token: token.Grant),
                    JwtClaims.Authenticated,
                    token.ExpiresAt is { } expires && expires < end ? expires : end);
            case ApiTokenOutcome.Expired:
                tokenProblem = Problems.Of(401, "token_expired", "The API token has expired. Make a new one.");
                break;
            case ApiTokenOutcome.Revoked:
                tokenProblem = Problems.Of(401, "token_revoked", "The API token was revoked, which is for good. Make a new one.");
                break;
            case ApiTokenOutcome.Braked(var wait):
                var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
                Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                tokenProblem = Problems.Of(429, "too_many_unknown_tokens", $"Too many API tokens that nobody knows came from your address. Try again in {seconds} s.");
                break;
            default:
                tokenProblem = Problems.Of(401, "token_invalid", "The API token is not accepted. Check that it is complete and was made for this installation.");
                break;
        }
        return AuthenticateResult.Fail("API token");
    }

    private async Task<Caller?> CallerOf(JwtClaims claims)
    {
        var address = Context.Connection.RemoteIpAddress;
        if (claims.Role != JwtClaims.ServiceRole)
        {
            var user = await users.Ensure(claims, Context.RequestAborted);
            return new Caller(user, CallerRole.Authenticated, $"user:{user}", address, Context.TraceIdentifier);
        }
        var actor = $"service:{claims.Subject}";
        if (Request.Headers[OnBehalfOf].ToString() is not { Length: > 0 } behalf)
            return new Caller(null, CallerRole.Service, actor, address, Context.TraceIdentifier);
        return Guid.TryParseExact(behalf, "D", out var id) && await users.Knows(new UserId(id), Context.RequestAborted)
            ? new Caller(new UserId(id), CallerRole.Service, $"{actor} for user:{id}", address, Context.TraceIdentifier)
            : null;
    }

    private AuthenticateResult Success(Caller caller, string role, Instant expiresAt)
    {
        context.Caller = caller;
        var identity = new ClaimsIdentity(SchemeName, ClaimTypes.Name, ClaimTypes.Role);
        identity.AddClaim(new Claim(ClaimTypes.Name, caller.Actor));
        identity.AddClaim(new Claim(ClaimTypes.Role, role));
        // Streams end with the token that opened them.
        identity.AddClaim(new Claim("exp", Math.Min(expiresAt.ToUnixTimeSeconds(), 253402300799).ToString(CultureInfo.InvariantCulture)));
        if (caller.User is { } user)
            identity.AddClaim(new Claim(UserClaim, user.ToString()));
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }
}
