using System.Text;

namespace Lockstep.Crypto;

/// <summary>
/// Recognizes keys that somebody typed, copied from an example or forgot to fill in. Of random keys fewer than one in 10^9
/// is refused.
/// </summary>
internal static class WeakKey
{
    private const int FewestDistinctBytes = 16;
    private const int MostOfOneByte = 8;

    /// <summary>Words whose SHA-256 is found used as a key.</summary>
    private static readonly string[] Words =
        ["", "0", "admin", "changeme", "change-me", "default", "encryption", "encryption-key", "key", "lockstep", "master", "master-key", "password",
         "secret", "supersecret", "test", "vault"];

    /// <returns>Null when the key passes; else why not, in words that tell nothing of the key.</returns>
    public static string? Reason(ReadOnlySpan<byte> key) =>
        IsPeriodic(key) ? "it repeats itself"
        : IsSequence(key) ? "it is a sequence of numbers"
        : HasFewBytes(key) ? "it has too few different bytes to be random"
        : !key.ContainsAnyExceptInRange((byte)0x20, (byte)0x7e) ? "it is text, not random bytes"
        : IsHashOfWord(key) ? "it is the hash of a well-known word"
        : null;

    /// <summary>One byte 32 times (all zero too), or up to 16 bytes over and over.</summary>
    private static bool IsPeriodic(ReadOnlySpan<byte> key)
    {
        for (var period = 1; period <= key.Length / 2; period++)
        {
            if (key[period..].SequenceEqual(key[..^period]))
                return true;
        }

        return false;
    }

    /// <summary>00 01 02 ..., as in published test vectors.</summary>
    private static bool IsSequence(ReadOnlySpan<byte> key)
    {
        var step = (byte)(key[1] - key[0]);
        for (var i = 2; i < key.Length; i++)
        {
            if ((byte)(key[i] - key[i - 1]) != step)
                return false;
        }

        return true;
    }

    private static bool HasFewBytes(ReadOnlySpan<byte> key)
    {
        Span<byte> counts = stackalloc byte[256];
        foreach (var b in key)
            counts[b]++;

        var result = counts.Length - counts.Count((byte)0) < FewestDistinctBytes || counts.ContainsAnyInRange((byte)(MostOfOneByte + 1), byte.MaxValue);
        Primitives.Clear(counts);
        return result;
    }

    private static bool IsHashOfWord(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[Primitives.HashBytes];
        foreach (var word in Words)
        {
            Primitives.Sha256(Encoding.UTF8.GetBytes(word), hash);
            if (Primitives.FixedTimeEquals(hash, key))
                return true;
        }

        return false;
    }
}
