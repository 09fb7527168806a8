using System.Collections.Concurrent;

namespace Lockstep.Server.Tenancy;

/// <summary>Slows the guessing of passwords: so many tries a minute for one e-mail, and for one address. Each node counts for itself.</summary>
internal sealed class SignInBrake(TimeProvider time)
{
    public const int TriesAMinute = 10;

    /// <summary>Many people may share an address.</summary>
    public const int TriesAMinuteAndAddress = 60;

    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>Bounds the memory that made-up e-mails can take; when full, everybody starts anew.</summary>
    private const int MaximumCounters = 100_000;

    private readonly ConcurrentDictionary<string, (long Start, int Tries)> counters = new(StringComparer.OrdinalIgnoreCase);

    /// <returns>Null to go on, else how long to wait.</returns>
    public TimeSpan? Try(string email, string? address) => Count($"email {email}", TriesAMinute) ?? Count($"address {address}", TriesAMinuteAndAddress);

    private TimeSpan? Count(string key, int most)
    {
        if (counters.Count >= MaximumCounters)
            counters.Clear();
        var now = time.GetTimestamp();
        var (start, tries) = counters.AddOrUpdate(
            key,
            _ => (now, 1),
            (_, count) => time.GetElapsedTime(count.Start, now) >= Window ? (now, 1) : (count.Start, count.Tries + 1));
        return tries <= most ? null : Window - time.GetElapsedTime(start, now);
    }
}
