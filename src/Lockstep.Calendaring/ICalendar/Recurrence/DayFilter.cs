namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// Decides whether a day satisfies BYMONTH, BYWEEKNO, BYYEARDAY, BYMONTHDAY and BYDAY together (RFC 5545 section
/// 3.3.10). What a rule leaves open comes from DTSTART: the month and day of a year, the day of a month or of a week.
/// </summary>
internal sealed class DayFilter
{
    private readonly uint months;
    private readonly uint monthDays;
    private readonly uint monthDaysFromEnd;
    private readonly uint weekdays;
    private readonly ulong[]? nthFromStart;
    private readonly ulong[]? nthFromEnd;
    private readonly bool hasMonthDays;
    private readonly bool hasWeekdays;
    private readonly bool nthOfMonth;
    private readonly HashSet<int>? yearDays;
    private readonly HashSet<int>? weekNumbers;
    private readonly int weekStart;

    public DayFilter(RecurrenceRule rule, int startDay)
    {
        var (_, startMonth, startDayOfMonth) = Civil.Date(startDay);
        weekStart = (int)rule.WeekStart - 1;
        nthOfMonth = rule.Frequency == Frequency.Monthly || rule.ByMonth.Count > 0;
        foreach (var month in rule.ByMonth)
            months |= 1u << month;
        foreach (var day in rule.ByMonthDay)
            _ = day > 0 ? monthDays |= 1u << day : monthDaysFromEnd |= 1u << -day;
        foreach (var day in rule.ByDay)
        {
            // An ordinal means something within months and years only; elsewhere every such day counts.
            if (day.Ordinal == 0 || rule.Frequency < Frequency.Monthly || rule.ByWeekNumber.Count > 0)
                weekdays |= 1u << ((int)day.Day - 1);
            else if (day.Ordinal > 0)
                (nthFromStart ??= new ulong[7])[(int)day.Day - 1] |= 1ul << day.Ordinal;
            else
                (nthFromEnd ??= new ulong[7])[(int)day.Day - 1] |= 1ul << -day.Ordinal;
        }
        yearDays = rule.ByYearDay.Count > 0 ? [.. rule.ByYearDay] : null;
        weekNumbers = rule.ByWeekNumber.Count > 0 ? [.. rule.ByWeekNumber] : null;
        if (rule.ByDay.Count == 0 && rule.ByMonthDay.Count == 0 && yearDays is null)
        {
            if (rule.Frequency == Frequency.Weekly || (rule.Frequency == Frequency.Yearly && weekNumbers is not null))
                weekdays = 1u << Civil.DayOfWeek(startDay);
            else if (rule.Frequency is Frequency.Monthly or Frequency.Yearly)
                monthDays = 1u << startDayOfMonth;
            if (rule.Frequency == Frequency.Yearly && weekNumbers is null && months == 0)
                months = 1u << startMonth;
        }
        hasMonthDays = (monthDays | monthDaysFromEnd) != 0;
        hasWeekdays = weekdays != 0 || nthFromStart is not null || nthFromEnd is not null;
        IsOpen = months == 0 && !hasMonthDays && !hasWeekdays && yearDays is null && weekNumbers is null;
        IsWeekly = months == 0 && !hasMonthDays && nthFromStart is null && nthFromEnd is null && yearDays is null && weekNumbers is null;
    }

    /// <summary>Every day matches.</summary>
    public bool IsOpen { get; }

    /// <summary>Only the day of the week decides.</summary>
    public bool IsWeekly { get; }

    public bool HasMonth(int month) => months == 0 || (months >> month & 1) != 0;

    public bool Matches(int dayNumber)
    {
        if (IsOpen)
            return true;
        if (IsWeekly)
            return (weekdays >> Civil.DayOfWeek(dayNumber) & 1) != 0;
        var (year, month, day) = Civil.Date(dayNumber);
        return Matches(dayNumber, year, month, day);
    }

    public bool Matches(int dayNumber, int year, int month, int day)
    {
        if (!HasMonth(month))
            return false;
        if (hasMonthDays && (monthDays >> day & 1) == 0
            && (monthDaysFromEnd >> (Civil.DaysInMonth(year, month) + 1 - day) & 1) == 0)
            return false;
        if (hasWeekdays && (weekdays >> Civil.DayOfWeek(dayNumber) & 1) == 0 && !MatchesNth(dayNumber, year, month, day))
            return false;
        if (yearDays is not null)
        {
            var dayOfYear = dayNumber - Civil.DayNumber(year, 1, 1) + 1;
            if (!yearDays.Contains(dayOfYear) && !yearDays.Contains(dayOfYear - Civil.DaysInYear(year) - 1))
                return false;
        }
        return weekNumbers is null || MatchesWeek(dayNumber);
    }

    private bool MatchesNth(int dayNumber, int year, int month, int day)
    {
        if (nthFromStart is null && nthFromEnd is null)
            return false;
        var (position, length) = nthOfMonth
            ? (day, Civil.DaysInMonth(year, month))
            : (dayNumber - Civil.DayNumber(year, 1, 1) + 1, Civil.DaysInYear(year));
        var weekday = Civil.DayOfWeek(dayNumber);
        return (nthFromStart is not null && (nthFromStart[weekday] >> (((position - 1) / 7) + 1) & 1) != 0)
            || (nthFromEnd is not null && (nthFromEnd[weekday] >> (((length - position) / 7) + 1) & 1) != 0);
    }

    /// <summary>A week belongs to the year that has at least four of its days.</summary>
    private bool MatchesWeek(int dayNumber)
    {
        var weekBegin = dayNumber - Civil.Modulo(Civil.DayOfWeek(dayNumber) - weekStart, 7);
        var year = Civil.Date(weekBegin + 3).Year;
        var number = ((weekBegin - FirstWeek(year)) / 7) + 1;
        var count = (FirstWeek(year + 1) - FirstWeek(year)) / 7;
        return weekNumbers!.Contains(number) || weekNumbers.Contains(number - count - 1);
    }

    private int FirstWeek(int year)
    {
        var fourth = Civil.DayNumber(year, 1, 4);
        return fourth - Civil.Modulo(Civil.DayOfWeek(fourth) - weekStart, 7);
    }
}
