using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Calendars;

/// <summary>
/// A time of an event on the wire: a whole day by <c>date</c>, or <c>dateTime</c>. A dateTime with neither offset nor timeZone is floating:
/// that hour on the clock of whoever reads (RFC 5545 section 3.3.5), and the answer says <c>floating</c>.
/// </summary>
/// <remarks>
/// <code>
/// {"date": "2026-03-01"}                                                          the whole day, wherever the reader is
/// {"dateTime": "2026-03-01T09:00:00", "timeZone": "Europe/Berlin"}                nine o'clock in Berlin; an offset may be there too
/// {"dateTime": "2026-03-01T09:00:00Z"}                                            that instant
/// {"dateTime": "2026-03-01T09:00:00"}                                             nine o'clock wherever the reader is: floating
/// </code>
/// </remarks>
/// <param name="Date">ISO 8601; an <c>end</c> is the day after the last one.</param>
/// <param name="DateTime">ISO 8601 to the second, with or without an offset.</param>
/// <param name="TimeZone">A name of the tz database, or a Windows name; it is kept as the tz database calls it.</param>
internal sealed record EventTime(string? DateTime = null, string? Date = null, string? TimeZone = null)
{
    private const int FirstYear = 1800;
    private const int LastYear = 2299;

    /// <returns>Null, and what is wrong among the errors, when it means no time.</returns>
    public CalendarTime? Read(string field, FieldErrors errors)
    {
        if ((DateTime is null) == (Date is null))
            return Wrong(errors, field, "Give either date or dateTime.");
        if (Date is not null)
            return LocalDatePattern.Iso.Parse(Date) is { Success: true } day && InYears(day.Value.Year)
                ? TimeZone is null ? CalendarTime.Date(day.Value) : Wrong(errors, field + ".timeZone", "A date has no time zone; leave it out.")
                : Wrong(errors, field + ".date", "A date is written 2026-03-01, in the years 1800 to 2299.");
        var zone = TimeZone is null ? null : ZoneResolver.Find(TimeZone);
        if (TimeZone is not null && zone is null)
            return Wrong(errors, field + ".timeZone", "There is no such zone in the tz database. Write a name such as Europe/Berlin, or a Windows name.");
        if (OffsetDateTimePattern.Rfc3339.Parse(DateTime!) is { Success: true } exact && InYears(exact.Value.Year))
            return zone is null || zone == DateTimeZone.Utc
                ? CalendarTime.Utc(Seconds(exact.Value.ToInstant()))
                : CalendarTime.Zoned(Seconds(exact.Value.ToInstant()).InZone(zone).LocalDateTime, zone.Id);
        if (LocalDateTimePattern.GeneralIso.Parse(DateTime!) is not { Success: true } local || !InYears(local.Value.Year))
            return Wrong(errors, field + ".dateTime", "A time is written 2026-03-01T09:00:00, with or without an offset, in the years 1800 to 2299.");
        return zone is null ? CalendarTime.Floating(local.Value)
            : zone == DateTimeZone.Utc ? CalendarTime.Utc(local.Value.InUtc().ToInstant())
            : CalendarTime.Zoned(local.Value, zone.Id);
    }

    /// <param name="zone">The tz database's name for the time's TZID where it has one.</param>
    /// <param name="at">Which instant it is, for the offset.</param>
    public static EventTime Of(CalendarTime time, string? zone, Instant at) => time.Form switch
    {
        TimeForm.Date => new EventTime(Date: LocalDatePattern.Iso.Format(time.Local.Date)),
        TimeForm.Utc => new EventTime(LocalDateTimePattern.GeneralIso.Format(time.Local) + "Z", TimeZone: "UTC"),
        TimeForm.Floating => new EventTime(LocalDateTimePattern.GeneralIso.Format(time.Local)),
        _ => new EventTime(Zoned(time.Local, Offset.FromSeconds((int)(time.Local.InUtc().ToInstant() - at).TotalSeconds)), TimeZone: zone ?? time.TzId),
    };

    // RFC 3339 has no seconds in an offset, and until 1972 some zones had them: the zone alone says it then, so that it reads back the same.
    private static string Zoned(LocalDateTime local, Offset offset) =>
        offset.Seconds % 60 == 0 ? OffsetDateTimePattern.Rfc3339.Format(local.WithOffset(offset)) : LocalDateTimePattern.GeneralIso.Format(local);

    // iCalendar has whole seconds.
    private static Instant Seconds(Instant instant) => Instant.FromUnixTimeSeconds(instant.ToUnixTimeSeconds());

    private static bool InYears(int year) => year is >= FirstYear and <= LastYear;

    private static CalendarTime? Wrong(FieldErrors errors, string field, string message)
    {
        errors.Add(field, message);
        return null;
    }
}
