using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Lockstep.Server.Booking;

/// <param name="PerAddress">How many times in ten minutes somebody may send a form to book, move or cancel, by address; each node counts for itself.</param>
internal sealed record BookingOptions(int PerAddress = BookingOptions.Standard)
{
    public const int Standard = 60;
}

/// <summary>Slows programs that book: so many forms in ten minutes for one address.</summary>
internal sealed class BookingBrake(BookingOptions options, TimeProvider time)
{
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    /// <summary>Bounds the memory that many addresses can take; when full, everybody starts anew.</summary>
    private const int MaximumCounters = 100_000;

    private readonly ConcurrentDictionary<string, (long Start, int Tries)> counters = new(StringComparer.Ordinal);

    /// <returns>Null to go on, else how long to wait.</returns>
    public TimeSpan? Try(IPAddress? address)
    {
        if (counters.Count >= MaximumCounters)
            counters.Clear();
        var now = time.GetTimestamp();
        var (start, tries) = counters.AddOrUpdate(
            Network(address),
            _ => (now, 1),
            (_, count) => time.GetElapsedTime(count.Start, now) >= Window ? (now, 1) : (count.Start, count.Tries + 1));
        return tries <= options.PerAddress ? null : Window - time.GetElapsedTime(start, now);
    }

    /// <summary>One connection of IPv6 has as many addresses as it likes, all with the same first half.</summary>
    private static string Network(IPAddress? address) =>
        address is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } ? Convert.ToHexString(address.GetAddressBytes().AsSpan(0, 8)) : address?.ToString() ?? "";
}
