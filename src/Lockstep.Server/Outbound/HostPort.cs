using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;

namespace Lockstep.Server.Outbound;

/// <summary>A host and port as the allow-list names them and as connections are opened to them.</summary>
/// <param name="Host">Lower case, IDN in its ASCII form, IPv6 without brackets.</param>
internal readonly record struct HostPort(string Host, int Port)
{
    public static HostPort Of(Uri url) => new(Normal(url.IdnHost), url.Port);

    public static HostPort Of(DnsEndPoint endPoint) => new(Normal(endPoint.Host), endPoint.Port);

    /// <summary>Reads <c>host:port</c> or <c>[v6]:port</c>. Nothing is left out and nothing is a pattern.</summary>
    public static bool TryParse(string text, [NotNullWhen(false)] out string? error, out HostPort result)
    {
        result = default;
        var colon = text.LastIndexOf(':');
        var host = colon < 0 ? "" : text[..colon];
        var isPort = int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port)
            && port is > 0 and <= 65535;
        if (colon < 0 || !isPort)
        {
            error = "has no port from 1 to 65535; write host:port";
            return false;
        }

        var bracketed = host.StartsWith('[') && host.EndsWith(']');
        if (!bracketed && host.Contains(':', StringComparison.Ordinal))
        {
            error = "looks like an IPv6 address without brackets; write [address]:port";
            return false;
        }

        if (host.Contains('*', StringComparison.Ordinal) || Uri.CheckHostName(bracketed ? host[1..^1] : host) == UriHostNameType.Unknown
            || !Uri.TryCreate($"http://{host}:{port}/", UriKind.Absolute, out var url))
        {
            error = "is not one host name or address; patterns, schemes and paths are not read";
            return false;
        }

        error = null;
        result = new HostPort(Normal(url.IdnHost), port);
        return true;
    }

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";

    private static string Normal(string host) => host.Trim('[', ']').TrimEnd('.').ToLowerInvariant();
}
