using Lockstep.Server.Http;
using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Tenancy;

internal sealed record SignIn(string Email, string Password);

internal sealed record SignedIn(string Token, Instant ExpiresAt);

/// <summary>E-mail and password of a local account for a token.</summary>
internal static class SignInEndpoint
{
    private static readonly Duration Lifetime = Duration.FromHours(1);

    public static void MapSignIn(this IEndpointRouteBuilder routes) => routes.MapPost("/v1/sign-in", Enter)
        .WithTags("Users").WithName("signIn").WithSummary("A token for the e-mail and password of a local account");

    private static async Task<Results<Ok<SignedIn>, ProblemHttpResult>> Enter(
        SignIn body, LocalAccounts accounts, SignInBrake brake, JwtOptions options, TimeProvider time, HttpContext context, CancellationToken ct)
    {
        if (options.Secret is null)
            return Problems.Conflict("no_local_sign_in", "This installation has no token secret of its own: sign in at your identity provider.");
        if (brake.Try(body.Email, context.Connection.RemoteIpAddress?.ToString()) is { } wait)
            throw new ProblemException(429, "too_many_sign_ins", $"More than {SignInBrake.TriesAMinute} tries a minute. Wait for the seconds in Retry-After.", wait);
        if (body.Password.Length > LocalAccounts.LongestPassword || await accounts.SignIn(body.Email, body.Password, ct) is not { } local)
            return Problems.Of(401, "sign_in_refused", "No account has this e-mail and password.");
        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.Ok(new SignedIn(
            new JwtIssuer(options, time).Issue(local.User.ToString(), body.Email, JwtClaims.Authenticated, Lifetime),
            Instant.FromDateTimeOffset(time.GetUtcNow()) + Lifetime));
    }
}
