using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Occurrences of one event in the order of their start.</summary>
internal abstract class OccurrenceStream
{
    private Occurrence? current;

    private OccurrenceStream() { }

    public Occurrence Current => current!;

    public bool MoveNext() => (current = Next()) is not null;

    protected abstract Occurrence? Next();

    private static Occurrence Make(EventView view, long start, long end, CalendarTime? recurrenceId) =>
        new(
            Instant.FromUnixTimeSeconds(start),
            Instant.FromUnixTimeSeconds(end),
            view.IsDate,
            Civil.Local(view.Clock.ToLocal(start)),
            Civil.Local(view.Clock.ToLocal(end)),
            view.Clock.Zone,
            recurrenceId,
            view.Component)
        {
            Uid = view.Uid,
            Summary = view.Summary,
            Transparency = view.Transparency,
            Status = view.Status,
        };

    /// <summary>An event that does not repeat, or an override.</summary>
    public sealed class Single(EventView view, Window window) : OccurrenceStream
    {
        private bool done;

        protected override Occurrence? Next()
        {
            if (done)
                return null;
            done = true;
            var end = Math.Min(view.Length.EndOf(view.StartUnix, view.Clock), Civil.MaxSeconds);
            return window.Holds(view.StartUnix, end) ? Make(view, view.StartUnix, end, view.RecurrenceId) : null;
        }
    }

    /// <summary>The instances of a recurrence set in one segment.</summary>
    public sealed class Recurring : OccurrenceStream
    {
        private readonly Segment segment;
        private readonly Window window;
        private readonly WorkBudget budget;
        private readonly ExpansionReport report;
        private readonly RecurrenceSet set;
        private long reached;

        public Recurring(
            Segment segment, IReadOnlyList<Instance> dates, Exclusions exclusions, Window window, WorkBudget budget, ExpansionReport report)
        {
            (this.segment, this.window, this.budget, this.report) = (segment, window, budget, report);
            // Two days cover every offset from UTC and every gap.
            const long Margin = 2 * Civil.SecondsPerDay;
            var shift = Math.Abs(segment.Shift);
            var from = Math.Max(window.Start - segment.Described.Length.Reach - shift, segment.From) - Margin;
            var limit = Math.Min(window.End + shift, segment.To) + Margin;
            reached = Math.Max(window.Start, segment.Master.StartUnix);
            set = new RecurrenceSet(segment.Master, dates, exclusions, from, limit, budget);
        }

        protected override Occurrence? Next()
        {
            while (set.MoveNext())
            {
                var instance = set.Current;
                if (instance.Start >= segment.To)
                    return null;
                if (instance.Start < segment.From)
                    continue;
                var start = segment.Moved(instance.Start);
                if (start >= window.End)
                    return null;
                reached = Math.Max(reached, start);
                var end = Math.Min(EndOf(instance, start), Civil.MaxSeconds);
                if (window.Holds(start, end))
                    return Make(segment.Described, start, end, RecurrenceId(instance.Start));
            }
            if (budget.IsExhausted)
                report.Stop(Instant.FromUnixTimeSeconds(Math.Min(reached, Civil.MaxSeconds)), segment.Master.Component.LineNumber);
            return null;
        }

        private long EndOf(Instance instance, long start)
        {
            if (instance.Period is not { } period || !ReferenceEquals(segment.Master, segment.Described))
                return segment.Described.Length.EndOf(start, segment.Described.Clock);
            var end = period.End is { } time
                ? segment.Master.ToUnix(time)
                : EventLength.Of(period.Length!.Value, false).EndOf(start, segment.Master.Clock);
            return Math.Max(start, end);
        }

        private CalendarTime? RecurrenceId(long start) =>
            segment.Master.IsRecurring
                ? segment.Master.Start with { Local = Civil.Local(segment.Master.Clock.ToLocal(start)) }
                : null;
    }
}
