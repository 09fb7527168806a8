using Lockstep.Crypto;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Integrations.Feed;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Embedded;

/// <summary>What making an integration asks.</summary>
internal sealed record EmbedDoors(ConnectSessions Sessions, IntegrationStore Store, SqlVault SqlVault, AccountUrls Addresses);

/// <summary>Makes the integration that a link is for, and ends the link with it.</summary>
internal static class EmbedConnecting
{
    private const int Most = 200;

    /// <param name="secret">Gives a new one each time; null where there is none.</param>
    /// <returns>Where the person goes now; or why nothing was connected, after which the link is as it was.</returns>
    public static async Task<(IResult? Done, Refusal? Refusal)> Run(EmbedVisit visit, CreateIntegrationRequest request, Func<Secret?> secret, EmbedDoors doors, CancellationToken ct)
    {
        var (sessions, link) = (doors.Sessions, visit.Link);
        if (!await sessions.Claim(link.Id, visit.Caller, ct))
        {
            return (await EmbedVisit.Draw<EmbedMessagePage>(visit.Context, new EmbedMessage(
                "It is being connected", "This account is being connected already. Give it a moment, then go back to where you came from.", link.Product, link.Back("connected")), null, 409), null);
        }
        var (made, renewed, refusal) = await Make(visit, request, secret, doors, ct);
        if (made is null)
        {
            await sessions.Release(link.Id, visit.Caller, ct);
            return (null, refusal);
        }
        var syncs = IntegrationTypes.Find(made.IntegrationType) is { Syncs: true };
        var ticket = ConnectLink.New();
        if (syncs)
            await sessions.LetWatch(link.Id, ticket, visit.Caller, CancellationToken.None);
        if (await sessions.Finish(link.Id, "connected", new IntegrationId(made.Id), null, visit.Caller, CancellationToken.None))
            return (syncs ? new SeeOther($"/connect/progress/{ticket}") : visit.Leave("connected", made.Id), null);
        // Taken back while the account was looked at: the product has been told that nothing was connected.
        if (!renewed)
            await doors.Store.Delete(visit.Session, new IntegrationId(made.Id), CancellationToken.None);
        return (await EmbedVisit.Draw<EmbedMessagePage>(visit.Context, new EmbedMessage(
            "This link was taken back", "Nothing was connected with it. Go back to where you came from, and start again there.", link.Product, link.Back("cancelled")), null, 409), null);
    }

    /// <summary>Who connects an account that is connected already wants it to work again: it gets the new secret.</summary>
    private static async Task<(IntegrationView? Made, bool Renewed, Refusal? Refusal)> Make(
        EmbedVisit visit, CreateIntegrationRequest request, Func<Secret?> secret, EmbedDoors doors, CancellationToken ct)
    {
        var (made, refusal) = visit.Read<IntegrationView>(await IntegrationEndpoints.Create(request with { Secret = secret() }, visit.Session, doors.Store, doors.SqlVault, doors.Addresses, ct));
        if (made is not null || refusal is not { Code: "integration_exists" } || await Former(visit, request, secret, doors.Store, ct) is not { } former)
            return (made, false, refusal);
        // Another server may have a user of the same name. What is connected there is not touched.
        if (request.Config?.Url is { } url && !string.Equals(former.Origin, new Uri(url).GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase))
        {
            return (null, false, refusal with
            {
                Detail = $"An account of this user name is connected already, at {former.Host}, and there cannot be two. Disconnect that one first, in {visit.Link.Product}. Nothing was changed.",
            });
        }
        var (renewed, failure) = visit.Read<IntegrationView>(await IntegrationEndpoints.Update(
            former.Id, new UpdateIntegrationRequest(Enabled: true, Config: request.Config, Secret: secret()), visit.Session, doors.Store, doors.SqlVault, doors.Addresses, ct));
        return (renewed, true, failure);
    }

    private static async Task<(Guid Id, string Origin, string Host)?> Former(
        EmbedVisit visit, CreateIntegrationRequest request, Func<Secret?> secret, IntegrationStore store, CancellationToken ct)
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
        var own = await store.List(visit.Session, null, visit.Link.Workspace, Most, ct);
        return own.FirstOrDefault(one => one.Type == request.IntegrationType && one.Workspace == visit.Link.Workspace && one.Config.Account == account) is { } former
            ? (former.Id.Value, former.Config.Origin, former.Config.Host)
            : null;
    }
}
