using System.Collections.Concurrent;
using NodaTime;
using NodaTime.TimeZones;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>A zone made of the STANDARD and DAYLIGHT observances of a VTIMEZONE (RFC 5545 section 3.6.5).</summary>
/// <remarks>Onsets are counted to the year 2150, 4,000 of them at most; before the first one its TZOFFSETFROM holds.</remarks>
internal sealed class EmbeddedZone : DateTimeZone
{
    private const int WorkPerZone = 50_000;
    private const int MaxKept = 64;
    private const int MaxKeptLength = 32 * 1024;

    // The tz database's busiest zone has some 250 until today.
    private const int MaxOnsets = 4_000;

    // Each resource of a calendar carries the same VTIMEZONE again.
    private static readonly ConcurrentDictionary<string, EmbeddedZone> Kept = new(StringComparer.Ordinal);
    private static readonly long LastOnset = Civil.DayNumber(2150, 1, 1) * Civil.SecondsPerDay;

    private readonly ZoneInterval[] intervals;

    private EmbeddedZone(string id, ZoneInterval[] intervals)
        : base(id, intervals.Length == 1, intervals.Min(i => i.WallOffset), intervals.Max(i => i.WallOffset)) => this.intervals = intervals;

    /// <returns>Null when no observance of it can be read.</returns>
    public static EmbeddedZone? Of(CalendarComponent timeZone, string id)
    {
        var text = System.Text.Encoding.Latin1.GetString(timeZone.ToBytes());
        if (Kept.TryGetValue(text, out var kept))
            return kept;
        if (Build(timeZone, id) is not { } zone)
            return null;
        if (text.Length > MaxKeptLength)
            return zone;
        if (Kept.Count >= MaxKept)
            Kept.Clear();
        return Kept[text] = zone;
    }

    public override ZoneInterval GetZoneInterval(Instant instant)
    {
        int low = 0, high = intervals.Length - 1;
        while (low < high)
        {
            var middle = (low + high + 1) / 2;
            (low, high) = intervals[middle].Start <= instant ? (middle, high) : (low, middle - 1);
        }
        return intervals[low];
    }

    private static EmbeddedZone? Build(CalendarComponent timeZone, string id)
    {
        var onsets = new SortedDictionary<long, Onset>();
        var budget = new WorkBudget(WorkPerZone);
        foreach (var observance in timeZone.Components)
            if (observance.Name is "STANDARD" or "DAYLIGHT" && onsets.Count < MaxOnsets)
                Read(observance, onsets, budget);
        if (onsets.Count == 0)
            return null;
        var intervals = new List<ZoneInterval>(onsets.Count + 1);
        var (name, offset, savings) = ("", onsets.First().Value.From, false);
        Instant? start = null;
        foreach (var (seconds, onset) in onsets)
        {
            var end = Instant.FromUnixTimeSeconds(seconds);
            intervals.Add(Interval(name, start, end, offset, savings));
            (name, offset, savings, start) = (onset.Name, onset.To, onset.IsDaylight, end);
        }
        intervals.Add(Interval(name, start, null, offset, savings));
        return new EmbeddedZone(id, [.. intervals]);
    }

    private static ZoneInterval Interval(string name, Instant? start, Instant? end, Offset offset, bool daylight) =>
        new(name, start, end, offset, daylight ? Offset.FromHours(1) : Offset.Zero);

    private static void Read(CalendarComponent observance, SortedDictionary<long, Onset> onsets, WorkBudget budget)
    {
        if (UtcOffset.Parse(observance.Property("TZOFFSETFROM"u8)?.Value) is not { } from
            || UtcOffset.Parse(observance.Property("TZOFFSETTO"u8)?.Value) is not { } to
            || observance.Property("DTSTART"u8) is not { } line || CalendarTime.Of(line) is not { } start)
            return;
        var onset = new Onset(observance.Property("TZNAME"u8)?.Text ?? "", from, to, observance.Name == "DAYLIGHT");
        var local = Civil.Seconds(start.Local);
        onsets[local - from.Seconds] = onset;
        foreach (var property in observance.PropertiesNamed("RDATE"))
            foreach (var value in property.Value.Split(','))
                if (onsets.Count < MaxOnsets && CalendarTime.Parse(value, null) is { } date)
                    onsets[Civil.Seconds(date.Local) - (date.Form == TimeForm.Utc ? 0 : from.Seconds)] = onset;
        foreach (var property in observance.PropertiesNamed("RRULE"))
        {
            if (RecurrenceRule.Parse(property.Value, out _) is not { } rule)
                continue;
            var until = rule.Until is { } last ? Civil.Seconds(last.Local) + (last.Form == TimeForm.Utc ? from.Seconds : 0) : LastOnset;
            var starts = new RuleStarts(rule, local, false, Math.Min(until, LastOnset), budget);
            while (onsets.Count < MaxOnsets && starts.MoveNext())
                onsets[starts.Current - from.Seconds] = onset;
        }
    }

    private readonly record struct Onset(string Name, Offset From, Offset To, bool IsDaylight);
}
