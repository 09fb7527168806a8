using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A change as the server before this one has logged it.</summary>
/// <param name="ReceivedAt">By its clock: where the change comes in the order of the log, and what counts for fields without a time of their own.</param>
internal sealed record EarlierEntry(Guid EventId, Instant ReceivedAt)
{
    private const int TicksInMicrosecond = 10;

    /// <summary>The counter is the microseconds: the same at each reading, in the order of arrival.</summary>
    public FieldTime Arrival(string clientId) => FieldTime.Of(
        ReceivedAt.ToUnixTimeMilliseconds(), (int)(ReceivedAt.ToUnixTimeTicks() / TicksInMicrosecond % 1000), clientId);

    /// <summary>For what it entails in another place of the log.</summary>
    public EarlierEntry Beside() => this with { EventId = Guid.CreateVersion7() };
}
