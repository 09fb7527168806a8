using Lockstep.Server.ChangeSync.Mana;
using Lockstep.Server.ChangeSync.Native;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.ChangeSync;

internal static class ChangeSyncEndpoints
{
    public static void MapChangeSync(this IEndpointRouteBuilder routes)
    {
        routes.MapNativeSync();
        routes.MapManaSync();
    }
}
