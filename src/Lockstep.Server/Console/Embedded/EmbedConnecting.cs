using Lockstep.Crypto;
using Lockstep.Server.Console.Connections;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.Console.Embedded;

/// <summary>What the pages of links ask.</summary>
internal sealed record EmbedDoors(ConnectSessions Sessions, ConnectDoors Connect);

/// <summary>Makes the integration that a link is for, and ends the link with it.</summary>
internal static class EmbedConnecting
{
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
        var connected = await Connections.Connecting.Make(visit.Context, visit.Session, request, secret, $"in {link.Product}", doors.Connect, ct);
        if (connected.Made is not { } made)
        {
            await sessions.Release(link.Id, visit.Caller, ct);
            return (null, connected.Refusal);
        }
        var ticket = ConnectLink.New();
        if (connected.Syncs)
            await sessions.LetWatch(link.Id, ticket, visit.Caller, CancellationToken.None);
        if (await sessions.Finish(link.Id, "connected", new IntegrationId(made.Id), null, visit.Caller, CancellationToken.None))
            return (connected.Syncs ? new SeeOther($"/connect/progress/{ticket}") : visit.Leave("connected", made.Id), null);
        // Taken back while the account was looked at: the product has been told that nothing was connected.
        if (!connected.Renewed)
            await doors.Connect.Store.Delete(visit.Session, new IntegrationId(made.Id), CancellationToken.None);
        return (await EmbedVisit.Draw<EmbedMessagePage>(visit.Context, new EmbedMessage(
            "This link was taken back", "Nothing was connected with it. Go back to where you came from, and start again there.", link.Product, link.Back("cancelled")), null, 409), null);
    }
}
