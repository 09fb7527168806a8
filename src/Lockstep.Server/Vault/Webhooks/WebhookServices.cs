using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Vault.Webhooks;

internal static class WebhookServices
{
    public static IServiceCollection AddWebhooks(this IServiceCollection services, WebhookOptions options) => services
        .AddSingleton(options)
        .AddSingleton<WebhookRules>()
        .AddSingleton<WebhookStore>()
        .AddSingleton<DueDeliveries>()
        .AddSingleton<DeliverySender>()
        .AddHostedService<DeliveryWorker>();
}
