using Lockstep.Crypto;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Integrations;

/// <summary>Carries out a run by the connector of its type.</summary>
internal sealed class AccountSync(CaldavSync caldav, FeedSync feeds)
{
    /// <param name="secret">Null for what is public.</param>
    public Task<SyncReport> Run(TenantSession session, Integration integration, Secret? secret, HeldLease lease) => integration.Config switch
    {
        CaldavConfig => caldav.Run(session, integration, secret!, lease.Require, lease.Held),
        FeedConfig => feeds.Run(session, integration, secret, lease.Require, lease.Held),
        _ => throw new InvalidOperationException($"Nothing syncs a {integration.Type}."),
    };
}
