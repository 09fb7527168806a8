namespace Lockstep.Calendaring.ICalendar;

/// <summary>Checks recurrence lines that somebody hands in, <c>RRULE:FREQ=WEEKLY;BYDAY=MO</c> and the like.</summary>
public static class RecurrenceLines
{
    private const int WorkToFit = 100_000;

    /// <returns>What is wrong with the first bad line, naming it; null when all can be written as they are.</returns>
    public static string? Problem(IReadOnlyList<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        for (var i = 0; i < lines.Count; i++)
            if (Problem(lines[i]) is { } problem)
                return $"recurrence[{i}]: {problem}";
        return null;
    }

    /// <summary>Whether every rule of a component gives this as a start; true when it has no rule.</summary>
    public static bool Fit(CalendarComponent component, CalendarTime start)
    {
        ArgumentNullException.ThrowIfNull(component);
        var budget = new WorkBudget(WorkToFit);
        foreach (var line in component.PropertiesNamed("RRULE"))
        {
            if (RecurrenceRule.Parse(line.Value, out _) is not { } rule)
                continue;
            var local = Civil.Seconds(start.Local);
            var starts = new RuleStarts(rule with { Count = null, Until = null }, local, start.IsDate, local, budget);
            if (!starts.MoveNext() || starts.Current != local)
                return false;
        }
        return true;
    }

    internal static ContentLine? Read(string line)
    {
        if (line.AsSpan().IndexOfAny('\r', '\n') >= 0)
            return null;
        var read = new ContentLineReader(System.Text.Encoding.UTF8.GetBytes(line), 64 * 1024).Next();
        return read is { IsProperty: true } ? read : null;
    }

    private static string? Problem(string text)
    {
        if (Read(text) is not { } line)
            return "This is not a line of the form RRULE:FREQ=DAILY, on one line.";
        switch (line.Name)
        {
            case "RRULE":
                return RecurrenceRule.Parse(line.Value, out var problem) is null ? problem : null;
            case "RDATE" or "EXDATE":
                foreach (var value in line.Value.Split(','))
                    if (CalendarTime.Parse(value, null) is null && (line.Name == "EXDATE" || CalendarPeriod.Parse(value, null) is null))
                        return $"{line.Name} has a value that is no date or time; write 20261121, 20261121T101500 or 20261121T101500Z.";
                if (line.Parameter("TZID") is { } tzId && KnownZones.Find(tzId) is null)
                    return $"{line.Name} names an unknown time zone; use a name of the tz database such as Europe/Berlin.";
                return null;
            default:
                return "Only RRULE, RDATE and EXDATE lines say how an event repeats.";
        }
    }
}
