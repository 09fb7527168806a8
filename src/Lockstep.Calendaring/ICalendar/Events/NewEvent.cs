namespace Lockstep.Calendaring.ICalendar;

/// <summary>An event that is to be written as a calendar resource of its own.</summary>
public sealed record NewEvent
{
    /// <summary>Globally unique; a UUID in text does.</summary>
    public required string Uid { get; init; }

    public required string Summary { get; init; }

    public required CalendarTime Start { get; init; }

    /// <summary>Exclusive, in the same form as <see cref="Start"/>; null for one day or no length.</summary>
    public CalendarTime? End { get; init; }

    public string? Description { get; init; }

    public string? Location { get; init; }

    public Transparency Transparency { get; init; }

    public EventStatus Status { get; init; }

    /// <summary>RRULE, RDATE, EXDATE lines as RFC 5545 writes them, checked by <see cref="RecurrenceLines"/>.</summary>
    public IReadOnlyList<string> Recurrence { get; init; } = [];
}
