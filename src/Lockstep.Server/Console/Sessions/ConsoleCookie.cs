using System.Buffers.Text;
using System.Net;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Sessions;

/// <summary>The cookie: 256 random bits, for this host alone, out of reach of scripts and of other sites' requests.</summary>
internal static class ConsoleCookie
{
    /// <summary>RFC 6265bis section 4.1.3.2: browsers take it over https alone, with the path / and without a domain.</summary>
    public const string Name = "__Host-lockstep";

    /// <summary>For http://127.0.0.1 and the like, where browsers keep no cookie that is meant for https.</summary>
    public const string LocalName = "lockstep-local";

    private static readonly int Length = Base64Url.GetEncodedLength(ConsoleSession.KeySize);

    /// <returns>Null without one that could be ours.</returns>
    public static byte[]? Read(HttpRequest request) =>
        request.Cookies[NameFor(request)] is { } text && text.Length == Length && Base64Url.IsValid(text) ? Base64Url.DecodeFromChars(text) : null;

    public static void Set(HttpContext context, byte[] key) =>
        context.Response.Cookies.Append(NameFor(context.Request), Base64Url.EncodeToString(key), Options(context.Request));

    public static void Remove(HttpContext context) => context.Response.Cookies.Delete(NameFor(context.Request), Options(context.Request));

    private static string NameFor(HttpRequest request) => IsLocal(request) ? LocalName : Name;

    private static CookieOptions Options(HttpRequest request) => new()
    {
        HttpOnly = true,
        Secure = !IsLocal(request),
        // Another site's link opens the sign-in page; nothing of theirs ever comes with the cookie.
        SameSite = SameSiteMode.Strict,
        Path = "/",
        IsEssential = true,
    };

    private static bool IsLocal(HttpRequest request) =>
        !request.IsHttps && (request.Host.Host == "localhost" || (IPAddress.TryParse(request.Host.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address)));
}
