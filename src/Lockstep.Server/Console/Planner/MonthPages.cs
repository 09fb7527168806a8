using Lockstep.Server.Calendars;
using Lockstep.Server.Console.Connections;
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

    private const int MostConnections = 50;

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/events", Show);
        console.MapPost("/events/place", Place);
    }

    public static string Text(YearMonth month) => Pattern.Format(month);

    private static async Task<IResult> Show(ConsoleVisit visit, IntegrationStore store, string? month, CancellationToken ct) =>
        await visit.Page<MonthPage>("events", await Read(visit, store, month, ct));

    /// <summary>Puts the events of a month that are in no calendar into one.</summary>
    private static async Task<IResult> Place(ConsoleVisit visit, ConsoleForm form, IntegrationStore store, EventStore events, CancellationToken ct)
    {
        var view = await Read(visit, store, form["month"], ct);
        foreach (var one in view.Kept)
        {
            var answer = await EventEndpoints.Patch(one.Id, new EventBody { CalendarId = form["calendar"] }, null, visit.Session, events, visit.Context.Response, ct);
            if (visit.Refused(answer) is { } refusal)
                return await visit.Page<MonthPage>("events", await Read(visit, store, form["month"], ct), refusal);
        }
        return ConsoleVisit.Go($"/console/events?month={Text(view.Month)}", "placed");
    }

    private static async Task<MonthView> Read(ConsoleVisit visit, IntegrationStore store, string? month, CancellationToken ct)
    {
        var zone = await ReaderZone.Of(visit.Session, ct);
        var today = visit.Now.InZone(zone).Date;
        var wanted = Pattern.Parse(month ?? "") is { Success: true } parsed && parsed.Value >= Earliest && parsed.Value <= Latest ? parsed.Value : today.ToYearMonth();
        var empty = new MonthView(wanted, null, zone, today, true);
        var query = new EventQuery(
            zone.AtStartOfDay(empty.First).ToInstant(), zone.AtStartOfDay(empty.Last.PlusDays(1)).ToInstant(), true, zone, null, EventQuery.DefaultLimit);
        var page = await EventPages.Read(visit.Session, query, ct);
        var view = empty with { Events = page?.Items, HasConnections = (await store.List(visit.Session, null, null, MostConnections, ct)).Any(one => one.Syncs) };
        return view.Kept.Count == 0 ? view : view with
        {
            Calendars = [.. (await ConnectedCalendar.Of(visit.Session, store, ct)).Where(one => one.Connection.Workspace is null && !one.Calendar.ReadOnly)],
        };
    }
}
