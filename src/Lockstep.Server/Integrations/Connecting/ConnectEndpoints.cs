using Lockstep.Server.Http;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Integrations.Connecting;

/// <summary>Links for the end users of another product. The pages behind them are the console's.</summary>
internal static class ConnectEndpoints
{
    public static void MapConnectSessions(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/connect-sessions").RequireAuthorization(Policies.UserOrService).WithTags("Integrations")
            .WithTokenScope(TokenScopes.Connect).ProducesProblem(401);
        group.MapPost("", Create).WithName("createConnectSession").WithSummary("A link for one use, with which an end user of your product connects an account")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(429);
        group.MapGet("/{id:guid}", Get).WithName("getConnectSession").WithSummary("What came of a link; ask this when somebody comes back with it").ProducesProblem(404);
        group.MapDelete("/{id:guid}", Delete).WithName("cancelConnectSession").WithSummary("Take a link back; one that has ended stays as it is").ProducesProblem(404);
    }

    private static async Task<Results<Created<ConnectSessionView>, ProblemHttpResult>> Create(
        ConnectSessionRequest request, HttpContext context, ConnectSessions sessions, ConnectUsers users, ConnectOptions options, TimeProvider time, CallerContext caller, CancellationToken ct)
    {
        if (!options.Return.Any)
            return Problems.Conflict("connect_not_configured", $"No return address is allowed here yet: whoever runs this installation names your product in {ConnectOptions.ReturnSetting}.");
        var errors = new FieldErrors();
        var wanted = ConnectRules.Check(request, options.Return, errors);
        var user = await users.Of(caller.Caller, request, errors, ct);
        if (wanted is null || errors.Any)
            return Problems.Invalid(errors.All);
        if (user is not { } whose)
            return NoUser();
        var (id, link) = (Guid.CreateVersion7(), ConnectLink.New());
        var expires = Instant.FromDateTimeOffset(time.GetUtcNow()) + Duration.FromSeconds(wanted.Seconds);
        switch (await sessions.Create(caller.Caller, id, whose, wanted, link, expires, ct))
        {
            case "no_user":
                return NoUser();
            case "no_workspace":
                return Problems.NotFound();
            case "too_many":
                context.Response.Headers.RetryAfter = "60";
                return Problems.Of(429, "too_many_connect_sessions", $"{options.Most} links are open for this user. Use one of them, take one back (DELETE), or wait until they end.");
            default:
                var site = options.PublicUrl ?? $"{context.Request.Scheme}://{context.Request.Host}";
                context.Response.Headers.CacheControl = "no-store";
                var made = (await sessions.Get(caller.Caller, id, whose, ct))! with { Url = $"{site}/connect/{link}" };
                return TypedResults.Created($"/v1/connect-sessions/{id}", made);
        }
    }

    private static async Task<Results<Ok<ConnectSessionView>, ProblemHttpResult>> Get(Guid id, ConnectSessions sessions, CallerContext caller, CancellationToken ct) =>
        await sessions.Get(caller.Caller, id, caller.Caller.User, ct) is { } session ? TypedResults.Ok(session) : Problems.NotFound();

    private static async Task<Results<NoContent, ProblemHttpResult>> Delete(Guid id, ConnectSessions sessions, CallerContext caller, CancellationToken ct)
    {
        if (await sessions.Get(caller.Caller, id, caller.Caller.User, ct) is null)
            return Problems.NotFound();
        await sessions.Finish(id, "cancelled", null, "taken_back", caller.Caller, ct);
        return TypedResults.NoContent();
    }

    private static ProblemHttpResult NoUser() => Problems.Of(404, "unknown_user",
        "userId names nobody who was ever here. Give subject, the sub of that user's tokens, for somebody new.");
}

/// <summary>Whose account a link connects.</summary>
internal sealed class ConnectUsers(UserDirectory users, JwtOptions jwt)
{
    /// <returns>Null for nobody that may be named; what is wrong with the request is among the errors.</returns>
    public async ValueTask<UserId?> Of(Caller caller, ConnectSessionRequest request, FieldErrors errors, CancellationToken ct)
    {
        if (caller.User is { } own)
        {
            errors.Require(request.Subject is null, "subject", "is for the service role: this token is one user's, whose account it becomes.");
            return request.UserId is null || request.UserId == own.Value ? own : null;
        }
        if ((request.UserId is null) == (request.Subject is null))
        {
            errors.Add("userId", "and subject: give one of them, since the service role is nobody in particular.");
            return null;
        }
        if (request.UserId is { } id)
            return await users.Knows(new UserId(id), ct) ? new UserId(id) : null;
        var subject = request.Subject!;
        errors.Require(subject.Length is > 0 and <= JwtClaims.MaximumSubjectLength && !subject.Contains('\0', StringComparison.Ordinal), "subject",
            $"has 1 to {JwtClaims.MaximumSubjectLength} characters.");
        // Without a secret of our own and without an issuer it is not known whose subject that is.
        errors.Require(jwt.Issuer is not null || jwt.JwksUrl is null, "subject", "means nothing before LOCKSTEP_JWT_ISSUER says whose subjects they are. Give userId.");
        if (errors.Any)
            return null;
        return await users.Ensure(new JwtClaims(jwt.Issuer ?? "", subject, JwtClaims.Authenticated, null, false, Instant.MaxValue, null) { SignedByOwnSecret = jwt.Issuer is null }, ct);
    }
}
