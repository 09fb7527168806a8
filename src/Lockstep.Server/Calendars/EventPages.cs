using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Lists of events, whole or expanded into occurrences.</summary>
internal static class EventPages
{
    public const int MaxOccurrences = 10_000;

    /// <returns>Null when there would be too many occurrences.</returns>
    public static async Task<Page<EventView>?> Read(TenantSession session, EventQuery query, CancellationToken ct) =>
        query.Expand ? await Expanded(session, query, ct) : await Whole(session, query, ct);

    private static async Task<Page<EventView>?> Whole(TenantSession session, EventQuery query, CancellationToken ct)
    {
        var rows = await EventStore.List(session, query.From, query.To, query.After, query.Limit + 1, ct);
        var next = rows.Count > query.Limit ? new EventCursor(rows[query.Limit - 1].Facts.StartsAt, rows[query.Limit - 1].Id.Value) : null;
        var window = new Interval(query.From, query.To);
        return new Page<EventView>(
            [.. rows.Take(query.Limit).Where(row => Overlaps(row, window, query.Zone)).Select(EventView.Of)],
            next?.ToString());
    }

    private static async Task<Page<EventView>?> Expanded(TenantSession session, EventQuery query, CancellationToken ct)
    {
        var rows = await EventStore.List(session, query.From, query.To, null, MaxOccurrences + 1, ct);
        if (rows.Count > MaxOccurrences)
            return null;
        var window = new Interval(query.From, query.To);
        var found = new List<(Instant Start, EventView View)>();
        foreach (var row in rows)
            foreach (var occurrence in Occurrences.Expand(CalendarDocument.Parse(row.Ics), window, query.Zone))
            {
                if (found.Count == MaxOccurrences)
                    return null;
                found.Add((occurrence.Start, EventView.Of(row, occurrence)));
            }
        return new Page<EventView>([.. found.OrderBy(item => item.Start).ThenBy(item => item.View.Id).Select(item => item.View)], null);
    }

    // The database looked at the widest range that the event may have.
    private static bool Overlaps(EventRow row, Interval window, DateTimeZone zone)
    {
        var report = new ExpansionReport();
        return Occurrences.Expand(CalendarDocument.Parse(row.Ics), window, zone, report).Any() || report.IsIncomplete;
    }
}
