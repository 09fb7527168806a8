using System.Text;
using Lockstep.Server.Activity;
using Lockstep.Server.Booking;
using Lockstep.Server.Calendars;
using Lockstep.Server.ChangeSync;
using Lockstep.Server.ChangeSync.Keeping;
using Lockstep.Server.Console;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.Reminders;
using Lockstep.Server.Vault.Reveals;
using Lockstep.Server.Vault.Webhooks;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.Hosting;

/// <summary>The rooms of the house, each with one door; Hosting alone knows them all.</summary>
internal static class Slices
{
    public static void Add(IServiceCollection services, Settings settings)
    {
        services.AddActivity();
        services.AddVault(new VaultOptions(settings.Keys, settings.RevealLimit) { Providers = settings.KeyProviders });
        services.AddSqlVault(settings.SqlVaultKey);
        services.AddWebhooks(new WebhookOptions());
        services.AddReminders(new ReminderOptions(settings.RemindBefore));
        services.AddSingleton(new ChangeHandlers(
            new Dictionary<string, AppHandler> { [EventChanges.App] = PushedEvents.Handle }, new Dictionary<string, RecordFinder> { [EventChanges.App] = RestoredEvents.Find }));
        services.AddChangeSync(CursorKeyOf(settings.Jwt), new KeepingOptions(NodaTime.Duration.FromDays(settings.SyncKeepDays)), settings.SyncQuotas);
        services.AddCalendars();
        services.AddSingleton(settings.Connect);
        services.AddIntegrations(provider => new IntegrationOptions
        {
            Heartbeat = provider.GetRequiredService<WorkerPulse>().Beat,
            OnlyNode = settings.Database is null,
            PushDelay = settings.PushDelay,
        });
        services.AddBooking(new BookingOptions(settings.BookingLimit));
        services.AddConsole();
        services.AddHostedService<NodeBeat>();
    }

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapActivity();
        routes.MapCredentials();
        routes.MapWebhooks();
        routes.MapRevealBlocks();
        routes.MapReminders();
        routes.MapChangeSync();
        routes.MapCalendars();
        routes.MapIntegrations();
        routes.MapBooking();
        routes.MapConsole();
    }

    // Where tokens come from a JWKS alone there is no shared secret. A forged cursor only skips or repeats what its owner may read anyway:
    // every pull asks row-level security again.
    private static CursorKey CursorKeyOf(JwtOptions jwt) => CursorKey.Derive(jwt.Secret?.ToArray() ?? Encoding.UTF8.GetBytes(jwt.JwksUrl ?? ""));
}
