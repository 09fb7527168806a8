using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>How fresh what is known of a calendar is.</summary>
/// <param name="LastReadAt">When the mirror was last known to be what the server has; null: never. Older than you trust: not free.</param>
/// <param name="UnreadableSince">Set while reading fails: nothing of it may be called free.</param>
internal sealed record CalendarState(CalendarId Id, string Name, Instant? LastReadAt, Instant? UnreadableSince)
{
    public static CalendarState Read(NpgsqlDataReader row) =>
        new(new CalendarId(row.GetGuid(0)), row.GetString(1), row.GetInstantOrNull(2), row.GetInstantOrNull(3));
}

/// <summary>When somebody is taken. What is in neither list is free only as far as <paramref name="Calendars"/> are fresh.</summary>
/// <param name="Busy">Merged, in order, inside the window. Of events that block: not TRANSPARENT, not CANCELLED.</param>
/// <param name="Unknown">Where an event could not be expanded (too much work, unreadable): not free either. Merged, in order.</param>
/// <param name="TooMuch">The events together were too much work: the whole window is unknown.</param>
internal sealed record BusyTimes(
    IReadOnlyList<Interval> Busy, IReadOnlyList<Interval> Unknown, IReadOnlyList<CalendarState> Calendars, bool TooMuch = false)
{
    /// <summary>One budget for all <paramref name="resources"/>: many costly events cost no more than one.</summary>
    public static BusyTimes Of(
        IEnumerable<string> resources, IReadOnlyList<CalendarState> calendars, Interval window, DateTimeZone ownerZone, CancellationToken ct)
    {
        var (busy, unknown) = (new List<Interval>(), new List<Interval>());
        var budget = ExpansionCost.Budget(ct);
        foreach (var ics in resources)
        {
            var report = new ExpansionReport();
            if (ExpansionCost.Read(ics, budget) is { } document)
                foreach (var occurrence in Occurrences.Expand(document, window, ownerZone, report, budget))
                    if (occurrence.Transparency == Transparency.Opaque && occurrence.Status != EventStatus.Cancelled)
                        Add(busy, occurrence.Start, occurrence.End, window);
            if (budget.IsExhausted)
                return new BusyTimes([], [window], calendars, TooMuch: true);
            if (report.IsIncomplete || report.CompleteUntil is not null)
                Add(unknown, report.CompleteUntil ?? window.Start, window.End, window);
        }
        return new BusyTimes(Merge(busy), Merge(unknown), calendars);
    }

    /// <summary>Null <paramref name="ids"/>: the user's own calendars.</summary>
    public static Statement SelectCalendars(Guid[]? ids) => new(
        """
        SELECT c.id, c.name, c.last_read_at, c.unreadable_since
        FROM   lockstep.calendars c
        WHERE  CASE WHEN $1::uuid[] IS NULL THEN c.user_id = (SELECT lockstep.current_user_id()) ELSE c.id = ANY ($1) END
        ORDER  BY c.id
        """, ids);

    /// <summary>The texts in the first column; <see cref="BlockingEvent"/> reads the others.</summary>
    public static Statement SelectEvents(UserId user, Guid[]? ids, Interval window) => new(
        """
        SELECT e.ics, e.id, e.calendar_id, e.summary
        FROM   lockstep.events e
        WHERE  e.user_id = $1
        AND    NOT e.deleted AND e.range_end > $3 AND e.range_start < $4
        AND    (e.calendar_id IS NULL OR $2::uuid[] IS NULL OR e.calendar_id = ANY ($2))
        UNION  ALL
        SELECT e.ics, e.id, e.calendar_id, e.summary
        FROM   lockstep.events e
        WHERE  e.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[])
        AND    NOT e.deleted AND e.range_end > $3 AND e.range_start < $4
        AND    e.calendar_id = ANY ($2)
        """, user.Value, ids, window.Start, window.End);

    private static void Add(List<Interval> intervals, Instant start, Instant end, Interval window)
    {
        (start, end) = (Instant.Max(start, window.Start), Instant.Min(end, window.End));
        if (start >= end)
            return;
        // Occurrences of one event come in order: those that touch need no place of their own.
        if (intervals.Count > 0 && intervals[^1] is var last && last.Start <= start && start <= last.End)
            intervals[^1] = new Interval(last.Start, Instant.Max(last.End, end));
        else
            intervals.Add(new Interval(start, end));
    }

    private static List<Interval> Merge(List<Interval> intervals)
    {
        intervals.Sort((a, b) => a.Start.CompareTo(b.Start));
        var merged = new List<Interval>();
        foreach (var interval in intervals)
            if (merged.Count > 0 && interval.Start <= merged[^1].End)
                merged[^1] = new Interval(merged[^1].Start, Instant.Max(merged[^1].End, interval.End));
            else
                merged.Add(interval);
        return merged;
    }
}
