using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>The stamps by which the last write wins.</summary>
internal static class EventClock
{
    /// <summary>How far ahead a server's clock is believed.</summary>
    private static readonly Duration Skew = Duration.FromMinutes(2);

    /// <summary>In whole milliseconds, which every place that keeps a stamp can keep.</summary>
    public static Instant Now(TimeProvider time) => Instant.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>
    /// LAST-MODIFIED, else getlastmodified, else now (first seen). A stamp from the future is not believed, and the next one is asked:
    /// counted as now it would win each time that both sides changed.
    /// </summary>
    public static Instant OfRemote(Instant? lastModified, Instant? getLastModified, Instant now)
    {
        var latest = now + Skew;
        var told = lastModified <= latest ? lastModified.Value : getLastModified <= latest ? getLastModified.Value : now;
        // The change log counts from 1970.
        return Instant.Max(told, NodaConstants.UnixEpoch);
    }
}
