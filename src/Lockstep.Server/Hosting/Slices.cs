using Lockstep.Server.Activity;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Hosting;

/// <summary>The rooms of the house, each with one door; Hosting alone knows them all.</summary>
internal static class Slices
{
    public static void Add(IServiceCollection services, Settings settings)
    {
        services.AddVault(new VaultOptions(settings.Keys, settings.RevealLimit));
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapActivity();
        routes.MapCredentials();
    }
}
