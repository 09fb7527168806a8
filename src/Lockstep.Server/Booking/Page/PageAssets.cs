using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>The page's style and script, in the page itself, and the policy that lets these two run and nothing else.</summary>
/// <remarks>Hashes, not nonces: the two never change while the program runs, and a cached page keeps its policy.</remarks>
internal static class PageAssets
{
    public static readonly Html Style = Html.Resource("Booking/page.css");

    public static readonly Html Script = Html.Resource("Booking/page.js");

    public static readonly string ContentSecurityPolicy =
        $"default-src 'none'; style-src {Hash(Style)}; script-src {Hash(Script)}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static string Hash(Html asset) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(asset.ToString())))}'";
}
