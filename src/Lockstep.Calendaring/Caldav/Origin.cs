namespace Lockstep.Calendaring.Caldav;

/// <summary>Scheme, host and port (RFC 6454 section 4), as text such as <c>https://cal.example.com</c>.</summary>
internal static class Origin
{
    public static string Of(Uri url)
    {
        var host = url.HostNameType == UriHostNameType.IPv6 ? url.Host : url.IdnHost;
        var port = url.IsDefaultPort ? "" : ":" + url.Port;
        return $"{url.Scheme}://{host}{port}".ToLowerInvariant();
    }
}
