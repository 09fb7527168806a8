using System.Collections.Concurrent;
using System.Net;

namespace Lockstep.Server.Outbound;

/// <summary>
/// Reuses connections only to servers that showed that they keep them. One that speaks HTTP/1.0, as Radicale does, closes after each
/// answer; the pool of .NET takes such a connection for reusable until the close arrives, and the next request dies on it with
/// "the response ended prematurely". So the first request to a host, and every one to such a server, has a connection of its own.
/// </summary>
internal sealed class ConnectionReuse(SocketsHttpHandler pooled, SocketsHttpHandler single) : HttpMessageHandler
{
    private const int MaxKnown = 10_000;

    private readonly HttpMessageInvoker reusing = new(pooled);
    private readonly HttpMessageInvoker fresh = new(single);
    private readonly ConcurrentDictionary<HostPort, bool> keepers = new();

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var target = HostPort.Of(request.RequestUri!);
        var invoker = keepers.ContainsKey(target) ? reusing : fresh;
        var response = await invoker.SendAsync(request, cancellationToken).ConfigureAwait(false);
        if (response.Version < HttpVersion.Version11 || response.Headers.ConnectionClose == true)
            keepers.TryRemove(target, out _);
        else if (invoker == fresh)
            Remember(target);
        return response;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            reusing.Dispose();
            fresh.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Remember(HostPort target)
    {
        // Hosts come from users; forgetting all of them costs one handshake each.
        if (keepers.Count >= MaxKnown)
            keepers.Clear();
        keepers.TryAdd(target, true);
    }
}
