using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Which events a list is to hold.</summary>
/// <param name="Zone">Of the reader: all-day and floating events are his. Null where he names none: <see cref="ReaderZone"/>.</param>
internal sealed record EventQuery(Instant From, Instant To, bool Expand, DateTimeZone? Zone, EventCursor? After, int Limit)
{
    public const int DefaultLimit = 200;
    public const int MaxLimit = 1000;

    private static readonly Instant First = Instant.FromUtc(1, 2, 1, 0, 0);
    private static readonly Instant Last = Instant.FromUtc(9998, 1, 1, 0, 0);

    public static EventQuery? Read(string? from, string? to, bool expand, string? timeZone, string? after, int limit, FieldErrors errors)
    {
        var start = Time(from, "from", First, errors);
        var end = Time(to, "to", Last, errors);
        errors.Require(!expand || (from is not null && to is not null), "expand", "A window is needed to expand in: give from and to.");
        errors.Require(start < end, "to", "It comes after from.");
        var zone = timeZone is null ? null : ZoneResolver.Find(timeZone);
        errors.Require(timeZone is null || zone is not null, "timeZone", "There is no such zone in the tz database. Write a name such as Europe/Berlin.");
        var cursor = after is null ? null : EventCursor.Parse(after);
        errors.Require(after is null || cursor is not null, "after", "This is not the next of an earlier page.");
        errors.Require(limit is >= 1 and <= MaxLimit, "limit", $"From 1 to {MaxLimit}.");
        return errors.Any ? null : new EventQuery(start, end, expand, zone, cursor, limit);
    }

    private static Instant Time(string? text, string field, Instant missing, FieldErrors errors)
    {
        if (text is null)
            return missing;
        if (Rfc3339.Read(text) is { } time)
            return Instant.Max(First, Instant.Min(Last, time));
        errors.Add(field, "A time is RFC 3339 with an offset, such as 2026-03-01T09:00:00Z (write + as %2B in an address).");
        return missing;
    }
}
