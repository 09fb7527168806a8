using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Console.Planner;

/// <summary>The events of all calendars, month by month.</summary>
internal static class MonthPages
{
    private static readonly YearMonthPattern Pattern = YearMonthPattern.CreateWithInvariantCulture("uuuu-MM");
    private static readonly YearMonth Earliest = new(1900, 1);
    private static readonly YearMonth Latest = new(2200, 1);

    public static void Map(IEndpointRouteBuilder console) => console.MapGet("/events", Show);

    public static string Text(YearMonth month) => Pattern.Format(month);

    private static async Task<IResult> Show(ConsoleVisit visit, IntegrationStore store, string? month, CancellationToken ct)
    {
        var zone = await ReaderZone.Of(visit.Session, ct);
        var today = visit.Now.InZone(zone).Date;
        var wanted = Pattern.Parse(month ?? "") is { Success: true } parsed && parsed.Value >= Earliest && parsed.Value <= Latest ? parsed.Value : today.ToYearMonth();
        var empty = new MonthView(wanted, null, zone, today, true);
        var query = new EventQuery(
            zone.AtStartOfDay(empty.First).ToInstant(), zone.AtStartOfDay(empty.Last.PlusDays(1)).ToInstant(), true, zone, null, EventQuery.DefaultLimit);
        var page = await EventPages.Read(visit.Session, query, ct);
        var connections = await store.List(visit.Session, null, null, 1, ct);
        return await visit.Page<MonthPage>("events", empty with { Events = page?.Items, HasConnections = connections.Count > 0 });
    }
}
