using System.Net;
using System.Net.Sockets;

namespace Lockstep.Server.Outbound;

/// <summary>
/// Tells addresses of the public internet from all others, by the IANA special-purpose registries (RFC 6890) of both families.
/// Public IPv6 is only what is allocated (2000::/3); so mapped, compatible, NAT64, unique-local, link-local, multicast and
/// loopback forms are refused together, however they are written.
/// </summary>
internal static class PublicAddresses
{
    private static readonly IPNetwork[] RefusedIPv4 =
    [
        IPNetwork.Parse("0.0.0.0/8"),          // this network, RFC 791
        IPNetwork.Parse("10.0.0.0/8"),         // private, RFC 1918
        IPNetwork.Parse("100.64.0.0/10"),      // carrier-grade NAT, RFC 6598; also some clouds' metadata
        IPNetwork.Parse("127.0.0.0/8"),        // loopback, RFC 1122
        IPNetwork.Parse("169.254.0.0/16"),     // link-local, RFC 3927; 169.254.169.254 gives out cloud credentials
        IPNetwork.Parse("172.16.0.0/12"),      // private, RFC 1918
        IPNetwork.Parse("192.0.0.0/24"),       // protocol assignments, RFC 6890
        IPNetwork.Parse("192.0.2.0/24"),       // documentation, RFC 5737
        IPNetwork.Parse("192.88.99.0/24"),     // 6to4 relays, RFC 7526
        IPNetwork.Parse("192.168.0.0/16"),     // private, RFC 1918
        IPNetwork.Parse("198.18.0.0/15"),      // benchmarks, RFC 2544
        IPNetwork.Parse("198.51.100.0/24"),    // documentation, RFC 5737
        IPNetwork.Parse("203.0.113.0/24"),     // documentation, RFC 5737
        IPNetwork.Parse("224.0.0.0/4"),        // multicast, RFC 5771
        IPNetwork.Parse("240.0.0.0/4"),        // reserved and broadcast, RFC 1112
        IPNetwork.Parse("168.63.129.16/32"),   // Azure's host, a public number that is never the internet
    ];

    private static readonly IPNetwork AllocatedIPv6 = IPNetwork.Parse("2000::/3");
    private static readonly IPNetwork SixToFour = IPNetwork.Parse("2002::/16");

    private static readonly IPNetwork[] RefusedIPv6 =
    [
        IPNetwork.Parse("2001::/23"),          // protocol assignments with Teredo, RFC 2928
        IPNetwork.Parse("2001:db8::/32"),      // documentation, RFC 3849
        IPNetwork.Parse("3fff::/20"),          // documentation, RFC 9637
    ];

    public static bool Contains(IPAddress address)
    {
        if (address.AddressFamily == AddressFamily.InterNetwork)
            return !Array.Exists(RefusedIPv4, network => network.Contains(address));
        // Asked on its own: IPNetwork takes a mapped address for the IPv4 one and finds ::ffff:10.0.0.1 in 2000::/3.
        if (address.IsIPv4MappedToIPv6)
            return false;
        if (address.AddressFamily != AddressFamily.InterNetworkV6 || !AllocatedIPv6.Contains(address)
            || Array.Exists(RefusedIPv6, network => network.Contains(address)))
            return false;
        // 6to4 carries an IPv4 address in its second to sixth byte (RFC 3056 section 2).
        return !SixToFour.Contains(address) || Contains(new IPAddress(address.GetAddressBytes().AsSpan(2, 4)));
    }
}
