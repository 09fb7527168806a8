using NodaTime;

namespace Lockstep.Server.ChangeSync;

/// <summary>A change with the number that its client gave it.</summary>
/// <param name="Hash">Of its content, so that a number used twice for different things is noticed.</param>
/// <param name="Fault">Why it cannot be stored at all; null when it can.</param>
internal sealed record NumberedChange(long Id, Change Change, string Hash, ChangeResult? Fault);

/// <summary>What became of one mutation.</summary>
internal sealed record Receipt(long Id, string Hash, ChangeResult Result);

/// <summary>What became of a push of the native protocol.</summary>
internal abstract record PushOutcome
{
    private PushOutcome() { }

    /// <summary>Committed. A mutation that was known already has the result of its first time.</summary>
    /// <param name="Now">The database's clock in this push; null when none of its spaces is the caller's.</param>
    public sealed record Stored(IReadOnlyList<Receipt> Receipts, Instant? Now) : PushOutcome;

    /// <summary>Nothing stored: mutations before these are missing.</summary>
    public sealed record Gap(long Expected) : PushOutcome;

    /// <summary>Nothing stored: this id came before with other content.</summary>
    public sealed record Reused(long Id) : PushOutcome;
}

/// <summary>What became of a push of the mana protocol.</summary>
internal abstract record StoreOutcome
{
    private StoreOutcome() { }

    /// <summary>Committed; one result a change, in order.</summary>
    public sealed record Stored(IReadOnlyList<ChangeResult> Results) : StoreOutcome;

    /// <summary>Nothing stored: these changes, by position, name a space that is not the caller's.</summary>
    public sealed record Foreign(IReadOnlyList<int> Indexes) : StoreOutcome;
}
