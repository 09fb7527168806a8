namespace Lockstep.Calendaring.ICalendar;

/// <summary>The instances of a master from one instant up to another, described by the master or by a THISANDFUTURE override.</summary>
/// <param name="From">Inclusive, Unix seconds.</param>
/// <param name="To">Exclusive.</param>
internal sealed record Segment(EventView Master, EventView Described, long From, long To)
{
    /// <summary>
    /// How far the override moved its own instance, on its own clock: all later ones move as far (RFC 5545 section 3.2.13).
    /// </summary>
    private readonly long shift =
        ReferenceEquals(Master, Described) ? 0 : Described.StartLocal - Described.Clock.ToLocal(From);

    public long Shift => shift;

    /// <summary>Where an instance that the master's rule puts at an instant really starts.</summary>
    public long Moved(long start) =>
        ReferenceEquals(Master, Described) ? start : Described.Clock.ToUnix(Described.Clock.ToLocal(start) + shift);
}
