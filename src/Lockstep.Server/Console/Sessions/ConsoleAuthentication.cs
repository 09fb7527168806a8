using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Lockstep.Server.Console.Sessions;

/// <summary>From the cookie to the <see cref="Caller"/> of this request. Pages alone are asked this way: the API takes no cookie.</summary>
[SuppressMessage("Performance", "CA1812", Justification = "Made by the authentication services")]
internal sealed class ConsoleAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ConsoleSessions sessions, UserDirectory users, CallerContext caller)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "Console";

    /// <summary>Where the request keeps its <see cref="ConsoleSession"/>.</summary>
    public static readonly object Item = new();

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (ConsoleCookie.Read(Request) is not { } key || await sessions.Find(key, Context.RequestAborted) is not { } session)
            return AuthenticateResult.NoResult();
        Context.Items[Item] = session;
        if (session.User is { } member)
            await users.Refresh(member, Context.RequestAborted);
        var address = Context.Connection.RemoteIpAddress;
        caller.Caller = session.User is { } user
            ? new Caller(user, CallerRole.Authenticated, $"user:{user}", address, Context.TraceIdentifier)
            : new Caller(null, CallerRole.Service, $"service:{session.Who}", address, Context.TraceIdentifier);
        var identity = new ClaimsIdentity([new Claim(ClaimTypes.Name, caller.Caller.Actor)], SchemeName);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var back = HttpMethods.IsGet(Request.Method) && Request.Path != "/console" ? $"?back={Uri.EscapeDataString(Request.Path + Request.QueryString)}" : "";
        Response.StatusCode = StatusCodes.Status303SeeOther;
        Response.Headers.Location = "/console/sign-in" + back;
        Response.Headers.CacheControl = "no-store";
        return Task.CompletedTask;
    }
}
