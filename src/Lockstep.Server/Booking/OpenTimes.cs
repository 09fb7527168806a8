using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>When a provider can be had.</summary>
/// <param name="AsOf">When this was found out.</param>
/// <param name="Slots">Sorted; empty when <paramref name="Unconfirmed"/>.</param>
/// <param name="Unconfirmed">A calendar that blocks could not be read lately, or repeats too often to be looked through: no time may be called free.</param>
internal sealed record OpenTimes(Instant AsOf, IReadOnlyList<Slot> Slots, bool Unconfirmed);
