using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Booking;

/// <summary>A time that a visitor took.</summary>
/// <param name="CancelledBy">"visitor" or "owner"; null while it is confirmed.</param>
/// <param name="Zone">The visitor's, by name.</param>
/// <param name="Event">Null once its calendar was disconnected.</param>
internal sealed record BookedTime(
    BookingId Id, Slot Slot, string? CancelledBy, string Name, string Contact, string Note, string Zone, EventId? Event, Instant CreatedAt)
{
    /// <summary>The columns of a SELECT: id, starts_at, ends_at, cancelled_by, visitor_name, visitor_contact, visitor_note, visitor_zone, event_id, created_at, moved_from, moved_by.</summary>
    public static BookedTime Read(NpgsqlDataReader row) => new(
        new BookingId(row.GetGuid(0)),
        new Slot(row.GetInstant(1), row.GetInstant(2)),
        row.GetStringOrNull(3),
        row.GetString(4),
        row.GetString(5),
        row.GetString(6),
        row.GetString(7),
        row.GetGuidOrNull(8) is { } id ? new EventId(id) : null,
        row.GetInstant(9))
    {
        MovedFrom = row.GetInstantOrNull(10),
        MovedBy = row.GetStringOrNull(11),
    };

    /// <summary>When it began before it was moved last; null while it has its first time.</summary>
    public Instant? MovedFrom { get; init; }

    /// <summary>"visitor" or "owner"; null while it has its first time.</summary>
    public string? MovedBy { get; init; }

    public bool IsConfirmed => CancelledBy is null;

    public HeldTime Held => new(Id, Event, new Interval(Slot.Start, Slot.End));
}

/// <summary>How asking for a time ended.</summary>
internal abstract record BookingOutcome
{
    private BookingOutcome() { }

    /// <summary>It is the visitor's; the same answer when the same form is sent again.</summary>
    public sealed record Booked(BookedTime Booking) : BookingOutcome;

    /// <summary>It is not free, or not offered, any more; nothing was stored.</summary>
    public sealed record Gone : BookingOutcome;

    /// <summary>A calendar could not be read lately, so nothing may be promised; nothing was stored.</summary>
    public sealed record Unconfirmed : BookingOutcome;

    /// <summary>This contact has as many times ahead as one may have; nothing was stored.</summary>
    public sealed record TooMany : BookingOutcome;
}
