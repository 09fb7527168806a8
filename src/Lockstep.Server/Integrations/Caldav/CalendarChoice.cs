using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Which calendars of an account are mirrored.</summary>
/// <param name="Config">With the addresses as the server lists them, and the write target that was chosen.</param>
/// <param name="Missing">What was asked for and is not there; null when all is.</param>
internal sealed record CalendarChoice(IReadOnlyList<WantedCalendar> Wanted, CaldavConfig Config, SyncFailure? Missing)
{
    /// <summary>Is the mirror already of the calendars that the configuration names?</summary>
    public static bool IsMade(CaldavConfig config, IReadOnlyList<MirroredCalendar> mirror)
    {
        if (config.CalendarPath.Length == 0 || mirror.Count == 0)
            return false;
        var target = Href.Parse(config.CalendarPath);
        var wanted = config.SelectedCalendarIds.Select(Href.Parse).Append(target).ToHashSet();
        return wanted.SetEquals(mirror.Select(calendar => Href.Parse(calendar.Href)))
            && mirror.All(calendar => calendar.IsWriteTarget == (Href.Parse(calendar.Href).Equals(target) && !calendar.ReadOnly));
    }

    /// <summary>Finds the named calendars among those of the account. Without a write target the first writable one is taken.</summary>
    /// <param name="mirror">One that is mirrored already stays, even when the server does not list it: not listed is not deleted.</param>
    public static CalendarChoice Make(CaldavConfig config, IReadOnlyList<CalendarInfo> account, IReadOnlyList<MirroredCalendar> mirror)
    {
        var events = account.Where(calendar => calendar.HoldsEvents).ToList();
        var target = config.CalendarPath.Length > 0
            ? Find(config.CalendarPath, events)
            : events.Find(calendar => calendar.IsWritable) ?? events.FirstOrDefault();
        if (target is null && config.CalendarPath.Length == 0)
        {
            return new([], config, new SyncFailure(
                FailureKind.Transient, "no_calendar", $"The account at {config.Address.Host} has no calendar for events. Make one there, then sync again."));
        }
        var wanted = new List<WantedCalendar>();
        var missing = new List<string>();
        var path = Add(config.CalendarPath, target, isTarget: true);
        var selected = config.SelectedCalendarIds.Select(id => Add(id, Find(id, events), isTarget: false)).Distinct().ToList();
        return new(wanted, config with { CalendarPath = path, SelectedCalendarIds = selected }, missing.Count == 0 ? null : new SyncFailure(
            FailureKind.Transient, "calendar_missing",
            $"{config.Address.Host} lists no calendar for events at {string.Join(", ", missing)}. POST /v1/caldav/discover shows which there are."));

        string Add(string named, CalendarInfo? found, bool isTarget)
        {
            if (found is null)
            {
                if (mirror.FirstOrDefault(known => Href.Parse(known.Href).Equals(Href.Parse(named))) is { } known && !Has(known.Href))
                    wanted.Add(new WantedCalendar(known.Href, known.Name, known.Color, isTarget && !known.ReadOnly, known.ReadOnly));
                missing.Add(named);
                return named;
            }
            var href = Collection(found.Href);
            if (!Has(href))
                wanted.Add(new WantedCalendar(href, found.Name, found.Color, isTarget && !found.ReadOnly, found.ReadOnly));
            return href;
        }

        bool Has(string href) => wanted.Exists(known => Href.Parse(known.Href).Equals(Href.Parse(href)));
    }

    /// <summary>By address; else by path, since some providers serve the calendars from another host than the one that was entered.</summary>
    private static CalendarInfo? Find(string named, List<CalendarInfo> calendars)
    {
        var href = Href.Parse(named);
        return calendars.Find(calendar => calendar.Href.Equals(href))
            ?? calendars.Find(calendar => calendar.Href.Path.TrimEnd('/') == href.Path.TrimEnd('/'));
    }

    private static string Collection(Href href) => href.ToString().EndsWith('/') ? href.ToString() : href + "/";
}
