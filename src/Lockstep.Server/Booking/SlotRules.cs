using NodaTime;

namespace Lockstep.Server.Booking;

/// <summary>How the working hours are cut into times that can be had.</summary>
/// <param name="Length">Of a slot.</param>
/// <param name="Step">From the start of one slot to that of the next; slots overlap where it is shorter than they are.</param>
/// <param name="Before">What has to be free before a slot; it may lie outside of the hours.</param>
/// <param name="After">What has to be free after a slot; it may lie outside of the hours.</param>
/// <param name="Notice">No slot starts sooner than this from now.</param>
/// <param name="Horizon">Days after today on which a slot may still start, by the clock of the hours.</param>
internal sealed record SlotRules(Duration Length, Duration Step, Duration Before, Duration After, Duration Notice, int Horizon)
{
    public const int StandardMinutes = 30;
    public const int StandardHorizon = 60;
    public const int MaxHorizon = 365;

    public static SlotRules Of(SlotSettings? settings)
    {
        var length = Duration.FromMinutes(settings?.DurationMinutes ?? StandardMinutes);
        return new SlotRules(
            length,
            settings?.StepMinutes is { } step ? Duration.FromMinutes(step) : length,
            Duration.FromMinutes(settings?.BufferBeforeMinutes ?? 0),
            Duration.FromMinutes(settings?.BufferAfterMinutes ?? 0),
            Duration.FromMinutes(settings?.NoticeMinutes ?? 0),
            settings?.HorizonDays ?? StandardHorizon);
    }

    /// <summary>Slots of one length end to end, as far ahead as can be.</summary>
    public static SlotRules EndToEnd(Duration length) => new(length, length, Duration.Zero, Duration.Zero, Duration.Zero, MaxHorizon);

    /// <summary>The same for another length; who set no step of his own gets slots end to end.</summary>
    public SlotRules For(Duration length) => this with { Length = length, Step = Step == Length ? length : Step };

    /// <summary>The first start that is too late.</summary>
    public Instant EndOfHorizon(DateTimeZone zone, Instant now) => zone.AtStartOfDay(now.InZone(zone).Date.PlusDays(Horizon + 1)).ToInstant();
}
