using Lockstep.Server.Booking;
using Lockstep.Server.Calendars;
using Lockstep.Server.Console.Connections;

namespace Lockstep.Server.Console.Sharing;

/// <param name="Provider">As stored; after a refusal, as typed.</param>
/// <param name="Calendars">That may take time.</param>
internal sealed record SharingView(Provider Provider, IReadOnlyList<ConnectedCalendar> Calendars)
{
    public ProviderSettings Settings => Provider.Settings ?? new();

    /// <summary>None chosen means all.</summary>
    public bool Blocks(MirroredCalendar calendar) =>
        Settings.Calendar?.SelectedCalendarIds is not { Count: > 0 } chosen || chosen.Contains(calendar.Href) || chosen.Contains(calendar.Id.ToString());

    /// <summary>The hours as they stand, and an empty line to write more; the first is filled in for who has none yet.</summary>
    public IReadOnlyList<RangeSettings> Hours => Settings.WorkingHours switch
    {
        null => [new RangeSettings([1, 2, 3, 4, 5], "09:00", "17:00"), new RangeSettings()],
        { Ranges: { Count: > 0 } ranges } => [.. ranges.OfType<RangeSettings>(), new RangeSettings()],
        var simple => [new RangeSettings(simple.Days, simple.Start, simple.End), new RangeSettings()],
    };
}
