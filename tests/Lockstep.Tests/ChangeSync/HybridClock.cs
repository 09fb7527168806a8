namespace Lockstep.Tests.ChangeSync;

/// <summary>What a client does with its clock (Kulkarni et al., 2014); a reading is 48 bits of milliseconds and a counter of 16.</summary>
internal static class HybridClock
{
    private const long LargestMilliseconds = (1L << 48) - 1;

    /// <summary>Later than <paramref name="last"/>, and not before <paramref name="now"/> (milliseconds).</summary>
    public static ulong Tick(ulong last, long now) => Math.Max(last + 1, (ulong)Math.Clamp(now, 0, LargestMilliseconds) << 16);

    /// <summary>What is written next is later than what was seen.</summary>
    public static ulong Observe(ulong last, ulong seen) => Math.Max(last, seen);
}
