using Lockstep.Server.ChangeSync.Export;
using Lockstep.Server.ChangeSync.Mana;
using Lockstep.Server.ChangeSync.Native;
using Lockstep.Server.ChangeSync.Schemas;
using Lockstep.Server.ChangeSync.Sealing;
using Lockstep.Server.ChangeSync.Snapshot;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Lockstep.Server.ChangeSync;

internal static class ChangeSyncEndpoints
{
    public static void MapChangeSync(this IEndpointRouteBuilder routes)
    {
        routes.MapNativeSync();
        routes.MapSnapshot();
        routes.MapSchemas();
        routes.MapSealing();
        routes.MapManaSync();
        ManaSocket.Map(routes);
        routes.MapExports();
        var services = routes.ServiceProvider;
        services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(services.GetRequiredService<ScopeSignals>().Close);
    }
}
