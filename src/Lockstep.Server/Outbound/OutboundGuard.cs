using System.Net;
using System.Net.Sockets;

namespace Lockstep.Server.Outbound;

/// <summary>
/// The only way to reach an address that a user entered. The decision falls on the IP address that is connected to, at the moment
/// of connecting, so that neither spelling (127.1, 0x7f000001) nor a name that resolves differently the second time gets past it.
/// Every hop of a redirect is a connection of its own.
/// </summary>
/// <param name="allow">Pairs that are let through whatever they resolve to.</param>
/// <param name="resolve">Gives the addresses of a name.</param>
internal sealed class OutboundGuard(
    IReadOnlySet<HostPort> allow, Func<string, CancellationToken, Task<IPAddress[]>> resolve)
{
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    public OutboundGuard(IReadOnlySet<HostPort> allow)
        : this(allow, Dns.GetHostAddressesAsync)
    {
    }

    /// <summary>An early answer for whoever enters an address. That it is allowed here promises nothing for the connection.</summary>
    public OutboundCheck Check(Uri url)
    {
        if (!url.IsAbsoluteUri || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps) || url.Host.Length == 0)
            return OutboundCheck.NotHttp;
        if (url.UserInfo.Length > 0)
            return OutboundCheck.CarriesCredentials;
        var target = HostPort.Of(url);
        if (allow.Contains(target))
            return OutboundCheck.Allowed;
        var isLocal = target.Host == "localhost" || target.Host.EndsWith(".localhost", StringComparison.Ordinal);
        var isPrivate = IPAddress.TryParse(target.Host, out var address) && !PublicAddresses.Contains(address);
        return isLocal || isPrivate ? OutboundCheck.NotPublic : OutboundCheck.Allowed;
    }

    /// <summary>Whether the operator named this host and port: what is his own network is his to judge.</summary>
    public bool Lists(Uri url) => allow.Contains(HostPort.Of(url));

    /// <summary>One pool of connections for all callers; keep it for the life of the process. It follows no redirects, keeps no
    /// cookies, uses no proxy and sends no trace headers.</summary>
    public HttpMessageInvoker CreateInvoker()
    {
        var connections = new ConnectionReuse(CreateHandler(TimeSpan.FromMinutes(5)), CreateHandler(TimeSpan.Zero));
        return new HttpMessageInvoker(new CheckingHandler(this, connections), disposeHandler: true);
    }

    /// <summary>Does this failure of a request come from the guard?</summary>
    public static bool IsRefusal(Exception exception)
    {
        for (var e = exception; e is not null; e = e.InnerException)
        {
            if (e is OutboundRefusedException)
                return true;
        }

        return false;
    }

    /// <param name="lifetime">Of a connection; zero means that none is used twice.</param>
    private SocketsHttpHandler CreateHandler(TimeSpan lifetime) => new()
    {
        AllowAutoRedirect = false,
        UseCookies = false,
        UseProxy = false,
        ActivityHeadersPropagator = null,
        ConnectTimeout = ConnectTimeout,
        PooledConnectionLifetime = lifetime,
        PooledConnectionIdleTimeout = TimeSpan.FromMinutes(2),
        MaxResponseHeadersLength = 64,
        ConnectCallback = ConnectAsync,
    };

    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken ct)
    {
        var target = HostPort.Of(context.DnsEndPoint);
        var addresses = IPAddress.TryParse(target.Host, out var literal)
            ? [literal]
            : await resolve(target.Host, ct).ConfigureAwait(false);
        var open = allow.Contains(target) ? addresses : Array.FindAll(addresses, PublicAddresses.Contains);
        if (open.Length == 0)
            throw addresses.Length > 0 ? new OutboundRefusedException(target.Host) : new SocketException((int)SocketError.HostNotFound);
        return await ConnectToFirstAsync(open, target.Port, ct).ConfigureAwait(false);
    }

    private static async Task<Stream> ConnectToFirstAsync(IPAddress[] addresses, int port, CancellationToken ct)
    {
        SocketException? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(new IPEndPoint(address, port), ct).ConfigureAwait(false);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                last = e;
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        }

        throw last!;
    }

    /// <summary>Refuses early what needs no connection, and makes every refusal the same exception.</summary>
    private sealed class CheckingHandler(OutboundGuard guard, HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var url = request.RequestUri ?? throw new InvalidOperationException("A request needs an address.");
            if (guard.Check(url) != OutboundCheck.Allowed)
                throw new OutboundRefusedException(url.IsAbsoluteUri ? url.Host : "This address");
            try
            {
                return await base.SendAsync(request, cancellationToken).ConfigureAwait(false);
            }
            catch (HttpRequestException e) when (IsRefusal(e))
            {
                throw new OutboundRefusedException(url.Host);
            }
        }
    }
}
