using System.Diagnostics.CodeAnalysis;
using Lockstep.Server.Outbound.Names;

namespace Lockstep.Server.Integrations;

/// <summary>Finds the calendar server of a domain by its SRV and TXT records (RFC 6764 section 6).</summary>
internal sealed class AccountLookup(DnsClient names)
{
    private const string Secure = "_caldavs._tcp.";
    private const string Plain = "_caldav._tcp.";
    private const string WellKnown = "/.well-known/caldav";
    private const int MostUrls = 4;
    private const int MaxPath = 500;

    /// <summary>Is it a bare domain (<c>example.com</c>) or an e-mail address? With a scheme, a path or a port it is neither.</summary>
    public static bool IsBare(string? text, [NotNullWhen(true)] out string? domain)
    {
        var trimmed = text?.Trim() ?? "";
        domain = trimmed[(trimmed.LastIndexOf('@') + 1)..].TrimEnd('.').ToLowerInvariant();
        if (trimmed.Count(c => c == '@') <= 1 && !trimmed.StartsWith('@') && !trimmed.Any(c => c is ':' or '/' || char.IsWhiteSpace(c))
            && domain.Contains('.') && Uri.CheckHostName(domain) == UriHostNameType.Dns)
        {
            // An internationalised domain is asked for as it stands in the DNS.
            domain = new Uri($"https://{domain}").IdnHost;
            return DnsName.IsHost(domain);
        }
        domain = null;
        return false;
    }

    public async Task<AccountAddress> Find(string domain, CancellationToken ct)
    {
        if (await Service(Secure, Uri.UriSchemeHttps, domain, ct) is { } secure)
            return secure;
        if (await Service(Plain, Uri.UriSchemeHttp, domain, ct) is { } plain)
            return plain;
        return new AccountAddress.Found([new Uri($"https://{domain}/")]);
    }

    /// <returns>Null when the domain says nothing of this service, or no name server answers.</returns>
    private async Task<AccountAddress?> Service(string service, string scheme, string domain, CancellationToken ct)
    {
        if (await names.Ask(service + domain, DnsType.Srv, ct) is not { Services: { Count: > 0 } records })
            return null;
        var servers = ServiceOrder.Of(records.Where(record => record.Target.Length > 0), most => Random.Shared.Next(most + 1));
        if (servers.Count == 0)
            return new AccountAddress.None();
        var path = PathOf(await names.Ask(service + domain, DnsType.Txt, ct));
        var urls = servers.Select(server => new UriBuilder(scheme, server.Target, server.Port, path).Uri).Take(MostUrls).ToList();
        var own = scheme == Uri.UriSchemeHttps ? urls.Where(url => BelongsTo(url.Host, domain)).ToList() : [];
        return own.Count > 0 ? new AccountAddress.Found(own) : new AccountAddress.Elsewhere(urls[0]);
    }

    /// <summary>RFC 6764 section 4: <c>path=/...</c>; anything that is not a plain path is left out.</summary>
    private static string PathOf(DnsAnswer? answer)
    {
        var path = answer?.Texts.Select(text => text.StartsWith("path=", StringComparison.OrdinalIgnoreCase) ? text[5..] : "")
            .FirstOrDefault(text => text.StartsWith('/') && !text.StartsWith("//", StringComparison.Ordinal) && text.Length <= MaxPath
                && text.All(c => char.IsAsciiLetterOrDigit(c) || "/-._~%@+:=,;!$&'()*".Contains(c, StringComparison.Ordinal)));
        return path ?? WellKnown;
    }

    private static bool BelongsTo(string host, string domain) =>
        host.Equals(domain, StringComparison.OrdinalIgnoreCase) || host.EndsWith("." + domain, StringComparison.OrdinalIgnoreCase);
}
