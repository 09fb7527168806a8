using Lockstep.Server.Activity.Chain;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Activity;

internal static class ActivityServices
{
    /// <summary>Needs an <see cref="AuditSigner"/> beside it.</summary>
    public static IServiceCollection AddActivity(this IServiceCollection services) => services
        .AddSingleton<AuditChain>()
        .AddSingleton<AuditVerifier>()
        .AddSingleton<AuditExport>()
        .AddSingleton<SealWatch>()
        .AddHostedService<AuditSealer>();
}
