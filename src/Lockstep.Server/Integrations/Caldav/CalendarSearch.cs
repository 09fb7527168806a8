using Lockstep.Calendaring.Caldav;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Finds the calendars that a configuration names, in as few requests as it takes.</summary>
/// <remarks>
/// Named ones are asked themselves: that also finds one that somebody else shares and no home of this account lists. Where one is
/// not a calendar at that address, or none is named, the account is discovered.
/// </remarks>
internal static class CalendarSearch
{
    public static async Task<CaldavAnswer<CalendarList>> Run(CaldavClient client, CaldavConfig config, CancellationToken ct)
    {
        var found = new List<CalendarInfo>();
        var complete = config.CalendarPath.Length > 0;
        foreach (var named in config.SelectedCalendarIds.Append(config.CalendarPath).Where(path => path.Length > 0).Select(Href.Parse).Distinct())
        {
            var one = await client.DescribeCalendarAsync(named, ct);
            if (one.TryGet(out var calendar, out var failure))
                found.Add(HasMoved(named, calendar.Href) ? calendar with { Href = named } : calendar);
            else if (failure is CaldavFailure.Unauthorized or CaldavFailure.Throttled)
                return failure;
            else
                complete = false;
        }
        if (complete)
            return new CalendarList(found);
        var answer = await client.DiscoverAsync(ct);
        return answer.TryGet(out var account, out var broken)
            ? new CalendarList([.. account.Calendars, .. found.Where(one => !account.Calendars.Any(known => known.Href.Equals(one.Href)))])
            : broken;
    }

    /// <summary>Behind a redirect it stays known by the address that was named. Another host alone is a provider's own partition, and better asked at once.</summary>
    private static bool HasMoved(Href named, Href listed) => !listed.Equals(named) && listed.Path.TrimEnd('/') != named.Path.TrimEnd('/');
}
