using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Booking.Page;

/// <summary>Draws where a day is chosen: the next free days on a phone, a month on a desk; the style sheet shows one of them.</summary>
internal static class DayChoice
{
    public static Html Strip(PageView view)
    {
        var (earlier, days, later) = view.Next;
        return Html.Of($"""
            <nav class="strip" aria-label="Next free days">
            <ol>
            {days.Select(day => StripDay(view, day))}</ol>
            <p>{Link(view, earlier, "Earlier days")}{Link(view, later, "Later days")}</p>
            </nav>
            """);
    }

    public static Html Month(PageView view)
    {
        var at = view.Months.ToList().IndexOf(view.Month);
        var first = view.Month.OnDayOfMonth(1);
        var start = first.DayOfWeek == view.Locale.FirstDay ? first : first.Previous(view.Locale.FirstDay);
        var end = first.PlusMonths(1);
        return Html.Of($"""
            <nav class="month" aria-label="Days of {VisitorLocale.Month(view.Month)}">
            <div class="turn">
            {(at > 0 ? Turn(view, view.Months[at - 1], "prev", "←") : Html.Of($"<span></span>"))}
            <h2>{VisitorLocale.Month(view.Month)}</h2>
            {(at < view.Months.Count - 1 ? Turn(view, view.Months[at + 1], "next", "→") : Html.Of($"<span></span>"))}
            </div>
            <table>
            <thead><tr>{Days(start, start.PlusDays(7)).Select(Weekday)}</tr></thead>
            <tbody>
            {Weeks(start, end).Select(week => Html.Of($"<tr>{Days(week, week.PlusDays(7)).Select(day => Cell(view, day))}</tr>{"\n"}"))}</tbody>
            </table>
            </nav>
            """);
    }

    private static Html StripDay(PageView view, LocalDate day) => Html.Of($"""
        <li><a href="{view.Query.To(day)}"{Current(view, day)}><span>{VisitorLocale.ShortWeekday(day)} </span><b>{day.Day} </b><span>{VisitorLocale.ShortMonth(day)}</span><span class="unseen">, {Free(view, day)}</span></a></li>

        """);

    private static Html Link(PageView view, LocalDate? day, string words) =>
        day is { } to ? Html.Of($"""<a href="{view.Query.To(to)}">{words}</a>""") : Html.Nothing;

    private static Html Turn(PageView view, YearMonth month, string rel, string arrow) => Html.Of(
        $"""<a href="{view.Query.To(month)}" rel="{rel}" aria-label="{VisitorLocale.Month(month)}">{arrow}</a>""");

    private static Html Weekday(LocalDate day) => Html.Of(
        $"""<th scope="col"><abbr title="{day.DayOfWeek.ToString()}">{VisitorLocale.ShortWeekday(day)[..2]}</abbr></th>""");

    private static Html Cell(PageView view, LocalDate day)
    {
        if (day.ToYearMonth() != view.Month)
            return Html.Of($"<td></td>");
        var inside = view.Days.ContainsKey(day)
            ? Html.Of($"""<a href="{view.Query.To(day)}"{Current(view, day)} aria-label="{Label(view, day)}">{day.Day}</a>""")
            : Html.Of($"""<time datetime="{LocalDatePattern.Iso.Format(day)}">{day.Day}</time>""");
        return day == view.Today ? Html.Of($"""<td class="today">{inside}</td>""") : Html.Of($"<td>{inside}</td>");
    }

    private static Html Current(PageView view, LocalDate day) => day == view.Day ? Html.Of($" aria-current=\"date\"") : Html.Nothing;

    private static string Label(PageView view, LocalDate day) =>
        $"{view.Locale.Day(day)}, {Free(view, day)}";

    private static string Free(PageView view, LocalDate day) => $"{view.Days[day].Count} {(view.Days[day].Count == 1 ? "time" : "times")} free";

    private static IEnumerable<LocalDate> Weeks(LocalDate start, LocalDate end)
    {
        for (var week = start; week < end; week = week.PlusDays(7))
            yield return week;
    }

    private static IEnumerable<LocalDate> Days(LocalDate start, LocalDate end)
    {
        for (var day = start; day < end; day = day.PlusDays(1))
            yield return day;
    }
}
