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
                found.Add(calendar);
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
}
