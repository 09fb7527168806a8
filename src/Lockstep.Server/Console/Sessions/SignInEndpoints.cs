using System.Globalization;
using Lockstep.Server.Console.Frame;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Sessions;

/// <param name="Back">Where one wanted to go; a page of the console.</param>
internal sealed record SignInView(string Email, string Back, bool ByToken);

/// <summary>Signing in, by a local account or a token, and out. The two ways in, and the only makers of a session.</summary>
internal static class SignInEndpoints
{
    public static void Map(IEndpointRouteBuilder anybody, IEndpointRouteBuilder signedIn)
    {
        anybody.MapGet("/sign-in", Show);
        anybody.MapPost("/sign-in", Enter);
        signedIn.MapPost("/sign-out", Leave);
    }

    private static Task<IResult> Show(HttpContext context, ConsoleRenderer renderer, TimeProvider time, string? back, string? said) =>
        Draw(context, renderer, time, new SignInView("", Inside(back), false), null, said);

    private static async Task<IResult> Enter(
        HttpContext context, ConsoleForm form, ConsoleDoors doors, ConsoleRenderer renderer, TimeProvider time, CancellationToken ct)
    {
        var view = new SignInView(form["email"], Inside(form["back"]), form.Has("jwt"));
        Task<IResult> Refuse(int status, string code, string words) => Draw(context, renderer, time, view, Refusal.Of(status, code, words, context), null);
        if (!FormGuard.IsFromHere(context.Request))
            return await Refuse(403, "form_from_elsewhere", "This form was not sent by this page. Nothing was done; sign in here.");
        var from = new RequestFrom(context.Connection.RemoteIpAddress, context.TraceIdentifier);
        // Before anything is checked. Nobody guesses a signature.
        if (!view.ByToken && doors.Brake.Try(view.Email, from.Address?.ToString()) is { } wait)
        {
            var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
            context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            return await Refuse(429, "too_many_sign_ins", $"Too many tries. Wait {seconds} seconds, then try again.");
        }
        var (key, refused) = view.ByToken ? await ByToken(form["jwt"], doors, from, ct) : await ByPassword(form, doors, from, ct);
        if (key is null)
            return await Refuse(401, view.ByToken ? "token_invalid" : "sign_in_refused", refused);
        // Another session in this browser ends; the new one has a key that nobody saw before.
        if (ConsoleCookie.Read(context.Request) is { } former)
            await doors.Sessions.End(former, from, ct);
        ConsoleCookie.Set(context, key);
        return new SeeOther(view.Back);
    }

    private static async Task<(byte[]? Key, string Why)> ByPassword(ConsoleForm form, ConsoleDoors doors, RequestFrom from, CancellationToken ct)
    {
        var password = form.Raw("password");
        if (password.Length <= LocalAccounts.LongestPassword && await doors.Accounts.SignIn(form["email"], password, ct) is { } checkedOne)
        {
            var key = await doors.Sessions.Open(checkedOne.User, from, ct);
            if (key is null || await doors.Accounts.IsStill(checkedOne, ct))
                return (key, "This account was deleted.");
            await doors.Sessions.End(key, from, ct);
        }
        return (null, "No account has this e-mail and password. Somebody who comes with an identity provider signs in with a token, below.");
    }

    private static async Task<(byte[]? Key, string Why)> ByToken(string jwt, ConsoleDoors doors, RequestFrom from, CancellationToken ct)
    {
        if (jwt.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
            jwt = jwt["Bearer ".Length..].Trim();
        switch (await doors.Tokens.VerifyAsync(jwt, ct))
        {
            case JwtOutcome.Valid(var claims):
                var user = claims.Role == JwtClaims.ServiceRole ? (UserId?)null : await doors.Users.Ensure(claims, ct);
                return (await doors.Sessions.Open(claims, user, from, ct), "The user of this token was deleted meanwhile.");
            case JwtOutcome.Invalid(JwtFault.Expired):
                return (null, "This token has expired. Get a new one: lockstep token --user you@example.com");
            case JwtOutcome.Invalid(JwtFault.KeysUnavailable):
                return (null, "The identity provider's keys cannot be read right now, so that no token can be checked. Try again shortly.");
            default:
                return (null, "This token is not accepted here. Check that it is complete and was made for this installation; API tokens are for programs and do not open the console.");
        }
    }

    private static async Task<IResult> Leave(ConsoleVisit visit, ConsoleSessions sessions, CancellationToken ct)
    {
        await sessions.End(visit.SignedIn.Key, new RequestFrom(visit.Context.Connection.RemoteIpAddress, visit.Context.TraceIdentifier), ct);
        ConsoleCookie.Remove(visit.Context);
        return ConsoleVisit.Go("/console/sign-in", "signed-out");
    }

    private static Task<IResult> Draw(HttpContext context, ConsoleRenderer renderer, TimeProvider time, SignInView view, Refusal? refusal, string? said)
    {
        var shell = new Shell("", "", "", false, Notices.Of(said ?? ""), refusal, Instant.FromDateTimeOffset(time.GetUtcNow()));
        return renderer.Draw<SignInPage>(shell, view, refusal?.Status ?? 200);
    }

    /// <summary>No link leads out of the console by way of the sign-in.</summary>
    private static string Inside(string? back) =>
        back is not null && (back == "/console" || back.StartsWith("/console/", StringComparison.Ordinal) || back.StartsWith("/console?", StringComparison.Ordinal))
        && !back.StartsWith("/console/sign-", StringComparison.Ordinal) && !back.Any(letter => char.IsControl(letter) || letter == '\\')
            ? back
            : "/console";
}

/// <summary>What signing in asks.</summary>
internal sealed record ConsoleDoors(ConsoleSessions Sessions, LocalAccounts Accounts, UserDirectory Users, JwtVerifier Tokens, SignInBrake Brake);
