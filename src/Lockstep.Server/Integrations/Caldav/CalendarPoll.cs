using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;
using CalendarState = Lockstep.Calendaring.Caldav.CalendarState;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What the poll tells of each calendar: its state, or why it cannot be read.</summary>
internal sealed record Polled(MirroredCalendar Calendar, CalendarState? State, CaldavFailure? Failure);

/// <summary>Asks what changed: one request for all calendars that lie in one home; step (1) of <see cref="SyncPlan"/>.</summary>
internal static class CalendarPoll
{
    /// <param name="told">What is known already, and not asked again of a calendar that was never read.</param>
    public static async Task<IReadOnlyList<Polled>> Run(
        CaldavClient client, IReadOnlyList<MirroredCalendar> calendars, IReadOnlyList<CalendarState> told, CancellationToken ct)
    {
        var polled = new List<Polled>(calendars.Count);
        foreach (var calendar in calendars.Where(calendar => calendar is { SyncToken: null, Ctag: null }))
        {
            if (told.FirstOrDefault(one => one.Href.Equals(Href.Parse(calendar.Href))) is { } state)
                polled.Add(new Polled(calendar, state, null));
        }
        foreach (var home in calendars.Except(polled.Select(one => one.Calendar)).GroupBy(calendar => HomeOf(calendar.Href), StringComparer.Ordinal))
        {
            if (polled.Exists(one => one.Failure?.EndsTheRun() == true))
                polled.AddRange(home.Select(calendar => polled.Find(one => one.Failure?.EndsTheRun() == true)! with { Calendar = calendar }));
            else
                polled.AddRange(await Home(client, home.Key, [.. home], ct));
        }
        return polled;
    }

    private static async Task<IReadOnlyList<Polled>> Home(
        CaldavClient client, string home, IReadOnlyList<MirroredCalendar> calendars, CancellationToken ct)
    {
        CaldavAnswer<PollReport>? together = calendars.Count > 1 ? await client.PollHomeAsync(Href.Parse(home), ct) : null;
        if (together?.Failure is { } failure && failure.EndsTheRun())
            return [.. calendars.Select(calendar => new Polled(calendar, null, failure))];
        var polled = new List<Polled>(calendars.Count);
        foreach (var calendar in calendars)
        {
            var href = Href.Parse(calendar.Href);
            var state = together is { Failure: null } ? together.Value.Calendars.FirstOrDefault(one => one.Href.Equals(href)) : null;
            // Not listed is not deleted: only the calendar itself can say so.
            polled.Add(state is not null ? new Polled(calendar, state, null) : await One(client, calendar, href, ct));
        }
        return polled;
    }

    private static async Task<Polled> One(CaldavClient client, MirroredCalendar calendar, Href href, CancellationToken ct)
    {
        var answer = await client.PollCalendarAsync(href, ct);
        return answer.TryGet(out var report, out var failure)
            ? new Polled(calendar, report.Calendars.Count > 0 ? report.Calendars[0] : new CalendarState(href, null, null), null)
            : new Polled(calendar, null, failure);
    }

    private static string HomeOf(string href)
    {
        var collection = href.TrimEnd('/');
        return collection[..(collection.LastIndexOf('/') + 1)];
    }
}
