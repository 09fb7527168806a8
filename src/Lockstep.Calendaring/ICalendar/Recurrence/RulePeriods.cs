namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// The periods of a rule, one for each INTERVAL of its FREQ, and for each the starts that its BY-parts select: every
/// base (a day, or an hour, minute or second) with every offset (times of day, or minutes and seconds), in order.
/// </summary>
internal sealed class RulePeriods
{
    private readonly RecurrenceRule rule;
    private readonly DayFilter days;
    private readonly WorkBudget budget;
    private readonly bool isDate;
    private readonly int startDay;
    private readonly int startYear;
    private readonly int startMonth;
    private readonly long unit;
    private readonly long first;
    private readonly ulong hours;
    private readonly ulong minutes;
    private readonly ulong seconds;
    private int knownDay = int.MinValue;
    private bool knownDayMatches;

    public RulePeriods(RecurrenceRule rule, long start, bool isDate, WorkBudget budget)
    {
        (this.rule, this.isDate, this.budget) = (rule, isDate, budget);
        startDay = (int)Civil.FloorDiv(start, Civil.SecondsPerDay);
        (startYear, startMonth, _) = Civil.Date(startDay);
        days = new DayFilter(rule, startDay);
        unit = rule.Frequency switch { Frequency.Secondly => 1, Frequency.Minutely => 60, Frequency.Hourly => 3600, _ => Civil.SecondsPerDay };
        first = Civil.FloorDiv(start, unit) * unit;
        (hours, minutes, seconds) = (Mask(rule.ByHour), Mask(rule.ByMinute), Mask(rule.BySecond));
        Offsets = isDate ? [0] : TimesWithin(start - ((long)startDay * Civil.SecondsPerDay));
        // A series has as many readers of its rule as it has THISANDFUTURE overrides.
        budget.Spend(Offsets.Length / 8);
        var limited = rule.BySetPosition.Count > 0 || rule.Frequency > Frequency.Weekly || isDate && rule.Frequency < Frequency.Daily;
        IsUniform = !limited && rule.Frequency switch
        {
            Frequency.Weekly => days.IsWeekly,
            Frequency.Daily => days.IsOpen,
            Frequency.Hourly => days.IsOpen && rule.ByHour.Count == 0,
            Frequency.Minutely => days.IsOpen && rule.ByHour.Count == 0 && rule.ByMinute.Count == 0,
            _ => days.IsOpen && rule.ByHour.Count == 0 && rule.ByMinute.Count == 0 && rule.BySecond.Count == 0,
        };
    }

    /// <summary>Seconds to add to each base, in order.</summary>
    public int[] Offsets { get; }

    /// <summary>The bases of the period that was read last, in order.</summary>
    public List<long> Bases { get; } = [];

    /// <summary>Whether every period has as many starts as every other.</summary>
    public bool IsUniform { get; }

    /// <summary>The number of the period that holds a local time, 0 for that of DTSTART or anything before it.</summary>
    public long PeriodOf(long local)
    {
        var day = (int)Civil.FloorDiv(local, Civil.SecondsPerDay);
        var (year, month, _) = Civil.Date(day);
        var units = rule.Frequency switch
        {
            Frequency.Yearly => year - startYear,
            Frequency.Monthly => ((year - startYear) * 12) + month - startMonth,
            Frequency.Weekly => Civil.FloorDiv(day - WeekBegin(startDay), 7),
            _ => Civil.FloorDiv(local - first, unit),
        };
        return Math.Max(0, Civil.FloorDiv(units, rule.Interval));
    }

    /// <summary>Reads the first period with any starts from <paramref name="index"/> on.</summary>
    /// <returns>False when there is none before <paramref name="limit"/>, or the budget is spent.</returns>
    public bool Read(ref long index, long limit)
    {
        while (true)
        {
            Bases.Clear();
            var begin = rule.Frequency switch
            {
                Frequency.Yearly => ReadYear(startYear + (index * rule.Interval)),
                Frequency.Monthly => ReadMonths(startMonth - 1 + (startYear * 12L) + (index * rule.Interval)),
                Frequency.Weekly => ReadDays(WeekBegin(startDay) + (7 * index * rule.Interval), 7),
                Frequency.Daily => ReadDays(startDay + (index * rule.Interval), 1),
                _ => ReadTime(ref index),
            };
            if (begin > limit || !budget.Spend(rule.Frequency switch { Frequency.Yearly => 16, Frequency.Monthly => 2, _ => 1 }))
                return false;
            if (Bases.Count > 0)
                return true;
            index++;
        }
    }

    private int WeekBegin(int day) => day - Civil.Modulo(Civil.DayOfWeek(day) - ((int)rule.WeekStart - 1), 7);

    private long ReadYear(long year)
    {
        if (year > 9999)
            return long.MaxValue;
        for (var month = 1; month <= 12; month++)
            if (days.HasMonth(month))
                AddMonth((int)year, month);
        return Civil.DayNumber((int)year, 1, 1) * Civil.SecondsPerDay;
    }

    private long ReadMonths(long month)
    {
        var (year, monthOfYear) = (month / 12, (int)(month % 12) + 1);
        if (year > 9999)
            return long.MaxValue;
        if (days.HasMonth(monthOfYear))
            AddMonth((int)year, monthOfYear);
        return Civil.DayNumber((int)year, monthOfYear, 1) * Civil.SecondsPerDay;
    }

    private void AddMonth(int year, int month)
    {
        var day = Civil.DayNumber(year, month, 1);
        var length = Civil.DaysInMonth(year, month);
        for (var dayOfMonth = 1; dayOfMonth <= length; dayOfMonth++, day++)
            if (days.Matches(day, year, month, dayOfMonth))
                Bases.Add(day * Civil.SecondsPerDay);
    }

    private long ReadDays(long day, int count)
    {
        var begin = day * Civil.SecondsPerDay;
        for (var i = 0; i < count && begin <= Civil.MaxSeconds; i++, day++)
            if (days.Matches((int)day))
                Bases.Add(day * Civil.SecondsPerDay);
        return begin > Civil.MaxSeconds ? long.MaxValue : begin;
    }

    /// <summary>One hour, minute or second. What cannot match moves on to the next day, hour or minute at once.</summary>
    private long ReadTime(ref long index)
    {
        var step = unit * rule.Interval;
        var time = first + (index * step);
        if (time > Civil.MaxSeconds)
            return long.MaxValue;
        var day = (int)Civil.FloorDiv(time, Civil.SecondsPerDay);
        if (day != knownDay)
            (knownDay, knownDayMatches) = (day, days.Matches(day));
        var second = time - (day * Civil.SecondsPerDay);
        if (!knownDayMatches)
            SkipTo(ref index, NextDay(day) * Civil.SecondsPerDay, step);
        else if (isDate)
        {
            // A date has no times of day: the first hit of a day stands for all.
            Bases.Add(day * Civil.SecondsPerDay);
            SkipTo(ref index, (day + 1) * Civil.SecondsPerDay, step);
        }
        else if (!Has(hours, second / 3600))
            SkipTo(ref index, time - (time - (day * Civil.SecondsPerDay)) % 3600 + 3600, step);
        else if (unit < 3600 && !Has(minutes, second / 60 % 60))
            SkipTo(ref index, time - (second % 60) + 60, step);
        else if (unit > 1 || Has(seconds, second % 60))
            Bases.Add(time);
        return time;
    }

    /// <summary>The next day that may match: tomorrow, or the first of the next month that BYMONTH names.</summary>
    private long NextDay(int day)
    {
        var (year, month, _) = Civil.Date(day);
        if (days.HasMonth(month))
            return day + 1;
        do
        {
            month = month == 12 ? 1 : month + 1;
            year += month == 1 ? 1 : 0;
        }
        while (!days.HasMonth(month));
        return Civil.DayNumber(year, month, 1);
    }

    /// <summary>Leaves <paramref name="index"/> one before the first period at or after a time: the caller counts on.</summary>
    private void SkipTo(ref long index, long time, long step) => index = Math.Max(index, Civil.CeilDiv(time - first, step) - 1);

    private int[] TimesWithin(long start)
    {
        var hour = rule.Frequency < Frequency.Daily ? [0] : Sorted(rule.ByHour, (int)(start / 3600));
        var minute = rule.Frequency < Frequency.Hourly ? [0] : Sorted(rule.ByMinute, (int)(start / 60 % 60));
        var second = rule.Frequency < Frequency.Minutely ? [0] : Sorted(rule.BySecond, (int)(start % 60));
        var times = new int[hour.Length * minute.Length * second.Length];
        var i = 0;
        foreach (var h in hour)
            foreach (var m in minute)
                foreach (var s in second)
                    times[i++] = (h * 3600) + (m * 60) + s;
        return times;
    }

    // Second 60 exists on no clock here (leap seconds are not counted), so it selects nothing.
    private static int[] Sorted(IReadOnlyList<int> values, int otherwise) =>
        values.Count == 0 ? [otherwise] : [.. values.Where(value => value < 60).Order()];

    private static ulong Mask(IReadOnlyList<int> values)
    {
        var mask = values.Count == 0 ? ulong.MaxValue : 0;
        foreach (var value in values)
            mask |= value < 60 ? 1ul << value : 0;
        return mask;
    }

    private static bool Has(ulong mask, long value) => (mask >> (int)value & 1) != 0;
}
