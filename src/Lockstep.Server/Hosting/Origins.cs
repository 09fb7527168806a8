using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Net.Http.Headers;

namespace Lockstep.Server.Hosting;

/// <summary>Pages of other origins that may call the API from a browser (WHATWG Fetch, 3.2), named by <c>LOCKSTEP_CORS_ORIGINS</c>.</summary>
/// <remarks>Never with credentials: a page shows its token itself, and the cookie of a signed-in console is of no use to it.</remarks>
internal static class Origins
{
    public const string Setting = "LOCKSTEP_CORS_ORIGINS";

    // What a page reads beside the body. Date sets a client's clock right; the other names are in the API document.
    private static readonly string[] Exposed = [HeaderNames.Date, HeaderNames.ETag, HeaderNames.Location, HeaderNames.RetryAfter];

    /// <param name="value">Origins as a browser writes them (RFC 6454, section 6.1), separated by commas or blanks.</param>
    /// <param name="faults">Gets one sentence for each that is none.</param>
    /// <param name="setting">As the messages name it.</param>
    public static IReadOnlySet<string> Parse(string? value, ICollection<string> faults, string setting = Setting)
    {
        var origins = new HashSet<string>(StringComparer.Ordinal);
        foreach (var entry in (value ?? "").Split([',', ' ', '\t', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
        {
            if (entry.Contains('*', StringComparison.Ordinal))
                faults.Add($"{setting}: '{entry}' is a pattern. Name each origin whole, such as https://app.example.com.");
            else if (!Uri.TryCreate(entry, UriKind.Absolute, out var uri) || uri.Scheme is not ("http" or "https") || Written(uri) != entry)
                faults.Add($"{setting}: '{entry}' is not an origin: scheme and host in lower case, the port where it is not the usual one, nothing after it, such as https://app.example.com.");
            else
                origins.Add(entry);
        }
        return origins;
    }

    public static void AddOrigins(this IServiceCollection services, IReadOnlySet<string> origins)
    {
        if (origins.Count == 0)
            return;
        services.AddCors(cors => cors.AddDefaultPolicy(policy => policy
            // By a function and not by a list, so that answers vary by origin also where there is only one.
            .SetIsOriginAllowed(origins.Contains)
            .AllowAnyHeader()
            .AllowAnyMethod()
            .WithExposedHeaders(Exposed)
            .SetPreflightMaxAge(TimeSpan.FromHours(2))));
    }

    private static string Written(Uri uri) => uri.Scheme + "://" + (uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost) + (uri.IsDefaultPort ? "" : string.Create(CultureInfo.InvariantCulture, $":{uri.Port}"));
}
