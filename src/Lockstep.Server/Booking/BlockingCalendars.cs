using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Booking;

/// <summary>Which calendars block, and which of them must be fresh.</summary>
/// <param name="Of">Null: all of the owner's.</param>
/// <remarks>Of a disabled integration the last known events still block, but nobody promised to keep them fresh, unless it was selected.</remarks>
internal sealed record BlockingCalendars(IReadOnlyCollection<CalendarId>? Of, IReadOnlySet<CalendarId> Kept)
{
    /// <returns>Null when one that must is not mirrored at all, or is gone.</returns>
    public static BlockingCalendars? Select(List<OwnCalendar> own, IReadOnlyList<string?> selected)
    {
        if (selected.Count == 0)
        {
            var kept = own.Where(calendar => calendar is { IsOwn: true, IsKept: true }).ToList();
            return kept.Any(calendar => calendar.Id is null) ? null : new BlockingCalendars(null, kept.Select(calendar => calendar.Id!.Value).ToHashSet());
        }
        var chosen = selected.Select(href => own.Where(calendar => calendar.Id is not null && calendar.Href == href).ToList()).ToList();
        if (chosen.Any(found => found.Count == 0))
            return null;
        var ids = chosen.SelectMany(found => found).Select(calendar => calendar.Id!.Value).ToHashSet();
        return new BlockingCalendars(ids, ids);
    }
}
