using Lockstep.Calendaring.Caldav;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What came of fetching some resources.</summary>
/// <param name="Gone">Confirmed by the server, one by one.</param>
/// <param name="Unreadable">There, but without a text that can be taken.</param>
internal sealed record Fetched(IReadOnlyList<CalendarObject> Objects, IReadOnlyList<Href> Gone, int Unreadable);

/// <summary>Fetches texts in batches; what came is checked against what was asked.</summary>
internal static class CalendarFetch
{
    /// <summary>Some servers answer no more than 100 at once, in silence.</summary>
    public const int BatchSize = 100;

    /// <param name="hrefs">At most <see cref="BatchSize"/>.</param>
    public static async Task<CaldavAnswer<Fetched>> Fetch(CaldavClient client, Href calendar, IReadOnlyList<Href> hrefs, CancellationToken ct)
    {
        var answer = await client.MultigetAsync(calendar, hrefs, ct);
        if (!answer.TryGet(out var report, out var failure))
        {
            if (failure.EndsTheRun() && failure is not CaldavFailure.Unreachable { Reason: UnreachableReason.TimedOut or UnreachableReason.BrokenOff })
                return failure;
            // The batch may be what the server chokes on.
            return hrefs.Count == 1 ? await One(client, hrefs[0], ct) : await Halves(client, calendar, hrefs, ct);
        }
        var objects = report.Objects.ToList();
        var gone = report.Gone.ToList();
        var unreadable = report.Unreadable.Count;
        foreach (var left in report.Unanswered)
        {
            var one = await One(client, left, ct);
            if (!one.TryGet(out var single, out failure))
                return failure;
            objects.AddRange(single.Objects);
            gone.AddRange(single.Gone);
            unreadable += single.Unreadable;
        }
        return new Fetched(objects, gone, unreadable);
    }

    public static async Task<CaldavAnswer<Fetched>> One(CaldavClient client, Href href, CancellationToken ct)
    {
        var answer = await client.GetAsync(href, ct);
        if (answer.TryGet(out var found, out var failure))
            return new Fetched([found], [], 0);
        return failure switch
        {
            CaldavFailure.NotFound => new Fetched([], [href], 0),
            CaldavFailure.TooLarge => new Fetched([], [], 1),
            _ => failure,
        };
    }

    private static async Task<CaldavAnswer<Fetched>> Halves(CaldavClient client, Href calendar, IReadOnlyList<Href> hrefs, CancellationToken ct)
    {
        var half = hrefs.Count / 2;
        var first = await Fetch(client, calendar, [.. hrefs.Take(half)], ct);
        if (!first.TryGet(out var one, out var failure))
            return failure;
        var second = await Fetch(client, calendar, [.. hrefs.Skip(half)], ct);
        return second.TryGet(out var two, out failure)
            ? new Fetched([.. one.Objects, .. two.Objects], [.. one.Gone, .. two.Gone], one.Unreadable + two.Unreadable)
            : failure;
    }
}
