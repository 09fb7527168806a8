using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>The stamps by which the last write wins.</summary>
internal static class EventClock
{
    /// <summary>How far ahead a server's clock is believed.</summary>
    private static readonly Duration Skew = Duration.FromMinutes(2);

    /// <summary>In whole milliseconds, which every place that keeps a stamp can keep.</summary>
    public static Instant Now(TimeProvider time) => Instant.FromUnixTimeMilliseconds(time.GetUtcNow().ToUnixTimeMilliseconds());

    /// <summary>LAST-MODIFIED, else getlastmodified, else now (first seen). A stamp from the future counts as now, so that it does not win for years.</summary>
    public static Instant OfRemote(Instant? lastModified, Instant? getLastModified, Instant now)
    {
        var told = lastModified ?? getLastModified ?? now;
        // The change log counts from 1970.
        return told > now + Skew ? now : Instant.Max(told, NodaConstants.UnixEpoch);
    }
}
