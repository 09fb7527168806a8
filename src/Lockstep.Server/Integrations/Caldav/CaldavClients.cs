using System.Diagnostics.Metrics;
using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Outbound;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Makes the clients of CalDAV accounts: all behind the outbound guard, over one pool of connections, counted.</summary>
internal sealed class CaldavClients(OutboundGuard guard, TimeProvider time) : IDisposable
{
    /// <summary>Somebody waits for the answer.</summary>
    private static readonly CaldavOptions Interactive = new()
    {
        IsRefusal = OutboundGuard.IsRefusal,
        ResponseTimeout = TimeSpan.FromSeconds(15),
        TotalTimeout = TimeSpan.FromSeconds(60),
        MaxResponseBytes = 16 << 20,
        MaxResources = 10_000,
    };

    /// <summary>How often the patience with a server doubles: 60 s, 120 s, 240 s.</summary>
    private const int Doublings = 2;

    private static readonly CaldavOptions Background = new() { IsRefusal = OutboundGuard.IsRefusal };

    private readonly HttpMessageInvoker pool = guard.CreateInvoker();

    /// <param name="secret">Asked whenever it is needed; never kept.</param>
    /// <param name="scheme">What the integration says; a server known to take tokens alone gets one in any case.</param>
    public CaldavClient ForPeople(Uri url, string username, Func<string> secret, CaldavScheme scheme = CaldavScheme.Password) =>
        new(pool, new CaldavAccount(url, username, secret, SchemeOf(url, scheme)), Interactive, time);

    /// <param name="failures">Runs in a row that failed before this one.</param>
    /// <returns>The client, and the requests that it will have sent.</returns>
    public (CaldavClient Client, CaldavTraffic Traffic) ForSync(CaldavConfig config, int failures, Func<string> secret)
    {
        var traffic = new CaldavTraffic(pool);
        var account = new CaldavAccount(config.Address, config.Username, secret, SchemeOf(config.Address, config.Scheme));
        return (new CaldavClient(traffic, account, OfRun(failures), time), traffic);
    }

    /// <summary>
    /// A server that looks at 50,000 files before its first byte may need minutes; whoever only ever gave it the same minute would never have its list.
    /// </summary>
    public static CaldavOptions OfRun(int failures) =>
        Background with { ResponseTimeout = Background.ResponseTimeout * (1 << Math.Clamp(failures, 0, Doublings)) };

    /// <summary>Google takes tokens alone: knowing it saves a refused request each time. Others say so when asked.</summary>
    private static CaldavScheme SchemeOf(Uri url, CaldavScheme said) =>
        url.Host.Equals("apidata.googleusercontent.com", StringComparison.OrdinalIgnoreCase) ? CaldavScheme.Bearer : said;

    public void Dispose() => pool.Dispose();
}

/// <summary>Counts what one run sends.</summary>
internal sealed class CaldavTraffic(HttpMessageInvoker pool) : HttpMessageInvoker(new Forward(pool), disposeHandler: false)
{
    private static readonly Counter<long> AllRequests = Meters.Lockstep.CreateCounter<long>(
        "lockstep.caldav.requests", description: "Requests sent to calendar servers");

    private static readonly Counter<long> AllBytes = Meters.Lockstep.CreateCounter<long>(
        "lockstep.caldav.bytes", "By", "Bytes of the bodies sent to and read from calendar servers");

    private int requests;
    private int writes;

    public int Requests => Volatile.Read(ref requests);

    /// <summary>PUT and DELETE among them.</summary>
    public int Writes => Volatile.Read(ref writes);

    public override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref requests);
        if (request.Method == HttpMethod.Put || request.Method == HttpMethod.Delete)
            Interlocked.Increment(ref writes);
        AllRequests.Add(1, new KeyValuePair<string, object?>("method", request.Method.Method));
        AllBytes.Add(request.Content?.Headers.ContentLength ?? 0, new KeyValuePair<string, object?>("direction", "sent"));
        var answer = await base.SendAsync(request, cancellationToken);
        answer.Content = new CountedContent(answer.Content, Received);
        return answer;
    }

    private static void Received(int bytes) => AllBytes.Add(bytes, new KeyValuePair<string, object?>("direction", "received"));

    private sealed class Forward(HttpMessageInvoker pool) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            pool.SendAsync(request, cancellationToken);
    }
}
