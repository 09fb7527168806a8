using System.Net;

namespace Lockstep.Server.Outbound.Names;

/// <summary>The name servers of this machine (resolv.conf(5)).</summary>
internal static class ResolvConf
{
    public const string Path = "/etc/resolv.conf";

    private const int Port = 53;

    /// <summary>resolv.conf(5): further ones are ignored.</summary>
    private const int Most = 3;

    /// <returns>Never empty: without an entry it is this machine itself.</returns>
    public static IReadOnlyList<IPEndPoint> Read(string text)
    {
        List<IPEndPoint> servers =
        [
            .. text.Split('\n')
                .Select(line => line.Split([' ', '\t', '\r'], StringSplitOptions.RemoveEmptyEntries))
                .Where(words => words is ["nameserver", _, ..])
                .Select(words => IPAddress.TryParse(words[1], out var address) ? new IPEndPoint(address, Port) : null)
                .OfType<IPEndPoint>().Take(Most),
        ];
        return servers.Count > 0 ? servers : [new IPEndPoint(IPAddress.Loopback, Port)];
    }

    /// <summary>As the file is now: it changes when the machine moves to another network.</summary>
    public static IReadOnlyList<IPEndPoint> OfMachine() => Read(File.Exists(Path) ? File.ReadAllText(Path) : "");
}
