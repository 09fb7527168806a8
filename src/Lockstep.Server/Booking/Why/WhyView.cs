using NodaTime;

namespace Lockstep.Server.Booking.Why;

/// <summary>Whether a time is offered on the owner's page, and if not, everything that keeps it from being.</summary>
/// <param name="Timezone">Of the working hours; the messages are on its clock.</param>
internal sealed record WhyView(string Timezone, Instant Start, Instant End, bool Offered, IReadOnlyList<WhyReason> Reasons, WhyDay Day);

/// <param name="Code">Stable: not_published, no_hours, past, notice, horizon, outside_hours, between_slots, calendar_missing, calendar_unreadable, calendar_stale,
/// busy, booked, buffer, event_unreadable, too_much.</param>
/// <param name="Message">What keeps the time from being offered, and what would change that.</param>
/// <param name="Start">Of what takes the time.</param>
internal sealed record WhyReason(
    string Code, string Message, Instant? Start = null, Instant? End = null, Guid? EventId = null, Guid? CalendarId = null, Guid? BookingId = null);

/// <summary>The day around that time, as layers.</summary>
/// <param name="Date">ISO 8601; on the clock of the working hours.</param>
/// <param name="Busy">What takes time, each naming its cause.</param>
/// <param name="NotBefore">Now and the notice: nothing before is offered.</param>
/// <param name="NotFrom">The end of the horizon: nothing from then on is offered.</param>
/// <param name="Slots">What is offered on the page.</param>
internal sealed record WhyDay(
    string Date, IReadOnlyList<Slot> Hours, IReadOnlyList<WhyBusy> Busy, int BufferBeforeMinutes, int BufferAfterMinutes,
    Instant NotBefore, Instant NotFrom, IReadOnlyList<Slot> Slots);

/// <param name="Summary">Of the event; the visitor's name for a booking without one.</param>
internal sealed record WhyBusy(Instant Start, Instant End, string Summary, Guid? EventId, Guid? CalendarId, Guid? BookingId);
