using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>A time that can be had.</summary>
/// <param name="End">Exclusive.</param>
internal sealed record Slot(Instant Start, Instant End);
