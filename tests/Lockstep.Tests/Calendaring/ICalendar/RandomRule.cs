using System.Globalization;

namespace Lockstep.Tests.Calendaring.ICalendar;

/// <summary>
/// Makes rules of every FREQ and BY-part. Left out is what dateutil does otherwise than RFC 5545 section 3.3.10: BYSETPOS with
/// WEEKLY (its first week begins at DTSTART), BYWEEKNO without a day (it takes all seven, not DTSTART's), and weeks counted
/// -52 or -53 (it misses the days of December that belong to the first week of the next year).
/// </summary>
internal static class RandomRule
{
    private static readonly string[] Frequencies = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"];
    private static readonly string[] Days = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
    private static readonly int[] Intervals = [2, 3, 4, 5, 7, 13, 25, 90];
    private static readonly int[] MonthOrdinals = [1, 2, 3, 4, 5, -1, -2, -3];
    private static readonly int[] YearOrdinals = [1, 2, 10, 20, 52, 53, -1, -10, -53];

    public static string Start(Random random) => string.Create(
        CultureInfo.InvariantCulture,
        $"{random.Next(1998, 2002)}{random.Next(1, 13):00}{random.Next(1, 29):00}T{random.Next(24):00}{random.Next(4) * 15:00}{(random.Next(4) == 0 ? random.Next(60) : 0):00}Z");

    public static string Text(Random random)
    {
        var frequency = Frequencies[random.Next(Frequencies.Length)];
        var parts = new List<string> { "FREQ=" + frequency };
        var (yearly, monthly, weekly) = (frequency == "YEARLY", frequency == "MONTHLY", frequency == "WEEKLY");
        Maybe(50, () => $"INTERVAL={Intervals[random.Next(Intervals.Length)]}");
        Maybe(35, () => "BYMONTH=" + Some(1, 12, 4, 0));
        var weeks = yearly && Maybe(20, () => "BYWEEKNO=" + Some(1, 51, 4, 40));
        var day = !(monthly || weekly || frequency == "DAILY") && Maybe(15, () => "BYYEARDAY=" + Some(1, 366, 6, 40));
        day |= !weekly && Maybe(25, () => "BYMONTHDAY=" + Some(1, 31, 5, 40));
        Maybe(weeks && !day ? 100 : 40, () => "BYDAY=" + string.Join(',', Pick(Days).Select(name => Ordinal() + name)));
        Maybe(25, () => "BYHOUR=" + Some(0, 23, 3, 0));
        Maybe(25, () => "BYMINUTE=" + Some(0, 59, 3, 0));
        Maybe(20, () => "BYSECOND=" + Some(0, 59, 3, 0));
        if (parts.Count > 2 && !weekly)
            Maybe(25, () => "BYSETPOS=" + Some(1, 4, 3, 40));
        Maybe(40, () => "WKST=" + Days[random.Next(7)]);
        if (!Maybe(30, () => $"COUNT={random.Next(1, 61)}"))
            Maybe(30, () => $"UNTIL={random.Next(2000, 2005)}{random.Next(1, 13):00}{random.Next(1, 29):00}T{random.Next(24):00}0000Z");
        return string.Join(';', parts);

        bool Maybe(int percent, Func<string> part)
        {
            if (random.Next(100) >= percent)
                return false;
            parts.Add(part());
            return true;
        }

        IEnumerable<string> Pick(string[] all) => all.OrderBy(_ => random.Next()).Take(random.Next(1, 5)).ToList();

        string Some(int low, int high, int most, int negativePercent) => string.Join(',', Enumerable.Range(0, random.Next(1, most + 1))
            .Select(_ => random.Next(low, high + 1) * (random.Next(100) < negativePercent ? -1 : 1)).Distinct());

        string Ordinal()
        {
            var ordinals = monthly || parts.Exists(part => part.StartsWith("BYMONTH=", StringComparison.Ordinal)) ? MonthOrdinals : YearOrdinals;
            return (yearly || monthly) && !weeks && random.Next(100) < 60 ? $"{ordinals[random.Next(ordinals.Length)]}" : "";
        }
    }
}
