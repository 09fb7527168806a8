using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Expands the events of a document into occurrences.</summary>
public static class Occurrences
{
    /// <summary>Work for one UID, in days looked at and instances made.</summary>
    private const int WorkPerSeries = 400_000;

    /// <summary>Work for a whole document.</summary>
    private const int WorkPerDocument = 4_000_000;

    // Later or earlier than any time that iCalendar can write, on any clock.
    private static readonly Instant First = Instant.FromUtc(1, 1, 1, 0, 0);
    private static readonly Instant Last = Instant.FromUtc(9999, 12, 31, 0, 0);

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

    /// <summary>The occurrence that a RECURRENCE-ID names, be it the rule's or an override's.</summary>
    /// <param name="recurrenceId">By instant; without a zone it is on the clock of the event's DTSTART.</param>
    /// <returns>Null when the event has no such instance, or an EXDATE takes it out.</returns>
    public static Occurrence? Find(CalendarDocument document, CalendarTime recurrenceId, DateTimeZone userZone, ExpansionBudget? shared = null)
    {
        ArgumentNullException.ThrowIfNull(document);
        var zones = new ZoneResolver(document, userZone);
        var vevents = document.ComponentsNamed("VEVENT").ToList();
        if (vevents.Find(one => one.Property("RECURRENCE-ID"u8) is null) is { } master && Time(master, "DTSTART") is { } start)
        {
            if (start.IsDate != recurrenceId.IsDate)
                return null;
            if (recurrenceId.Form == TimeForm.Floating && start.Form != TimeForm.Floating)
                recurrenceId = start with { Local = recurrenceId.Local };
        }
        var at = zones.ToInstant(recurrenceId);
        // An override may have been moved anywhere, a THISANDFUTURE moves all that follow as far.
        var reach = Duration.Zero;
        foreach (var one in vevents)
            if (Time(one, "RECURRENCE-ID") is { } id && Time(one, "DTSTART") is { } moved && (zones.ToInstant(id) == at || one.Property("RECURRENCE-ID")!.Parameter("RANGE") is not null))
                reach = Duration.Max(reach, Abs(zones.ToInstant(moved) - zones.ToInstant(id)) + Duration.FromDays(1));
        var window = new Interval(Instant.Max(at - reach, First), Instant.Min(at + reach + Duration.FromSeconds(1), Last));
        return Expand(document, window, userZone, null, shared).FirstOrDefault(one => one.RecurrenceId is { } id && zones.ToInstant(id) == at);

        static CalendarTime? Time(CalendarComponent component, string name) => component.Property(name) is { } line ? CalendarTime.Of(line) : null;

        static Duration Abs(Duration duration) => duration < Duration.Zero ? -duration : duration;
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
