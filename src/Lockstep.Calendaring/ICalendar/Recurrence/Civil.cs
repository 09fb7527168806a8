using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// Gregorian dates as day numbers (0 = 1970-01-01) and local times as seconds since that midnight, so that a rule
/// moves by plain arithmetic. The algorithm counts years from 1 March, so that the leap day comes last.
/// </summary>
internal static class Civil
{
    public const long SecondsPerDay = 86_400;

    private static readonly LocalDate Epoch = new(1970, 1, 1);

    public static bool IsLeap(int year) => year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    public static int DaysInYear(int year) => IsLeap(year) ? 366 : 365;

    public static int DaysInMonth(int year, int month) =>
        month == 2 ? (IsLeap(year) ? 29 : 28) : 30 + ((month + (month >> 3)) & 1);

    public static int DayNumber(int year, int month, int day)
    {
        var y = month <= 2 ? year - 1 : year;
        var era = Math.DivRem(y, 400, out var yearOfEra);
        var dayOfYear = (((153 * (month > 2 ? month - 3 : month + 9)) + 2) / 5) + day - 1;
        var dayOfEra = (yearOfEra * 365) + (yearOfEra / 4) - (yearOfEra / 100) + dayOfYear;
        return (era * 146_097) + dayOfEra - 719_468;
    }

    public static (int Year, int Month, int Day) Date(int dayNumber)
    {
        var z = dayNumber + 719_468;
        var era = Math.DivRem(z, 146_097, out var dayOfEra);
        var yearOfEra = (dayOfEra - (dayOfEra / 1460) + (dayOfEra / 36_524) - (dayOfEra / 146_096)) / 365;
        var dayOfYear = dayOfEra - ((365 * yearOfEra) + (yearOfEra / 4) - (yearOfEra / 100));
        var m = ((5 * dayOfYear) + 2) / 153;
        var month = m < 10 ? m + 3 : m - 9;
        return ((era * 400) + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (((153 * m) + 2) / 5) + 1);
    }

    /// <summary>0 = Monday ... 6 = Sunday.</summary>
    public static int DayOfWeek(int dayNumber) => Modulo(dayNumber + 3, 7);

    public static int Modulo(int value, int divisor)
    {
        var rest = value % divisor;
        return rest < 0 ? rest + divisor : rest;
    }

    public static long FloorDiv(long value, long divisor)
    {
        var quotient = Math.DivRem(value, divisor, out var rest);
        return rest < 0 ? quotient - 1 : quotient;
    }

    public static long CeilDiv(long value, long divisor) => -FloorDiv(-value, divisor);

    public static long Seconds(LocalDateTime local) =>
        (DayNumber(local.Year, local.Month, local.Day) * SecondsPerDay)
        + (local.TickOfDay / NodaConstants.TicksPerSecond);

    public static LocalDateTime Local(long seconds)
    {
        var day = FloorDiv(seconds, SecondsPerDay);
        return Epoch.PlusDays((int)day).At(LocalTime.FromSecondsSinceMidnight((int)(seconds - (day * SecondsPerDay))));
    }

    /// <summary>How far anything here counts: a day before the end of the year 9999, so that every zone's local time still exists.</summary>
    public static long MaxSeconds { get; } = (DayNumber(9999, 12, 31) * SecondsPerDay) - 1;

    public static long MinSeconds { get; } = DayNumber(1, 1, 1) * SecondsPerDay;
}
