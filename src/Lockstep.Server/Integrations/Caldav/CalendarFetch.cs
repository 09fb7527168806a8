using Lockstep.Calendaring.Caldav;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What came of fetching some resources.</summary>
/// <param name="Gone">Said so by the server, one by one.</param>
/// <param name="Unreadable">There, but without a text that can be taken; with the reason, for people.</param>
internal sealed record Fetched(IReadOnlyList<CalendarObject> Objects, IReadOnlyList<Href> Gone, IReadOnlyList<(Href Href, string Reason)> Unreadable);

/// <summary>Fetches texts of one calendar in batches; what came is checked against what was asked.</summary>
/// <remarks>
/// <code>
///   multiget of a batch --> fails: (1) half of it (a quarter when the network failed), down to (2) one resource by GET; what fails even so is unreadable
///                       --> answers some only: (3) that many at once from now on, and the rest again
///                       --> answers nothing of it: by GET, one after the other
///   (4) so many failures in a row are the server's, not the resources'
/// </code>
/// </remarks>
internal sealed class CalendarFetch(CaldavClient client, Href calendar)
{
    /// <summary>Some servers answer no more than 100 at once, in silence.</summary>
    public const int BatchSize = 100;

    /// <summary>As many as it takes from a whole batch to one resource, and three of these.</summary>
    private const int MostFailures = 10;

    /// <summary>Each of these costs a minute.</summary>
    private const int MostTimeouts = 2;

    /// <summary>Sooner the network than a resource: 100, 25, 6, 1 and one more.</summary>
    private const int MostBroken = 4;

    /// <summary>How many removals are asked about one by one before a server's word is taken for the others.</summary>
    private const int Samples = 20;

    private int batch = BatchSize;
    private int most = BatchSize;
    private int failures;
    private int timeouts;
    private int broken;

    /// <returns>What is neither in the answer nor said to be gone is in <see cref="Fetched.Unreadable"/>: every one that was asked for is accounted for.</returns>
    public async Task<CaldavAnswer<Fetched>> Fetch(IReadOnlyList<Href> hrefs, CancellationToken ct)
    {
        var open = new Queue<Href>(hrefs.Distinct());
        var objects = new List<CalendarObject>();
        var gone = new List<Href>();
        var unreadable = new List<(Href, string)>();
        while (open.Count > 0)
        {
            var asked = open.Take(batch).ToList();
            if (asked.Count == 1)
            {
                // (2)
                if (await Single(asked[0]) is { } ends)
                    return ends;
                open.Dequeue();
                batch = Math.Min(most, 2);
                continue;
            }
            var answer = await client.MultigetAsync(calendar, asked, ct);
            if (!answer.TryGet(out var report, out var failure))
            {
                if (IsTheServers(failure))
                    return failure;
                // (1)
                batch = Math.Max(1, asked.Count / (failure is CaldavFailure.Unreachable ? 4 : 2));
                continue;
            }
            failures = timeouts = broken = 0;
            foreach (var _ in asked)
                open.Dequeue();
            objects.AddRange(report.Objects);
            gone.AddRange(report.Gone);
            foreach (var without in report.Unreadable)
            {
                if (await Single(without) is { } ends)
                    return ends;
            }
            var answered = asked.Count - report.Unanswered.Count;
            if (report.Unanswered.Count == 0)
                batch = Math.Min(most, batch * 2);
            else if (answered > 0)
            {
                // (3)
                batch = most = answered;
                foreach (var left in report.Unanswered)
                    open.Enqueue(left);
            }
            else
            {
                foreach (var left in report.Unanswered)
                {
                    if (await Single(left) is { } ends)
                        return ends;
                }
            }
        }
        return new Fetched(objects, gone, unreadable);

        async Task<CaldavFailure?> Single(Href href)
        {
            var one = await One(client, href, ct);
            if (one.TryGet(out var single, out var failure))
            {
                failures = timeouts = broken = 0;
                objects.AddRange(single.Objects);
                gone.AddRange(single.Gone);
                unreadable.AddRange(single.Unreadable);
                return null;
            }
            if (IsTheServers(failure))
                return failure;
            unreadable.Add((href, failure.Message));
            return null;
        }
    }

    /// <summary>Asks whether resources are really gone: servers send 404s for what is there.</summary>
    /// <returns>What is there after all comes with its text.</returns>
    public async Task<CaldavAnswer<Fetched>> Confirm(IReadOnlyList<Href> hrefs, CancellationToken ct)
    {
        IReadOnlyList<Href> believed = [];
        List<CalendarObject> objects = [];
        List<Href> gone = [];
        List<(Href, string)> unreadable = [];
        if (hrefs.Count > Samples)
        {
            var together = await Fetch(hrefs, ct);
            if (!together.TryGet(out var fetched, out var failure))
                return failure;
            objects.AddRange(fetched.Objects);
            unreadable.AddRange(fetched.Unreadable);
            (hrefs, believed) = ([.. fetched.Gone.Take(Samples)], [.. fetched.Gone.Skip(Samples)]);
        }
        foreach (var href in hrefs)
        {
            if (await Ask(href) is { } failure)
                return failure;
        }
        // One lie is enough to take no further word.
        foreach (var href in believed)
        {
            if (objects.Count == 0 && unreadable.Count == 0)
                gone.Add(href);
            else if (await Ask(href) is { } failure)
                return failure;
        }
        return new Fetched(objects, gone, unreadable);

        async Task<CaldavFailure?> Ask(Href href)
        {
            var one = await One(client, href, ct);
            if (one.TryGet(out var single, out var failure))
            {
                objects.AddRange(single.Objects);
                gone.AddRange(single.Gone);
                unreadable.AddRange(single.Unreadable);
                return null;
            }
            if (IsTheServers(failure))
                return failure;
            unreadable.Add((href, failure.Message));
            return null;
        }
    }

    public static async Task<CaldavAnswer<Fetched>> One(CaldavClient client, Href href, CancellationToken ct)
    {
        var answer = await client.GetAsync(href, ct);
        if (answer.TryGet(out var found, out var failure))
            return new Fetched([found], [], []);
        return failure switch
        {
            CaldavFailure.NotFound => new Fetched([], [href], []),
            CaldavFailure.TooLarge => new Fetched([], [], [(href, failure.Message)]),
            _ => failure,
        };
    }

    /// <summary>(4)</summary>
    private bool IsTheServers(CaldavFailure failure)
    {
        var timedOut = failure is CaldavFailure.Unreachable { Reason: UnreachableReason.TimedOut };
        return (failure.EndsTheRun() && !timedOut)
            || ++failures > MostFailures
            || (timedOut && ++timeouts > MostTimeouts)
            || (failure is CaldavFailure.Unreachable { Reason: UnreachableReason.BrokenOff } && ++broken > MostBroken);
    }
}
