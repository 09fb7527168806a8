using Lockstep.Crypto;
using Lockstep.Server.Activity.Chain;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.OAuth;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Lockstep.Server.Vault;

internal static class VaultServices
{
    public static IServiceCollection AddVault(this IServiceCollection services, VaultOptions options) => services
        .AddSingleton(options)
        .AddSingleton<DataKeyCache>()
        .AddSingleton<KeyProviders>()
        .AddSingleton<DataKeys>()
        .AddSingleton<ValueSealer>()
        .AddSingleton<Renewal>()
        .AddSingleton<RenewalJob>()
        .AddHostedService(provider => provider.GetRequiredService<RenewalJob>())
        .AddSingleton<KeyHealth>()
        .AddSingleton<RevealLimit>()
        .AddSingleton<SyncAudit>()
        .AddSingleton<GrantRules>()
        .AddSingleton<TokenEndpointClient>()
        .AddSingleton<TokenRefresher>()
        .AddSingleton<CredentialReader>()
        .AddSingleton<CredentialVault>()
        .AddSingleton<VaultStartCheck>()
        .AddSingleton<AuditKeys>()
        .AddSingleton<KeyRotation>()
        .AddSingleton<AuditSigner>(provider => provider.GetRequiredService<AuditKeys>().Open)
        .ConfigureAll<OpenApiOptions>(openApi => openApi.AddSchemaTransformer((schema, context, _) =>
        {
            // A member with a converter of its own says nothing of its shape; on the wire a secret is a string.
            if (context.JsonTypeInfo.Type == typeof(Secret))
            {
                schema.Type = JsonSchemaType.String;
                schema.Format = "password";
            }
            return Task.CompletedTask;
        }));
}
