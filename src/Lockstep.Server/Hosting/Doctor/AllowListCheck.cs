using System.Net;
using System.Net.Sockets;
using Lockstep.Server.Outbound;

namespace Lockstep.Server.Hosting.Doctor;

/// <summary>What users' URLs may reach although it is not public: every entry of <c>LOCKSTEP_OUTBOUND_ALLOW</c> is a hole that somebody asked for.</summary>
internal static class AllowListCheck
{
    private const string Area = "outbound";

    /// <summary>Link-local addresses and the two other places where clouds give credentials to whoever asks.</summary>
    private static readonly IPNetwork[] Metadata = [IPNetwork.Parse("169.254.0.0/16"), IPNetwork.Parse("fd00:ec2::254/128"), IPNetwork.Parse("100.100.100.200/32"), IPNetwork.Parse("168.63.129.16/32")];

    public static async Task<IEnumerable<Diagnosis>> Look(Settings settings, Func<string, string?> environment, CancellationToken ct)
    {
        var found = new List<Diagnosis>();
        var taken = await Own(settings, environment, ct);
        foreach (var entry in settings.OutboundAllow.OrderBy(entry => entry.ToString(), StringComparer.Ordinal))
            found.Add(Judge(entry, await Resolve(entry.Host, ct), taken));
        if (found.Count == 0)
            found.Add(Diagnosis.Well(Area, "outbound", "Users' URLs reach public addresses alone."));
        return found;
    }

    private static Diagnosis Judge(HostPort entry, IPAddress[] addresses, Dictionary<(IPAddress, int), string> own)
    {
        var mend = $"Take {entry} out of {OutboundAllowList.Setting}";
        if (addresses.Length == 0)
            return Diagnosis.Warning(Area, "outbound_unknown", $"{entry} is let through, and its name leads nowhere.", $"{mend}, or correct it: whoever gets that name gets the hole.");
        if (addresses.FirstOrDefault(address => own.ContainsKey((address, entry.Port))) is { } hit)
            return Diagnosis.Fault(Area, "outbound_own_service", $"{entry} lets users' URLs reach {own[(hit, entry.Port)]}.", mend + ".");
        if (addresses.Any(address => Metadata.Any(network => network.Contains(address))))
            return Diagnosis.Fault(Area, "outbound_metadata", $"{entry} lets users' URLs reach link-local addresses, where clouds give out the machine's credentials.", mend + ".");
        if (addresses.Any(IPAddress.IsLoopback))
            return Diagnosis.Warning(Area, "outbound_loopback", $"{entry} lets users' URLs reach a service of this machine.", $"{mend}, unless it is a server that users are meant to connect to.");
        return addresses.All(PublicAddresses.Contains)
            ? Diagnosis.Well(Area, "outbound_public", $"{entry} is public now, and needs no entry in {OutboundAllowList.Setting}.")
            : Diagnosis.Warning(Area, "outbound_private", $"{entry} lets users' URLs reach {string.Join(", ", addresses.Select(address => address.ToString()))} in your own network.", $"{mend}, unless users are meant to connect to it.");
    }

    /// <summary>What belongs to this installation, by address and port.</summary>
    private static async Task<Dictionary<(IPAddress Address, int Port), string>> Own(Settings settings, Func<string, string?> environment, CancellationToken ct)
    {
        var own = new Dictionary<(IPAddress, int), string>();
        foreach (var url in settings.Urls)
        {
            if (Uri.TryCreate(url.Replace("*", "localhost", StringComparison.Ordinal).Replace("+", "localhost", StringComparison.Ordinal), UriKind.Absolute, out var uri))
            {
                foreach (var address in uri.Host is "0.0.0.0" or "[::]" ? [IPAddress.Loopback, IPAddress.IPv6Loopback] : await Resolve(uri.Host.Trim('[', ']'), ct))
                    own.TryAdd((address, uri.Port), "this server itself, past whatever stands before it");
            }
        }
        foreach (var address in new[] { settings.Database?.Migrator, settings.Database?.App, settings.Database?.Service, settings.Database?.Direct })
        {
            if (address?.Host is not { Length: > 0 } hosts || hosts.StartsWith('/'))
                continue;
            foreach (var ip in await Resolve(hosts, ct))
                own.TryAdd((ip, address.Port), "the database of this installation");
        }
        foreach (var name in new[] { "LOCKSTEP_TRANSIT_ADDR", "LOCKSTEP_MEMBERSHIPS_URL" })
        {
            if (Uri.TryCreate(environment(name), UriKind.Absolute, out var uri))
            {
                foreach (var ip in await Resolve(uri.IdnHost, ct))
                    own.TryAdd((ip, uri.Port), $"the server of {name}");
            }
        }
        return own;
    }

    private static async Task<IPAddress[]> Resolve(string host, CancellationToken ct)
    {
        if (IPAddress.TryParse(host, out var literal))
            return [literal];
        try
        {
            return await Dns.GetHostAddressesAsync(host, ct);
        }
        catch (SocketException)
        {
            return [];
        }
    }
}
