using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>TRANSP: whether an event takes time (RFC 5545 section 3.8.2.7).</summary>
public enum Transparency
{
    /// <summary>Busy; what is meant when TRANSP is absent.</summary>
    Opaque,

    /// <summary>Free.</summary>
    Transparent,
}

/// <summary>STATUS of an event (RFC 5545 section 3.8.1.11).</summary>
public enum EventStatus
{
    /// <summary>STATUS is absent, or none of the three.</summary>
    None,
    Tentative,
    Confirmed,
    Cancelled,
}

/// <summary>One occurrence of an event. Transparent and cancelled ones are among them: the caller decides.</summary>
/// <param name="Start">For all-day and floating events that of the reader's zone.</param>
/// <param name="End">Exclusive; equal to <paramref name="Start"/> for an event without length.</param>
/// <param name="Zone">The event's own; the reader's for all-day and floating events.</param>
/// <param name="RecurrenceId">Which instance of a recurring event it is, in the form of its DTSTART; null for a single event.</param>
/// <param name="Component">The VEVENT that describes it: the master, or the override.</param>
public sealed record Occurrence(
    Instant Start,
    Instant End,
    bool IsAllDay,
    DateTimeZone Zone,
    CalendarTime? RecurrenceId,
    CalendarComponent Component)
{
    /// <summary>On the clock of <see cref="Zone"/>.</summary>
    public LocalDateTime LocalStart => Start.InZone(Zone).LocalDateTime;

    public LocalDateTime LocalEnd => End.InZone(Zone).LocalDateTime;

    /// <summary>Empty when the event has none.</summary>
    public required string Uid { get; init; }

    /// <summary>Empty when the event has none.</summary>
    public required string Summary { get; init; }

    public required Transparency Transparency { get; init; }

    public required EventStatus Status { get; init; }
}
