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

    private static long Bounded(long start, long end) => Math.Max(start, Math.Min(end, Civil.MaxSeconds));

    private static Occurrence Make(EventView view, long start, long end, CalendarTime? recurrenceId) =>
        new(
            Instant.FromUnixTimeSeconds(start),
            Instant.FromUnixTimeSeconds(end),
            view.IsDate,
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
            var end = Bounded(view.StartUnix, view.Length.EndOf(view.StartUnix, view.Clock));
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

        /// <param name="longest">The length of the longest of <paramref name="dates"/> that has one of its own.</param>
        public Recurring(
            Segment segment, IReadOnlyList<Instance> dates, long longest, Exclusions exclusions, Window window, WorkBudget budget, ExpansionReport report)
        {
            (this.segment, this.window, this.budget, this.report) = (segment, window, budget, report);
            var (master, shift) = (segment.Master, Math.Abs(segment.Shift));
            var from = Math.Max(Math.Max(window.Start - segment.Described.Length.Reach - shift, segment.From), master.StartUnix);
            var limit = Math.Max(Math.Min(window.End + shift, segment.To), master.StartUnix);
            set = new RecurrenceSet(
                master,
                dates,
                Math.Max(window.Start - Math.Max(segment.Described.Length.Reach, longest) - shift, segment.From),
                exclusions,
                master.Clock.ToLocal(Math.Min(from, Civil.MaxSeconds)) - Margin(master),
                master.Clock.ToLocal(Math.Min(limit, Civil.MaxSeconds)) + Civil.SecondsPerDay,
                budget);
            reached = Math.Max(window.Start, segment.Master.StartUnix);
        }

        /// <summary>A start in a gap moves on by as much; one gap, in Samoa, had a day. Rules of minutes cannot look back that far.</summary>
        public static long Margin(EventView master) =>
            master.Rules.Exists(rule => rule.Frequency < Frequency.Hourly) ? 3 * 3600 : 2 * Civil.SecondsPerDay;

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
                var end = Bounded(start, EndOf(instance, start));
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
