using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>An event, or with <c>expand</c> one of its occurrences, in an answer.</summary>
/// <param name="Etag">Send it back as <c>If-Match</c> so that nobody's change is overwritten unseen.</param>
/// <param name="CalendarId">Null: it is in no calendar and kept here alone, on no calendar server, until a PATCH puts it into one.</param>
/// <param name="End">Exclusive.</param>
/// <param name="Floating">Its times have no zone: they are on the clock of whoever reads.</param>
/// <param name="Recurrence">The RRULE, RDATE and EXDATE lines; empty for an event that happens once.</param>
/// <param name="RecurrenceId">Which occurrence of a recurring event this is; null for the event itself.</param>
/// <param name="UpdatedAt">The time by which the last write wins.</param>
internal sealed record EventView(
    Guid Id,
    string Uid,
    string Etag,
    Guid? CalendarId,
    Guid? WorkspaceId,
    Guid? MatterId,
    string Summary,
    string? Description,
    string? Location,
    EventTime Start,
    EventTime End,
    bool AllDay,
    bool Floating,
    [property: OneOf("CONFIRMED", "TENTATIVE", "CANCELLED")] string Status,
    [property: OneOf("OPAQUE", "TRANSPARENT")] string Transparency,
    IReadOnlyList<string> Recurrence,
    string? RecurrenceId,
    Instant CreatedAt,
    Instant UpdatedAt)
{
    public static EventView Of(EventRow row) => new(
        row.Id.Value,
        row.Uid,
        row.ETag,
        row.Calendar?.Value,
        row.Owner.Workspace?.Value,
        row.Matter?.Value,
        row.Facts.Summary,
        row.Facts.Description,
        row.Facts.Location,
        EventTime.Of(row.Facts.Start, row.Facts.Zone, row.Facts.StartsAt),
        EventTime.Of(row.Facts.End, row.Facts.Zone, row.Facts.EndsAt),
        row.Facts.AllDay,
        row.Facts.Start.Form == TimeForm.Floating,
        row.Facts.Status,
        row.Facts.Transparency,
        row.Facts.Recurrence,
        null,
        row.CreatedAt,
        row.ChangedAt);

    /// <param name="occurrence">Of this event; an override speaks for itself.</param>
    public static EventView Of(EventRow row, Occurrence occurrence) => Of(row) with
    {
        Summary = occurrence.Summary,
        Description = occurrence.Component.Text("DESCRIPTION"),
        Location = occurrence.Component.Text("LOCATION"),
        Start = Time(occurrence, occurrence.LocalStart, occurrence.Start),
        End = Time(occurrence, occurrence.LocalEnd, occurrence.End),
        AllDay = occurrence.IsAllDay,
        Floating = IsFloating(occurrence),
        Status = occurrence.Status == EventStatus.None ? "CONFIRMED" : occurrence.Status.ToString().ToUpperInvariant(),
        Transparency = occurrence.Transparency.ToString().ToUpperInvariant(),
        RecurrenceId = occurrence.RecurrenceId?.ToString(),
    };

    private static bool IsFloating(Occurrence occurrence) =>
        occurrence.Component.Property("DTSTART") is { } line && CalendarTime.Of(line) is { Form: TimeForm.Floating };

    private static EventTime Time(Occurrence occurrence, LocalDateTime local, Instant at) =>
        occurrence.IsAllDay ? EventTime.Of(CalendarTime.Date(local.Date), null, at)
        : IsFloating(occurrence) ? EventTime.Of(CalendarTime.Floating(local), null, at)
        : occurrence.Zone == DateTimeZone.Utc ? EventTime.Of(CalendarTime.Utc(at), null, at)
        : EventTime.Of(CalendarTime.Zoned(local, occurrence.Zone.Id), occurrence.Zone.Id, at);
}
