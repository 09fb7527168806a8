using System.Globalization;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>Where a page of events ended: by start, then id.</summary>
internal sealed record EventCursor(Instant StartsAt, Guid Id)
{
    /// <returns>Null for a text that is no cursor of ours.</returns>
    public static EventCursor? Parse(string text)
    {
        var parts = text.Split('.');
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var ticks)
            && Math.Abs(ticks) < 400_000_000_000_000_000
            && Guid.TryParse(parts[1], out var id)
            ? new EventCursor(Instant.FromUnixTimeTicks(ticks), id)
            : null;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{StartsAt.ToUnixTimeTicks()}.{Id:N}");
}
