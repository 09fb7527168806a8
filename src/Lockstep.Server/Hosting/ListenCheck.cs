using System.Net;
using System.Net.Sockets;

namespace Lockstep.Server.Hosting;

/// <summary>Looks whether the addresses are free before a database is made and work is claimed. Kestrel still has the last word.</summary>
internal static class ListenCheck
{
    /// <exception cref="StartRefusedException">Another program listens there, or the address is not this machine's.</exception>
    public static void Require(IReadOnlyList<string> urls)
    {
        foreach (var url in urls)
            if (Uri.TryCreate(url, UriKind.Absolute, out var uri) && uri.Port > 0 && Address(uri) is { } address)
                Require(url, new IPEndPoint(address, uri.Port));
    }

    private static void Require(string url, IPEndPoint endPoint)
    {
        using var socket = new Socket(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(endPoint);
            socket.Listen(1);
        }
        catch (SocketException e)
        {
            var reason = e.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => "another program uses that port. Stop it",
                SocketError.AddressNotAvailable => "that is not an address of this machine. Use one of its own, or 0.0.0.0 for all",
                SocketError.AccessDenied => "this user may not use that port. Take one above 1023",
                _ => e.Message,
            };
            throw new StartRefusedException($"Cannot listen on {url}: {reason}, or choose another address with --urls http://127.0.0.1:PORT.", e);
        }
    }

    private static IPAddress? Address(Uri uri) =>
        IPAddress.TryParse(uri.Host.Trim('[', ']'), out var address) ? address : uri.Host == "localhost" ? IPAddress.Loopback : null;
}
