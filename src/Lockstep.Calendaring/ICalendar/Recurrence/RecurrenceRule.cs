using System.Text;
using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>FREQ of a rule, from the shortest to the longest.</summary>
public enum Frequency
{
    Secondly,
    Minutely,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// <summary>One entry of BYDAY.</summary>
/// <param name="Ordinal">The nth of the month or year, from its end when negative; 0 for every one.</param>
public readonly record struct WeekdayNumber(int Ordinal, IsoDayOfWeek Day);

/// <summary>A recurrence rule (RFC 5545 section 3.3.10). Lists are empty where the part is absent.</summary>
public sealed record RecurrenceRule
{
    public required Frequency Frequency { get; init; }

    public int Interval { get; init; } = 1;

    /// <summary>How many instances, DTSTART among them; null for no bound.</summary>
    public int? Count { get; init; }

    /// <summary>The last possible start, inclusive; null for no bound.</summary>
    public CalendarTime? Until { get; init; }

    public IsoDayOfWeek WeekStart { get; init; } = IsoDayOfWeek.Monday;

    public IReadOnlyList<int> BySecond { get; init; } = [];

    public IReadOnlyList<int> ByMinute { get; init; } = [];

    public IReadOnlyList<int> ByHour { get; init; } = [];

    public IReadOnlyList<WeekdayNumber> ByDay { get; init; } = [];

    public IReadOnlyList<int> ByMonthDay { get; init; } = [];

    public IReadOnlyList<int> ByYearDay { get; init; } = [];

    public IReadOnlyList<int> ByWeekNumber { get; init; } = [];

    public IReadOnlyList<int> ByMonth { get; init; } = [];

    public IReadOnlyList<int> BySetPosition { get; init; } = [];

    /// <summary>Reads the value of an RRULE.</summary>
    /// <param name="problem">What is wrong, when the answer is null.</param>
    public static RecurrenceRule? Parse(string text, out string? problem)
    {
        ArgumentNullException.ThrowIfNull(text);
        return new RecurrenceRuleReader().Read(text, out problem);
    }

    /// <summary>The value as it stands on a line, parts in the order of RFC 5545's grammar.</summary>
    public override string ToString()
    {
        var text = new StringBuilder("FREQ=").Append(Frequency.ToString().ToUpperInvariant());
        if (Until is { } until)
            text.Append(";UNTIL=").Append(until);
        if (Count is { } count)
            text.Append(";COUNT=").Append(count);
        if (Interval != 1)
            text.Append(";INTERVAL=").Append(Interval);
        Append(text, "BYSECOND", BySecond);
        Append(text, "BYMINUTE", ByMinute);
        Append(text, "BYHOUR", ByHour);
        if (ByDay.Count > 0)
            text.Append(";BYDAY=").AppendJoin(',', ByDay.Select(day => (day.Ordinal == 0 ? "" : $"{day.Ordinal}") + Name(day.Day)));
        Append(text, "BYMONTHDAY", ByMonthDay);
        Append(text, "BYYEARDAY", ByYearDay);
        Append(text, "BYWEEKNO", ByWeekNumber);
        Append(text, "BYMONTH", ByMonth);
        Append(text, "BYSETPOS", BySetPosition);
        if (WeekStart != IsoDayOfWeek.Monday)
            text.Append(";WKST=").Append(Name(WeekStart));
        return text.ToString();
    }

    private static void Append(StringBuilder text, string name, IReadOnlyList<int> values)
    {
        if (values.Count > 0)
            text.Append(';').Append(name).Append('=').AppendJoin(',', values);
    }

    private static string Name(IsoDayOfWeek day) => day.ToString()[..2].ToUpperInvariant();
}
