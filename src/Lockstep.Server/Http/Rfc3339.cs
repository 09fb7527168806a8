using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Http;

/// <summary>A time with an offset, as others write it (RFC 3339).</summary>
internal static class Rfc3339
{
    private static readonly Instant First = Instant.FromUtc(1, 1, 1, 0, 0);

    /// <returns>
    /// Null for what is none, and outside of the years 1 to 9999 in UTC: the standard has no others, neither has the database, and NodaTime throws where
    /// the offset leads out of what it holds.
    /// </returns>
    public static Instant? Read(string text)
    {
        if (OffsetDateTimePattern.Rfc3339.Parse(text) is not { Success: true, Value: var read } || read.Year < 1)
            return null;
        var local = read.LocalDateTime.InUtc().ToInstant();
        var (room, shift) = (read.Offset < Offset.Zero ? Instant.MaxValue - local : local - First, Duration.FromSeconds(Math.Abs(read.Offset.Seconds)));
        return shift <= room ? read.ToInstant() : null;
    }
}
