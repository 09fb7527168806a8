using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A scope whose counter row this transaction holds until it ends.</summary>
/// <param name="records">Live ones in it.</param>
/// <param name="bytes">Of these, as <see cref="RecordState.Size"/> counts.</param>
internal sealed class LockedScope(Guid id, long head, Instant headAt, Instant lockedAt, long records, long bytes)
{
    // The column keeps microseconds.
    private static readonly Duration Step = Duration.FromTicks(10);

    private Instant last = headAt;
    private long taken;

    public Guid Id => id;

    public long Head => head + taken;

    public Instant HeadAt => last;

    public long Records { get; private set; } = records;

    public long Bytes { get; private set; } = bytes;

    public void Grow(long moreRecords, long moreBytes) => (Records, Bytes) = (Records + moreRecords, Bytes + moreBytes);

    /// <summary>The next number, and a time that is later than every one before it in this scope, whatever the database's clock does.</summary>
    /// <param name="received">By the server that logged it first; null: now.</param>
    public (long Seq, Instant At) Next(Instant? received)
    {
        last = Instant.Max(last + Step, received ?? lockedAt);
        taken++;
        return (Head, last);
    }
}
