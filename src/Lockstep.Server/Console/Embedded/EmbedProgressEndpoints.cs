using System.Globalization;
using Lockstep.Server.Console.Connections;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Embedded;

/// <summary>The first sync, before the eyes of who has connected the account. Its address lets one look for an hour and do nothing, since a page that loads itself again
/// without script and without cookie has nothing but its address.</summary>
internal static class EmbedProgressEndpoints
{
    public const string Path = "/connect/progress";

    /// <summary>Seconds: at once at first, and then as one who is in no hurry.</summary>
    private const int Soon = 1;
    private const int Later = 3;
    private const int Rarely = 15;
    private static readonly Duration Hurry = Duration.FromSeconds(15);

    public static void Map(IEndpointRouteBuilder pages) => pages.MapGet("/progress/{ticket}", Show);

    private static async Task<IResult> Show(
        string ticket, HttpContext context, ConnectSessions sessions, UserDirectory users, IntegrationStore store, TimeProvider time, CancellationToken ct, string? still = null)
    {
        if (await sessions.Watch(ticket, EmbedVisit.Nobody(context), ct) is not { Integration: { } id } link)
            return await EmbedVisit.Draw<EmbedMessagePage>(context, EmbedMessage.Unknown, null, 404);
        var back = link.Back("connected", id);
        await users.Refresh(link.User, ct);
        var session = EmbedVisit.Of(context, link, "", "").Session;
        if (link.Standing == LinkStanding.Expired || await store.Get(session, new IntegrationId(id), ct) is not { } connection)
        {
            return await EmbedVisit.Draw<EmbedMessagePage>(context, new EmbedMessage(
                "This page has done its work", $"Syncing goes on by itself. Go back to {link.Product} to see what came of it.", link.Product, back), null, 410);
        }
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        var view = await FirstSyncView.Of(session, store, connection, now, ct);
        var looks = still is null;
        if (looks && view.Finished is null && !view.NeedsOwner)
        {
            // A header works without script, and says the same as the page: load it again.
            context.Response.Headers["Refresh"] = (view.Trouble is not null ? Rarely : now - connection.UpdatedAt < Hurry ? Soon : Later).ToString(CultureInfo.InvariantCulture);
        }
        return await EmbedVisit.Draw<EmbedProgressPage>(context, new EmbedProgress(view, link.Product, back, $"{Path}/{ticket}", looks), null, 200);
    }
}
