using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Lists of events, whole or expanded into occurrences.</summary>
internal static class EventPages
{
    public const int MaxOccurrences = 10_000;

    /// <summary>What to say when an expansion is null.</summary>
    public static readonly string TooMany =
        $"More than {MaxOccurrences} occurrences lie in this window, or its events repeat too often to be expanded. Ask for a shorter one.";

    /// <returns>Null when there would be too many occurrences, or finding them is too much work.</returns>
    public static async Task<Page<EventView>?> Read(TenantSession session, EventQuery query, CancellationToken ct)
    {
        var zone = query.Zone ?? await ReaderZone.Of(session, ct);
        return query.Expand ? await Expanded(session, query, zone, ct) : await Whole(session, query, zone, ct);
    }

    private static async Task<Page<EventView>?> Whole(TenantSession session, EventQuery query, DateTimeZone zone, CancellationToken ct)
    {
        var rows = await EventStore.List(session, query.From, query.To, query.After, query.Limit + 1, ct);
        var next = rows.Count > query.Limit ? new EventCursor(rows[query.Limit - 1].Facts.StartsAt, rows[query.Limit - 1].Id.Value) : null;
        var window = new Interval(query.From, query.To);
        var budget = ExpansionCost.Budget(ct);
        return new Page<EventView>(
            [.. rows.Take(query.Limit).Where(row => Overlaps(row, window, zone, budget)).Select(EventView.Of)],
            next?.ToString());
    }

    private static async Task<Page<EventView>?> Expanded(TenantSession session, EventQuery query, DateTimeZone zone, CancellationToken ct)
    {
        var rows = await EventStore.List(session, query.From, query.To, null, MaxOccurrences + 1, ct);
        return rows.Count > MaxOccurrences ? null : Expand(rows, query, zone, ct);
    }

    /// <summary>The occurrences of these events, in order.</summary>
    /// <returns>Null when there would be too many, or finding them is too much work.</returns>
    public static Page<EventView>? Expand(IReadOnlyList<EventRow> rows, EventQuery query, DateTimeZone zone, CancellationToken ct)
    {
        var window = new Interval(query.From, query.To);
        var found = new List<(Instant Start, EventView View)>();
        var budget = ExpansionCost.Budget(ct);
        foreach (var row in rows)
        {
            if (ExpansionCost.Read(row.Ics, budget) is { } document)
                foreach (var occurrence in Occurrences.Expand(document, window, zone, null, budget))
                {
                    if (found.Count == MaxOccurrences)
                        return null;
                    found.Add((occurrence.Start, EventView.Of(row, occurrence)));
                }
            if (budget.IsExhausted)
                return null;
        }
        return new Page<EventView>([.. found.OrderBy(item => item.Start).ThenBy(item => item.View.Id).Select(item => item.View)], null);
    }

    // The database looked at the widest range that the event may have. What is too much work to know is listed.
    private static bool Overlaps(EventRow row, Interval window, DateTimeZone zone, ExpansionBudget budget)
    {
        var report = new ExpansionReport();
        return ExpansionCost.Read(row.Ics, budget) is not { } document
            || Occurrences.Expand(document, window, zone, report, budget).Any() || report.IsIncomplete;
    }
}
