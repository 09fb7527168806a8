using System.Security.Cryptography;
using Lockstep.Crypto;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Connections;

/// <summary>What connecting something asks.</summary>
internal sealed record ConnectDoors(IntegrationStore Store, SqlVault SqlVault, AccountUrls Addresses, CaldavClients Clients, FeedClient Feeds);

/// <summary>What came of it; one of both is null.</summary>
/// <param name="Renewed">It was connected before, and works with what was given now.</param>
internal sealed record Connected(IntegrationView? Made, bool Renewed, Refusal? Refusal)
{
    /// <summary>There is a first sync to look at.</summary>
    public bool Syncs => Made is { } made && IntegrationTypes.Find(made.IntegrationType) is { Syncs: true };
}

/// <summary>What connecting an account takes, whichever page asks for it: the console's, or one behind the link of a product.</summary>
internal static class Connecting
{
    private const int Most = 200;

    /// <summary>Signs in and looks for calendars of events. Nothing is stored.</summary>
    /// <param name="password">Is disposed.</param>
    public static async Task<(DiscoverAnswer? Found, Refusal? Refusal)> Find(HttpContext context, AccountView account, Secret? password, ConnectDoors doors, CancellationToken ct)
    {
        var (found, refusal) = Refusal.Read<DiscoverAnswer>(await DiscoveryEndpoints.Discover(
            new DiscoverRequest(account.Address, account.Username, password), doors.Addresses, doors.Clients, context.Response, ct), context);
        if (found is null)
            return (null, refusal);
        var usable = found.Calendars.Where(calendar => calendar.Components.Count == 0 || calendar.Components.Contains("VEVENT")).ToList();
        return usable.Count > 0 ? (found with { Calendars = usable }, null) : (null, Refusal.Of(
            422, "no_calendars", "Signing in worked, but this account has no calendar for events. Make one there, in its own calendar app, and try again.", context));
    }

    /// <summary>Said when the password between two pages is gone.</summary>
    public static Refusal TooLate(HttpContext context) =>
        Refusal.Of(409, "wizard_expired", "This took longer than ten minutes, and the password was not kept. Type it once more.", context);

    /// <summary>Who connects an account that is connected already wants it to work again: it gets the new secret.</summary>
    /// <param name="secret">Gives a new one each time; null where there is none.</param>
    /// <param name="where">Where accounts are disconnected, such as "in app.example.com".</param>
    public static async Task<Connected> Make(
        HttpContext context, TenantSession session, CreateIntegrationRequest request, Func<Secret?> secret, string where, ConnectDoors doors, CancellationToken ct)
    {
        var (made, refusal) = Refusal.Read<IntegrationView>(
            await IntegrationEndpoints.Create(request with { Secret = secret() }, session, doors.Store, doors.SqlVault, doors.Addresses, ct), context);
        if (made is not null || refusal is not { Code: "integration_exists" } || await Former(session, request, secret, doors.Store, ct) is not { } former)
            return new Connected(made, false, refusal);
        // Another server may have a user of the same name. What is connected there is not touched.
        if (request.Config?.Url is { } url && !string.Equals(former.Config.Origin, new Uri(url).GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase))
        {
            return new Connected(null, false, refusal with
            {
                Detail = $"An account of this user name is connected already, at {former.Config.Host}, and there cannot be two. Disconnect that one first, {where}. Nothing was changed.",
            });
        }
        var (renewed, failure) = Refusal.Read<IntegrationView>(await IntegrationEndpoints.Update(
            former.Id.Value, new UpdateIntegrationRequest(Enabled: true, Config: request.Config, Secret: secret()), session, doors.Store, doors.SqlVault, doors.Addresses, ct), context);
        return new Connected(renewed, true, failure);
    }

    /// <summary>The receiver disposes it.</summary>
    public static Secret Copy(Secret secret)
    {
        var bytes = secret.RevealBytes();
        try
        {
            return Secret.FromBytes(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    private static async Task<Integration?> Former(TenantSession session, CreateIntegrationRequest request, Func<Secret?> secret, IntegrationStore store, CancellationToken ct)
    {
        var (config, kind) = (request.Config ?? new ConfigRequest(), IntegrationTypes.Find(request.IntegrationType)?.Kind);
        using var address = kind == ConfigKind.Feed ? secret() : null;
        var account = kind switch
        {
            ConfigKind.Feed => FeedSync.AddressOf(address) is { } url ? FeedConfig.OfPrivate(url).Account : null,
            ConfigKind.ApiKey => new ApiKeyConfig(config.Service?.Trim() ?? "", config.Username).Account,
            ConfigKind.Webhook => new Uri(config.Url!).AbsoluteUri,
            _ => config.Username?.Trim(),
        };
        var workspace = request.WorkspaceId is { } id ? new WorkspaceId(id) : (WorkspaceId?)null;
        return (await store.List(session, null, workspace, Most, ct))
            .FirstOrDefault(one => one.Type == request.IntegrationType && one.Workspace == workspace && one.Config.Account == account);
    }
}
