using Lockstep.Server.Calendars;
using Lockstep.Server.Console.Connections;
using Lockstep.Server.Console.Frame;
using NodaTime;

namespace Lockstep.Server.Console.Planner;

/// <summary>The events of a month, as one looks at them.</summary>
/// <param name="Events">In order; null when there are too many to expand.</param>
/// <param name="Today">In the reader's zone.</param>
internal sealed record MonthView(YearMonth Month, IReadOnlyList<EventView>? Events, DateTimeZone Zone, LocalDate Today, bool HasConnections)
{
    /// <summary>Events that are in no calendar: they are here alone, and no other app shows them.</summary>
    public IReadOnlyList<EventView> Kept => [.. (Events ?? []).Where(IsKept).DistinctBy(one => one.Id)];

    /// <summary>Where they can go.</summary>
    public IReadOnlyList<ConnectedCalendar> Calendars { get; init; } = [];

    public static bool IsKept(EventView one) => one is { CalendarId: null, WorkspaceId: null };

    /// <summary>Monday of the week in which the month begins.</summary>
    public LocalDate First => FirstOf(Month);

    public LocalDate Last => Month.OnDayOfMonth(1).PlusMonths(1).PlusDays(-1) is var end && end.DayOfWeek == IsoDayOfWeek.Sunday ? end : end.Next(IsoDayOfWeek.Sunday);

    public static LocalDate FirstOf(YearMonth month) =>
        month.OnDayOfMonth(1) is var day && day.DayOfWeek == IsoDayOfWeek.Monday ? day : day.Previous(IsoDayOfWeek.Monday);

    public IEnumerable<LocalDate> Days => Enumerable.Range(0, Period.DaysBetween(First, Last) + 1).Select(First.PlusDays);

    public IReadOnlyList<EventView> On(LocalDate day) =>
        [.. (Events ?? []).Where(one => EventWords.FirstDay(one, Zone) <= day && EventWords.LastDay(one, Zone) >= day)];
}
