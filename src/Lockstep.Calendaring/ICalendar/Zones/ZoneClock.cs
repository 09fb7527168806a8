using NodaTime;
using NodaTime.TimeZones;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Turns local seconds of one zone into Unix seconds and back, remembering the interval it was in last.</summary>
/// <remarks>
/// A local time that does not exist is read with the offset before the gap, one that exists twice means the first
/// (RFC 5545 section 3.3.5). Not thread-safe.
/// </remarks>
internal sealed class ZoneClock(DateTimeZone zone)
{
    private long start = long.MaxValue / 2;
    private long end = long.MinValue / 2;
    private long offset;

    public DateTimeZone Zone => zone;

    public long ToUnix(long local) => ToUnix(local, out _);

    /// <param name="inGap">Whether the local time does not exist.</param>
    public long ToUnix(long local, out bool inGap)
    {
        inGap = false;
        local = Math.Clamp(local, Civil.MinSeconds, Civil.MaxSeconds);
        // A day inside its interval no other interval can claim the same local time.
        var unix = local - offset;
        if (unix >= start + Civil.SecondsPerDay && unix < end - Civil.SecondsPerDay)
            return unix;
        var mapping = zone.MapLocal(Civil.Local(local));
        inGap = mapping.Count == 0;
        Remember(mapping.EarlyInterval);
        return local - mapping.EarlyInterval.WallOffset.Seconds;
    }

    public long ToLocal(long unix)
    {
        if (unix < start || unix >= end)
            Remember(zone.GetZoneInterval(Instant.FromUnixTimeSeconds(Math.Clamp(unix, Civil.MinSeconds, Civil.MaxSeconds))));
        return unix + offset;
    }

    private void Remember(ZoneInterval interval)
    {
        start = interval.HasStart ? interval.Start.ToUnixTimeSeconds() : long.MinValue / 2;
        end = interval.HasEnd ? interval.End.ToUnixTimeSeconds() : long.MaxValue / 2;
        offset = interval.WallOffset.Seconds;
    }
}
