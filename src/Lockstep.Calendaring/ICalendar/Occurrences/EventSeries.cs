using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>A stretch of time in Unix seconds.</summary>
internal readonly record struct Window(long Start, long End)
{
    public static Window Of(Interval interval) => new(
        interval.HasStart ? Floor(interval.Start) : long.MinValue / 4,
        interval.HasEnd ? Ceiling(interval.End) : Civil.MaxSeconds + (2 * Civil.SecondsPerDay));

    private static long Floor(Instant instant) => Civil.FloorDiv(instant.ToUnixTimeTicks(), NodaConstants.TicksPerSecond);

    private static long Ceiling(Instant instant) => Civil.CeilDiv(instant.ToUnixTimeTicks(), NodaConstants.TicksPerSecond);

    /// <summary>Whether something overlaps the window; what has no length, whether it starts in it.</summary>
    public bool Holds(long start, long end) => start < End && (end > Start || start >= Start);
}

/// <summary>All components of one UID: masters and their overrides, taken apart into streams that are each in order.</summary>
internal sealed class EventSeries
{
    private readonly List<EventView> masters = [];
    private readonly List<EventView> overrides = [];

    public void Add(EventView view) => (view.IsOverride ? overrides : masters).Add(view);

    /// <summary>The streams that together give every occurrence once.</summary>
    public IEnumerable<OccurrenceStream> Streams(Window window, WorkBudget budget, ExpansionReport report)
    {
        var newest = masters.Max(view => view.Sequence);
        // An older revision of the same event says nothing any more (RFC 5545 section 3.8.7.4).
        masters.RemoveAll(view => view.Sequence < newest);
        var valid = Newest(overrides);
        foreach (var view in valid)
            yield return new OccurrenceStream.Single(view, window);
        foreach (var master in masters)
        {
            if (!master.IsRecurring && valid.Count == 0)
            {
                yield return new OccurrenceStream.Single(master, window);
                continue;
            }
            foreach (var stream in Segments(master, valid, window, budget, report))
                yield return stream;
        }
    }

    /// <summary>Of several overrides of one instance the one with the highest SEQUENCE, and of equals the last.</summary>
    private static List<EventView> Newest(List<EventView> views)
    {
        if (views.Count < 2)
            return views;
        var newest = new Dictionary<long, EventView>();
        foreach (var view in views)
        {
            var at = view.RecurrenceId is { } id ? view.ToUnix(id) : view.StartUnix;
            if (!newest.TryGetValue(at, out var other) || (view.Sequence ?? 0) >= (other.Sequence ?? 0))
                newest[at] = view;
        }
        return [.. newest.Values];
    }

    /// <summary>The set up to the first THISANDFUTURE, between each two of them, and after the last: each moved by its own shift.</summary>
    private static IEnumerable<OccurrenceStream> Segments(
        EventView master, List<EventView> overrides, Window window, WorkBudget budget, ExpansionReport report)
    {
        // As many masters as overrides would be their product.
        if (!budget.Spend(overrides.Count) || budget.IsExhausted)
        {
            report.Stop(Instant.FromUnixTimeSeconds(Math.Min(master.StartUnix, Civil.MaxSeconds)), master.Component.LineNumber);
            yield break;
        }
        var exclusions = master.Exclusions(budget);
        foreach (var view in overrides)
            if (view.RecurrenceId is { } id)
                exclusions.Add(id, master);
        var dates = master.Dates(budget);
        var longest = dates.Count > 1 ? dates.Max(date => LengthOf(date, master)) : 0;
        var ranges = overrides
            .Where(view => view.IsThisAndFuture && view.RecurrenceId is not null)
            .Select(view => (From: master.ToUnix(view.RecurrenceId!.Value), View: view))
            .OrderBy(range => range.From)
            .ToList();
        for (var i = -1; i < ranges.Count; i++)
        {
            if (budget.IsExhausted)
            {
                report.Stop(Instant.FromUnixTimeSeconds(Math.Min(i < 0 ? master.StartUnix : ranges[i].From, Civil.MaxSeconds)), master.Component.LineNumber);
                yield break;
            }
            yield return new OccurrenceStream.Recurring(
                new Segment(
                    master,
                    i < 0 ? master : ranges[i].View,
                    i < 0 ? long.MinValue : ranges[i].From,
                    i + 1 < ranges.Count ? ranges[i + 1].From : long.MaxValue),
                dates, longest, exclusions, window, budget, report);
        }
    }

    private static long LengthOf(Instance date, EventView master) =>
        date.Period is not { } period ? 0
        : period.End is { } end ? master.ToUnix(end) - date.Start
        : Math.Max(0, period.Length!.Value.TotalSeconds) + Civil.SecondsPerDay;
}
