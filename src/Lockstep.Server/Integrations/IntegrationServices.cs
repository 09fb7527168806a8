using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Postgres;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Integrations;

internal static class IntegrationServices
{
    /// <param name="options">Made once the other services stand, for the heartbeat.</param>
    public static IServiceCollection AddIntegrations(
        this IServiceCollection services, Func<IServiceProvider, IntegrationOptions> options) => services
        .AddSingleton(options)
        .AddSingleton<SyncSignal>()
        .AddSingleton<IntegrationRules>()
        .AddSingleton<IntegrationStore>()
        .AddSingleton<CaldavClients>()
        .AddSingleton<CaldavSync>()
        .AddSingleton<SyncRunner>()
        .AddSingleton(provider => new DueWork(provider.GetRequiredService<Database>()))
        .AddHostedService<SyncWorker>();
}
