using Lockstep.Server.ChangeSync.Export;
using Lockstep.Server.ChangeSync.Keeping;
using Lockstep.Server.ChangeSync.Mana;
using Lockstep.Server.ChangeSync.Native;
using Lockstep.Server.ChangeSync.Quotas;
using Lockstep.Server.ChangeSync.Schemas;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Lockstep.Server.ChangeSync;

internal static class ChangeSyncServices
{
    /// <param name="key">Signs cursors; the same on every node.</param>
    /// <param name="keeping">What the log does not keep for ever.</param>
    /// <param name="quotas">How much a scope may hold.</param>
    /// <remarks>Hosting registers <see cref="ChangeHandlers"/> with the apps that other slices own; without one there are none.</remarks>
    public static IServiceCollection AddChangeSync(this IServiceCollection services, CursorKey key, KeepingOptions keeping, QuotaOptions quotas)
    {
        services.AddSingleton(key).AddSingleton(keeping);
        services.AddSingleton<LogKeeper>().AddHostedService(provider => provider.GetRequiredService<LogKeeper>());
        services.TryAddSingleton(ChangeHandlers.None);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton<CursorCodec>();
        services.AddSingleton<ScopeSignals>();
        services.AddSingleton<PushGroups>();
        services.AddSingleton<ScopeTokens>();
        services.AddHostedService<NodeTalk>();
        services.AddHostedService<HeadWatch>();
        services.AddSingleton<HoleWatch>().AddHostedService(provider => provider.GetRequiredService<HoleWatch>());
        services.AddSingleton(provider => new WriteRules(provider.GetRequiredService<ChangeHandlers>(), quotas, provider.GetRequiredService<TableSchemas>()));
        services.AddSingleton<TableSchemas>();
        services.AddSingleton<SchemaWatch>().AddHostedService(provider => provider.GetRequiredService<SchemaWatch>());
        services.AddSingleton<ChangeLog>();
        services.AddSingleton<NativeReader>();
        services.AddSingleton<ManaReader>();
        services.AddSingleton<ManaSocket>();
        services.AddSingleton<RecordImport>();
        services.AddSingleton<LogInspector>();
        return services;
    }
}
