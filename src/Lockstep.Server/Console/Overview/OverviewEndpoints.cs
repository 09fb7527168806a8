using Lockstep.Server.Activity;
using Lockstep.Server.Booking;
using Lockstep.Server.Calendars;
using Lockstep.Server.Console.Log;
using Lockstep.Server.Integrations;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.Console.Overview;

internal static class OverviewEndpoints
{
    private const int MostConnections = 50;
    private const int Shown = 5;
    private static readonly Duration Soon = Duration.FromDays(14);
    private static readonly Duration Week = Duration.FromDays(7);

    public static void Map(IEndpointRouteBuilder console) => console.MapGet("", Show);

    private static async Task<IResult> Show(ConsoleVisit visit, IntegrationStore store, CredentialVault vault, CancellationToken ct)
    {
        var (session, now) = (visit.Session, visit.Now);
        var connections = await store.List(session, null, null, MostConnections, ct);
        var conflicts = new List<ConnectionConflicts>();
        foreach (var connection in connections)
            if (await ConflictStore.List(session, connection.Id, null, Shown * 2, ct) is { } found
                && found.Items.Count(one => one.RestoredAt is null && one.OccurredAt > now - Week) is > 0 and var count)
                conflicts.Add(new ConnectionConflicts(connection, count));
        var zone = await ReaderZone.Of(session, ct);
        var events = await EventPages.Read(session, new EventQuery(now, now + Week, true, zone, null, EventQuery.DefaultLimit), ct);
        var expiring = await vault.List(session, new CredentialFilter(null, null, null, null, null, Shown, null, true, null, now + Soon), ct);
        var activity = await ActivityLog.List(session, new ActivityFilter(null, null, null, null, null, null, null, Shown), ct);
        return await visit.Page<OverviewPage>("overview", new OverviewView(
            connections, conflicts, events?.Items.Take(Shown).ToList(), expiring.Items, await ProviderStore.Read(session, ct), activity.Items,
            await ActivityWords.People(session, activity.Items, ct), zone));
    }
}
