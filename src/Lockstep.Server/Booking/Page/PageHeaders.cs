using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Booking.Page;

/// <summary>What every page for visitors says beside its HTML.</summary>
internal static class PageHeaders
{
    /// <summary>Not kept anywhere, unless the page says otherwise afterwards.</summary>
    public static void Set(HttpResponse response)
    {
        var headers = response.Headers;
        headers.ContentSecurityPolicy = PageAssets.ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        // Addresses of bookings are secrets, and a form of our own should say where it came from.
        headers["Referrer-Policy"] = "no-referrer";
        headers.CacheControl = "no-store";
    }
}
