using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A scope whose counter row this transaction holds until it ends.</summary>
internal sealed class LockedScope(Guid id, long head, Instant headAt, Instant lockedAt)
{
    // The column keeps microseconds.
    private static readonly Duration Step = Duration.FromTicks(10);

    private Instant last = headAt;
    private long taken;

    public Guid Id => id;

    public long Head => head + taken;

    public Instant HeadAt => last;

    /// <summary>The next number, and a time that is later than every one before it in this scope, whatever the database's clock does.</summary>
    public (long Seq, Instant At) Next()
    {
        last = Instant.Max(last + Step, lockedAt);
        taken++;
        return (Head, last);
    }
}
