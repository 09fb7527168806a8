using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>What is known of an owner's time in a window.</summary>
/// <param name="AsOf">When this was found out.</param>
/// <param name="Taken">In any order.</param>
/// <param name="Unconfirmed">A calendar that blocks could not be read lately, or repeats too often to be looked through: no time may be called free.</param>
internal sealed record KnownBusy(Instant AsOf, IReadOnlyList<Interval> Taken, bool Unconfirmed)
{
    /// <param name="window">Inside of the one that was read, buffers included.</param>
    public OpenTimes Open(WorkingHours hours, SlotRules rules, Interval window, Instant now) => Unconfirmed
        ? new OpenTimes(AsOf, [], Unconfirmed: true)
        : new OpenTimes(AsOf, [.. Availability.Slots(hours, rules, Taken, window, now)], Unconfirmed: false);
}
