using Lockstep.Server.Integrations.Connecting;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Embedded;

/// <summary>What the pages of links say beside their HTML. Other than the console's, they may stand in a frame of the operator's product.</summary>
internal static class EmbedHeaders
{
    /// <param name="back">Where its forms may lead; null: nowhere outside.</param>
    /// <remarks>No opener policy: a product that shows the page in a window of its own waits there for the way back.</remarks>
    public static void Set(HttpResponse response, ConnectOptions options, Uri? back = null)
    {
        var headers = response.Headers;
        // Browsers hold a redirect after a form to form-action too (CSP level 3, section 6.4.2).
        var leads = back is null ? "" : " " + back.GetLeftPart(UriPartial.Authority);
        var frames = options.FrameOrigins.Count == 0 ? "'none'" : string.Join(' ', options.FrameOrigins.Order(StringComparer.Ordinal));
        headers.ContentSecurityPolicy =
            $"default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'{leads}; base-uri 'none'; frame-ancestors {frames}";
        if (options.FrameOrigins.Count == 0)
            headers.XFrameOptions = "DENY";
        headers.XContentTypeOptions = "nosniff";
        // The address holds the link.
        headers["Referrer-Policy"] = "no-referrer";
        headers["X-Robots-Tag"] = "noindex, nofollow";
        headers.CacheControl = "no-store";
    }
}
