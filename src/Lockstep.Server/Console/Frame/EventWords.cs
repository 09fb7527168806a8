using Lockstep.Server.Calendars;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Console.Frame;

/// <summary>When an event is, in the reader's zone.</summary>
internal static class EventWords
{
    private static readonly LocalDatePattern Day = LocalDatePattern.CreateWithInvariantCulture("ddd d MMM");
    private static readonly LocalTimePattern Hour = LocalTimePattern.CreateWithInvariantCulture("HH:mm");

    /// <summary>Mon 30 Nov, 09:00 to 09:30.</summary>
    public static string When(EventView one, DateTimeZone zone) => one.AllDay
        ? LastDay(one) > FirstDay(one, zone) ? $"{Day.Format(FirstDay(one, zone))} to {Day.Format(LastDay(one))}, all day" : $"{Day.Format(FirstDay(one, zone))}, all day"
        : $"{Day.Format(FirstDay(one, zone))}, {Hours(one, zone)}";

    /// <summary>09:00 to 09:30; all day.</summary>
    public static string Hours(EventView one, DateTimeZone zone) =>
        one.AllDay ? "all day" : $"{Hour.Format(Local(one.Start, zone).TimeOfDay)} to {Hour.Format(Local(one.End, zone).TimeOfDay)}";

    public static string Begin(EventView one, DateTimeZone zone) => one.AllDay ? "" : Hour.Format(Local(one.Start, zone).TimeOfDay);

    public static LocalDate FirstDay(EventView one, DateTimeZone zone) => Local(one.Start, zone).Date;

    /// <summary>The last day that the event touches.</summary>
    public static LocalDate LastDay(EventView one, DateTimeZone? zone = null)
    {
        var (start, end) = (Local(one.Start, zone ?? DateTimeZone.Utc), Local(one.End, zone ?? DateTimeZone.Utc));
        return end > start && end.TimeOfDay == LocalTime.Midnight ? end.Date.PlusDays(-1) : end.Date;
    }

    private static LocalDateTime Local(EventTime time, DateTimeZone zone) =>
        time.Date is { } date ? LocalDatePattern.Iso.Parse(date).Value.AtMidnight()
        : OffsetDateTimePattern.Rfc3339.Parse(time.DateTime!) is { Success: true } exact ? exact.Value.ToInstant().InZone(zone).LocalDateTime
        : LocalDateTimePattern.GeneralIso.Parse(time.DateTime!).Value;
}
