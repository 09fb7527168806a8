using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Outbound;

namespace Lockstep.Tests.Calendaring.Caldav;

/// <summary>Clients as the product makes them, guard included.</summary>
internal static class Clients
{
    public static CaldavOptions Options { get; } = new() { IsRefusal = OutboundGuard.IsRefusal };

    public static HttpMessageInvoker Invoker(params Uri[] allowed) =>
        new OutboundGuard(allowed.Select(HostPort.Of).ToHashSet()).CreateInvoker();

    public static CaldavClient For(
        Uri url, string user = "alice", string password = "alicepw", CaldavOptions? options = null, params Uri[] alsoAllowed) =>
        new(Invoker([url, .. alsoAllowed]), new CaldavAccount(url, user, () => password), options ?? Options, TimeProvider.System);

    public static CaldavClient ForBearer(Uri url, string token) =>
        new(Invoker(url), new CaldavAccount(url, "", () => token, CaldavScheme.Bearer), Options, TimeProvider.System);
}
