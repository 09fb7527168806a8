using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Booking.Page;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Frame;

/// <summary>The style sheet, after the tokens that the public page has too, and a script of a few lines that nothing depends on.</summary>
internal static class ConsoleAssets
{
    private static readonly byte[] Style = Encoding.UTF8.GetBytes(PageAssets.Tokens.ToString() + Html.Resource("Console/console.css"));
    private static readonly byte[] Script = Encoding.UTF8.GetBytes(Html.Resource("Console/console.js").ToString());

    /// <summary>Named by its content, so that it may be kept for ever.</summary>
    public static readonly string StylePath = $"/console/assets/{Name(Style)}.css";

    public static readonly string ScriptPath = $"/console/assets/{Name(Script)}.js";

    public const string ContentSecurityPolicy =
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(StylePath, (HttpResponse response) => Keep(response, Style, "text/css; charset=utf-8")).AllowAnonymous().ExcludeFromDescription();
        routes.MapGet(ScriptPath, (HttpResponse response) => Keep(response, Script, "text/javascript; charset=utf-8")).AllowAnonymous().ExcludeFromDescription();
    }

    /// <summary>What every page says beside its HTML.</summary>
    public static void SetHeaders(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "same-origin";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }

    private static Microsoft.AspNetCore.Http.HttpResults.FileContentHttpResult Keep(HttpResponse response, byte[] body, string type)
    {
        response.Headers.CacheControl = "public, max-age=31536000, immutable";
        response.Headers.XContentTypeOptions = "nosniff";
        return TypedResults.Bytes(body, type);
    }

    private static string Name(byte[] body) => Convert.ToHexStringLower(SHA256.HashData(body).AsSpan(0, 8));
}
