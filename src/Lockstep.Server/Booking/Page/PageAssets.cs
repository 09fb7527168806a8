using System.Security.Cryptography;
using System.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>The page's style and script, in the page itself, and the policy that lets these two run and nothing else.</summary>
/// <remarks>Hashes, not nonces: the two never change while the program runs, and a cached page keeps its policy.</remarks>
internal static class PageAssets
{
    /// <summary>Colours, radius and spacing: the console has the same.</summary>
    public static readonly Html Tokens = Html.Resource("Booking/tokens.css");

    public static readonly Html Style = Html.Of($"{Tokens}{Html.Resource("Booking/page.css")}");

    public static readonly Html Script = Html.Resource("Booking/page.js");

    public static readonly string ContentSecurityPolicy =
        $"default-src 'none'; style-src {Hash(Style)}; script-src {Hash(Script)}; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

    private static string Hash(Html asset) => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(asset.ToString())))}'";
}
