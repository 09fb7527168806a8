using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Sessions;

/// <summary>Whether a form was sent from a page of ours.</summary>
/// <remarks>
/// Three locks, each enough in today's browsers: the cookie does not come with what another site sends (SameSite=Strict), a browser says where a form
/// was (Sec-Fetch-Site, Origin), and the form holds what only a page of this session could have given it.
/// </remarks>
internal static class FormGuard
{
    public static bool IsOurs(ConsoleForm form, HttpRequest request, ConsoleSession session) =>
        IsFromHere(request) && session.IsFormToken(form["token"]);

    /// <summary>For signing in, before there is a session: a browser always sends one of the two with a form.</summary>
    public static bool IsFromHere(HttpRequest request) =>
        request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site ? site == "same-origin"
        : Uri.TryCreate(request.Headers.Origin.ToString(), UriKind.Absolute, out var origin) && origin.Authority == request.Host.Value;
}
