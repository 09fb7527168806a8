using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>A value that may have been left out.</summary>
internal readonly record struct Given<T>(bool Is, T? Value)
{
    public static implicit operator Given<T>(T? value) => new(true, value);

    public T? Or(T? other) => Is ? Value : other;
}

/// <summary>What somebody wants an event to be, checked; what is not given stays.</summary>
/// <param name="Description">Null removes it, as for every text.</param>
/// <param name="End">Exclusive; of the same kind as the start.</param>
/// <param name="Recurrence">Whole content lines; replaces all of them.</param>
/// <param name="Calendar">Where a known event is to move: our id or the href; null: it is only here from now on.</param>
internal sealed record EventChange(
    Given<string> Summary = default,
    Given<string> Description = default,
    Given<string> Location = default,
    Given<CalendarTime> Start = default,
    Given<CalendarTime> End = default,
    Given<string> Status = default,
    Given<string> Transparency = default,
    Given<IReadOnlyList<string>> Recurrence = default,
    Given<MatterId?> Matter = default,
    Given<string> Calendar = default)
{
    /// <summary>What is wrong with the times together; null when they fit.</summary>
    /// <param name="currentStart">Of what is changed; null for a new event.</param>
    public string? TimesProblem(CalendarTime? currentStart, CalendarTime? currentEnd)
    {
        var start = Start.Or(currentStart ?? default);
        if (!End.Is && (currentStart is not { } known || start.IsDate == known.IsDate))
            return null;
        var end = End.Or(currentEnd ?? default);
        if (start.IsDate != end.IsDate)
            return "Start and end are both dates or both times.";
        var (from, to) = (Instant(start), Instant(end));
        return to < from || (start.IsDate && to == from)
            ? "The end comes after the start; of a whole day it is the next day."
            : null;
    }

    private static Instant Instant(CalendarTime time) => EventTimes.ToInstant(
        time.Local,
        time.TzId is { } id && DateTimeZoneProviders.Tzdb.GetZoneOrNull(id) is { } zone ? zone : DateTimeZone.Utc);
}
