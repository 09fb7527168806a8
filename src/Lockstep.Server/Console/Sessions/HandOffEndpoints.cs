using Lockstep.Server.Console.Frame;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Sessions;

/// <param name="Path">On the address of this server; good once.</param>
internal sealed record SignInLink(string Path, Instant ExpiresAt);

/// <param name="Who">Whom the link signs in.</param>
internal sealed record EnterView(string Ticket, string Who);

/// <summary>The operator's product hands its user over: it asks for a link and sends the browser there.</summary>
/// <remarks>
/// The page behind the link asks first, naming whom it signs in: so nobody is signed in as somebody else by a link in a mail, and what opens links to look at them
/// uses none up.
/// </remarks>
internal static class HandOffEndpoints
{
    public static void Map(IEndpointRouteBuilder api, IEndpointRouteBuilder anybody)
    {
        api.MapPost("/v1/console/sign-in-links", Make).RequireAuthorization(Policies.Service).WithTags("Console").WithName("createSignInLink")
            .WithSummary("A link that signs the user in whom the service role works for into the console: once, within two minutes");
        anybody.MapGet("/enter/{ticket}", Ask);
        anybody.MapPost("/enter/{ticket}", Enter);
    }

    private static async Task<Results<Created<SignInLink>, ProblemHttpResult>> Make(TenantSession session, HandOffs links, HttpResponse response, CancellationToken ct)
    {
        if (session.Caller.User is null)
            return Problems.Of(422, "user_required", "Say whom the link is for, in the header Lockstep-On-Behalf-Of: the id of a user.");
        response.Headers.CacheControl = "no-store";
        return await links.Make(session.Caller, ct) is var (ticket, expires)
            ? TypedResults.Created((string?)null, new SignInLink($"/console/enter/{ticket}", expires))
            : Problems.NotFound();
    }

    private static async Task<IResult> Ask(string ticket, HttpContext context, HandOffs links, ConsoleRenderer renderer, TimeProvider time, CancellationToken ct) =>
        await links.Find(ticket, ct) is { } found
            ? await renderer.Draw<EnterPage>(Nobody(time, null), new EnterView(ticket, found.Who), 200)
            : await Over(context, renderer, time);

    private static async Task<IResult> Enter(
        string ticket, HttpContext context, HandOffs links, ConsoleSessions sessions, ConsoleRenderer renderer, TimeProvider time, CancellationToken ct)
    {
        if (!FormGuard.IsFromHere(context.Request))
            return await renderer.Draw<MessagePage>(Nobody(time, Refusal.Of(403, "form_from_elsewhere", "", context)), Message.FromElsewhere, 403);
        var from = new RequestFrom(context.Connection.RemoteIpAddress, context.TraceIdentifier);
        if (await links.Take(ticket, ct) is not { } user || await sessions.Open(user, from, ct) is not { } key)
            return await Over(context, renderer, time);
        if (ConsoleCookie.Read(context.Request) is { } former)
            await sessions.End(former, from, ct);
        ConsoleCookie.Set(context, key);
        return new SeeOther("/console");
    }

    private static Task<IResult> Over(HttpContext context, ConsoleRenderer renderer, TimeProvider time) => renderer.Draw<MessagePage>(
        Nobody(time, Refusal.Of(404, "link_over", "", context)),
        new Message(
            "This link is over",
            "A link into the console is good once and for two minutes. Go back to where you came from and ask for another one, or sign in here.",
            "To the sign-in", "/console/sign-in"),
        404);

    private static Shell Nobody(TimeProvider time, Refusal? refusal) => new("", "", "", false, null, refusal, Instant.FromDateTimeOffset(time.GetUtcNow()));
}
