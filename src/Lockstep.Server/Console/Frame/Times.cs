using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Console.Frame;

/// <summary>Times in words.</summary>
internal static class Times
{
    private static readonly InstantPattern UtcPattern = InstantPattern.CreateWithInvariantCulture("ddd d MMM uuuu, HH:mm:ss 'UTC'");
    private static readonly LocalDatePattern DayPattern = LocalDatePattern.CreateWithInvariantCulture("dddd d MMMM");
    private static readonly LocalDatePattern ShortPattern = LocalDatePattern.CreateWithInvariantCulture("d MMM uuuu");

    public static string Full(Instant at) => UtcPattern.Format(at);

    public static string Day(LocalDate day) => DayPattern.Format(day);

    public static string Date(LocalDate day) => ShortPattern.Format(day);

    /// <summary>3 minutes ago, in 2 days; the date when it is further away than a month.</summary>
    public static string Ago(Instant at, Instant now)
    {
        var (gap, past) = at <= now ? (now - at, true) : (at - now, false);
        if (gap < Duration.FromSeconds(5))
            return "just now";
        if (gap > Duration.FromDays(31))
            return Date(at.InUtc().Date);
        var words = gap.TotalSeconds < 90 ? Count((int)gap.TotalSeconds, "second")
            : gap.TotalMinutes < 90 ? Count((int)Math.Round(gap.TotalMinutes), "minute")
            : gap.TotalHours < 36 ? Count((int)Math.Round(gap.TotalHours), "hour")
            : Count((int)Math.Round(gap.TotalDays), "day");
        return past ? $"{words} ago" : $"in {words}";
    }

    public static string Count(long number, string what) =>
        string.Create(CultureInfo.InvariantCulture, $"{number:N0} {what}{(number == 1 ? "" : "s")}");
}
