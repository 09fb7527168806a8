using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Takes the rest of a series along when its DTSTART moves, so that exceptions still name their instances.</summary>
public static class SeriesShift
{
    /// <summary>
    /// Moves EXDATE, RDATE and UNTIL of the master and RECURRENCE-ID of its overrides as far on the clock as DTSTART moved. An
    /// override that only says other things moves along; one that had a time of its own keeps it.
    /// </summary>
    /// <param name="from">What DTSTART was.</param>
    /// <param name="to">What it is now; may be in another zone, or have become a date or a time.</param>
    /// <param name="withRecurrence">False when the recurrence lines are new already: only the overrides move.</param>
    public static void Shift(this CalendarComponent master, CalendarTime from, CalendarTime to, bool withRecurrence)
    {
        ArgumentNullException.ThrowIfNull(master);
        if (from == to)
            return;
        var move = new Move(from, to, new ZoneResolver(master.Document, DateTimeZone.Utc));
        if (withRecurrence)
        {
            foreach (var line in master.Properties.Where(line => line.Name is "EXDATE" or "RDATE").ToList())
                Replace(master, line, string.Join(',', line.Value.Split(',').Select(value => move.Value(value, line.Parameter("TZID")))), to);
            foreach (var line in master.Properties.Where(line => line.Name is "RRULE" or "EXRULE").ToList())
                if (RecurrenceRule.Parse(line.Value, out _) is { Until: { } until } rule)
                    Replace(master, line, (rule with { Until = move.Until(until) }).ToString(), null);
        }
        foreach (var one in EventOverride.Siblings(master))
            if (one != master && one.Property("RECURRENCE-ID"u8) is { } id && CalendarTime.Of(id) is { } old)
                MoveOverride(one, id, old, move);
    }

    private static void MoveOverride(CalendarComponent one, ContentLine id, CalendarTime old, Move move)
    {
        var moved = move.Time(old);
        var others = id.Parameters.Where(p => p.Name is not ("VALUE" or "TZID"));
        if (one.Property("DTSTART"u8) is { } line && CalendarTime.Of(line) is { } start && move.IsSame(start, old))
        {
            if (one.Property("DTEND"u8) is { } endLine && CalendarTime.Of(endLine) is { } end)
                one.SetTime("DTEND", moved.PlusClockSeconds(moved.IsDate ? Math.Max(Civil.SecondsPerDay, end.ClockSecondsAfter(start)) : end.ClockSecondsAfter(start)));
            one.SetTime("DTSTART", moved);
        }
        one.SetProperty("RECURRENCE-ID", moved.ToString(), [.. moved.Parameters, .. others]);
    }

    /// <param name="form">Whose VALUE and TZID the line is to have; null keeps its own.</param>
    private static void Replace(CalendarComponent master, ContentLine line, string value, CalendarTime? form)
    {
        var parameters = form is null ? line.Parameters
            : [.. form.Value.Parameters.Where(p => p.Name != "VALUE" || line.Parameter("VALUE") != "PERIOD"), .. line.Parameters.Where(p => p.Name != "TZID" && (p.Name != "VALUE" || p.Value == "PERIOD"))];
        var changed = ContentLineWriter.Write(line.Name, parameters, value, line.LineEnd);
        changed.Parent = master;
        master.Nodes[master.Nodes.IndexOf(line)] = changed;
        master.Document.Touch();
    }

    private sealed class Move(CalendarTime before, CalendarTime after, ZoneResolver zones)
    {
        private readonly long by = after.ClockSecondsAfter(before);
        private readonly DateTimeZone zone = zones.ZoneOf(before);

        public CalendarTime Time(CalendarTime old)
        {
            var moved = after with { Local = OnClock(old).PlusClockSeconds(by).Local };
            return moved.IsDate ? CalendarTime.Date(moved.Local.Date) : moved;
        }

        public bool IsSame(CalendarTime a, CalendarTime b) => zones.ToInstant(a) == zones.ToInstant(b);

        public string Value(string value, string? tzId)
        {
            if (CalendarPeriod.Parse(value, tzId) is { } period)
                return new CalendarPeriod(Time(period.Start), period.End is { } end ? Time(end) : null, period.Length).ToString();
            return CalendarTime.Parse(value, tzId) is { } time ? Time(time).ToString() : value;
        }

        /// <summary>A UTC time with a zoned DTSTART, a date with a date (RFC 5545 section 3.3.10).</summary>
        public CalendarTime Until(CalendarTime old)
        {
            // A date beside a timed start, which the RFC forbids, means that whole day.
            if (old.IsDate && before.Form != TimeForm.Date)
                old = before with { Local = old.Local.PlusDays(1).PlusSeconds(-1) };
            var moved = Time(old);
            return moved.Form is TimeForm.Date or TimeForm.Floating ? moved : CalendarTime.Utc(zones.ToInstant(moved));
        }

        /// <summary>On the clock that DTSTART was on.</summary>
        private CalendarTime OnClock(CalendarTime time) =>
            (time.Form == TimeForm.Utc && before.Form != TimeForm.Utc) || (time.Form == TimeForm.Zoned && time.TzId != before.TzId)
                ? before with { Local = zones.ToInstant(time).InZone(zone).LocalDateTime }
                : time;
    }
}
