using System.Collections.Frozen;
using System.Globalization;
using Microsoft.AspNetCore.Http;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>How a visitor writes dates and times, in English; from the region of Accept-Language, after CLDR.</summary>
/// <param name="TwelveHours">10:00 AM, not 10:00.</param>
/// <param name="MonthFirst">November 24, not 24 November.</param>
/// <param name="FirstDay">Of a week.</param>
internal sealed record VisitorLocale(bool TwelveHours, bool MonthFirst, IsoDayOfWeek FirstDay)
{
    private static readonly FrozenSet<string> WithTwelveHours = Regions("US CA AU NZ IN PH PK BD EG SA MY CO");
    private static readonly FrozenSet<string> WithMonthFirst = Regions("US CA PH");
    private static readonly FrozenSet<string> WithSundayFirst = Regions("US CA IN PH PK BD SA CO JP KR TW HK BR MX IL ZA");
    private static readonly FrozenSet<string> WithSaturdayFirst = Regions("EG");

    public static VisitorLocale Of(HttpRequest request) => Of(Region(request));

    public static VisitorLocale Of(string region) => new(
        WithTwelveHours.Contains(region),
        WithMonthFirst.Contains(region),
        WithSundayFirst.Contains(region) ? IsoDayOfWeek.Sunday : WithSaturdayFirst.Contains(region) ? IsoDayOfWeek.Saturday : IsoDayOfWeek.Monday);

    /// <summary>10:00, or 10:00 AM with a space that does not break.</summary>
    public string Time(LocalTime time) => Format(time, TwelveHours ? "h:mm'\u00a0'tt" : "HH:mm");

    /// <summary>Tuesday 24 November 2026.</summary>
    public string LongDate(LocalDate date) => Format(date, MonthFirst ? "dddd, MMMM d, yyyy" : "dddd d MMMM yyyy");

    /// <summary>Tuesday 24 November.</summary>
    public string Day(LocalDate date) => Format(date, MonthFirst ? "dddd, MMMM d" : "dddd d MMMM");

    /// <summary>Tue 24 Nov.</summary>
    public string ShortDay(LocalDate date) => Format(date, MonthFirst ? "ddd, MMM d" : "ddd d MMM");

    /// <summary>November 2026.</summary>
    public static string Month(YearMonth month) => Format(month.OnDayOfMonth(1), "MMMM yyyy");

    /// <summary>November.</summary>
    public static string MonthName(LocalDate date) => Format(date, "MMMM");

    /// <summary>Nov.</summary>
    public static string ShortMonth(LocalDate date) => Format(date, "MMM");

    /// <summary>Tue.</summary>
    public static string ShortWeekday(LocalDate date) => Format(date, "ddd");

    private static string Format(LocalDate date, string pattern) => LocalDatePattern.CreateWithInvariantCulture(pattern).Format(date);

    private static string Format(LocalTime time, string pattern) => LocalTimePattern.CreateWithInvariantCulture(pattern).Format(time);

    private static string Region(HttpRequest request)
    {
        var preferred = request.GetTypedHeaders().AcceptLanguage.OrderByDescending(language => language.Quality ?? 1).FirstOrDefault()?.Value.Value;
        return preferred?.Split('-').Skip(1).FirstOrDefault(part => part.Length == 2)?.ToUpper(CultureInfo.InvariantCulture) ?? "";
    }

    private static FrozenSet<string> Regions(string list) => list.Split(' ').ToFrozenSet(StringComparer.Ordinal);
}
