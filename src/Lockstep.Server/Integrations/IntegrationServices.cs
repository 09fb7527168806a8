using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Outbound.Names;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Integrations;

internal static class IntegrationServices
{
    /// <param name="options">Made once the other services stand, for the heartbeat.</param>
    public static IServiceCollection AddIntegrations(
        this IServiceCollection services, Func<IServiceProvider, IntegrationOptions> options) => services
        .AddSingleton(options)
        .AddSingleton<ConnectSessions>()
        .AddSingleton<ConnectUsers>()
        .AddSingleton<SyncSignal>()
        .AddSingleton<ConfigRules>()
        .AddSingleton<IntegrationRules>()
        .AddSingleton(provider => new AccountLookup(new DnsClient(provider.GetRequiredService<TimeProvider>())))
        .AddSingleton<AccountUrls>()
        .AddSingleton<IntegrationStore>()
        .AddSingleton<CaldavClients>()
        .AddSingleton<CaldavSync>()
        .AddSingleton<FeedClient>()
        .AddSingleton<FeedSync>()
        .AddSingleton<ConnectionTest>()
        .AddSingleton<AccountSync>()
        .AddSingleton<SyncRunner>()
        .AddSingleton(provider => new DueWork(provider.GetRequiredService<Database>()))
        .AddHostedService<SyncWorker>();
}
