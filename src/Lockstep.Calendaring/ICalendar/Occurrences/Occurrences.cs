using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Expands the events of a document into occurrences.</summary>
public static class Occurrences
{
    /// <summary>Work for one UID, in days looked at and instances made.</summary>
    private const int WorkPerSeries = 400_000;

    /// <summary>Work for a whole document.</summary>
    private const int WorkPerDocument = 4_000_000;

    /// <summary>
    /// The occurrences of all VEVENTs that overlap the window, in the order of their start, made while they are read.
    /// Those that begin before the window and end in it are among them; times are not clipped.
    /// </summary>
    /// <param name="userZone">Whose midnight all-day events, and whose clock floating ones, are on.</param>
    /// <param name="report">Filled while the answer is read. What could not be expanded must not be called free.</param>
    /// <param name="shared">Spent as well as what one document may cost; null: only that.</param>
    public static IEnumerable<Occurrence> Expand(
        CalendarDocument document, Interval window, DateTimeZone userZone, ExpansionReport? report = null, ExpansionBudget? shared = null)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(userZone);
        return Read(document, Window.Of(window), userZone, report ?? new ExpansionReport(), shared);
    }

    private static IEnumerable<Occurrence> Read(
        CalendarDocument document, Window window, DateTimeZone userZone, ExpansionReport report, ExpansionBudget? shared)
    {
        // The order in the document decides between equal starts.
        var queue = new PriorityQueue<OccurrenceStream, (long Start, int Order)>();
        var all = new WorkBudget(WorkPerDocument, shared?.Work);
        var order = 0;
        foreach (var series in Series(document, new ZoneResolver(document, userZone), report))
            foreach (var stream in series.Streams(window, new WorkBudget(WorkPerSeries, all), report))
                if (stream.MoveNext())
                    queue.Enqueue(stream, (stream.Current.Start.ToUnixTimeSeconds(), order++));
        while (queue.TryPeek(out var stream, out var at))
        {
            if (shared is not null && !shared.TakeOccurrence())
            {
                report.Stop(stream.Current.Start, stream.Current.Component.LineNumber);
                yield break;
            }
            yield return stream.Current;
            if (stream.MoveNext())
                queue.DequeueEnqueue(stream, (stream.Current.Start.ToUnixTimeSeconds(), at.Order));
            else
                queue.Dequeue();
        }
    }

    private static List<EventSeries> Series(CalendarDocument document, ZoneResolver zones, ExpansionReport report)
    {
        var all = new List<EventSeries>();
        var byUid = new Dictionary<string, EventSeries>(StringComparer.Ordinal);
        foreach (var component in document.ComponentsNamed("VEVENT"))
        {
            if (EventView.Of(component, zones, report) is not { } view)
                continue;
            if (view.Uid.Length == 0 || !byUid.TryGetValue(view.Uid, out var series))
                all.Add(series = byUid[view.Uid] = new EventSeries());
            series.Add(view);
        }
        return all;
    }
}
