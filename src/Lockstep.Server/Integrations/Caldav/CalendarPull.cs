using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;
using CalendarState = Lockstep.Calendaring.Caldav.CalendarState;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>Brings the mirror of one calendar to what the server has; steps (2) to (5) of <see cref="SyncPlan"/>.</summary>
/// <remarks>
/// Pages are committed as they come, so that a first read that is cut goes on where it was: what is here already is not fetched
/// again. The position is committed with the last page, never earlier.
/// </remarks>
internal sealed class CalendarPull(SyncTools tools, MirroredCalendar calendar, CalendarState server)
{
    private const int PageSize = 100;

    /// <summary>Pages grow to this: fewer round trips, and no transaction that keeps the owner's other writes waiting for long.</summary>
    private const int LargestPage = 800;

    /// <summary>Characters of texts in one page, so that memory stays flat whatever is in them.</summary>
    private const int LongestPage = 2 << 20;

    private const int MostPages = 10_000;

    /// <summary>From so many missing texts on, all of the calendar's are asked for at once, if that is not much more.</summary>
    private const int WorthAQuery = 50;

    private readonly Href href = Href.Parse(calendar.Href);
    private readonly CalendarFetch fetch = new(tools.Client, Href.Parse(calendar.Href));
    private Dictionary<Href, string>? spellings;
    private HashSet<string>? edited;
    private Task writing = Task.CompletedTask;
    private int pulled;
    private int unreadable;
    private int forgotten;
    private int known = -1;

    public Task<CalendarResult> Run(CancellationToken ct) => Told(Read, ct);

    /// <summary>Compares everything, whatever the server says has changed.</summary>
    public Task<CalendarResult> Audit(CancellationToken ct) => Told(CompareAnew, ct);

    /// <summary>Asks again for what the server did not hand out.</summary>
    public Task<CalendarResult> Retry(IReadOnlyList<string> hrefs, CancellationToken ct) => Told(async _ =>
    {
        spellings = hrefs.ToDictionary(Href.Parse);
        var answer = await fetch.Fetch([.. spellings.Keys], ct);
        if (!answer.TryGet(out var fetched, out var failure))
            return CalendarResult.Failed(0, failure);
        unreadable += fetched.Unreadable.Count;
        await Apply(new RemotePage([.. fetched.Objects.Select(Remote)], [], null) { Unreadable = Aside(SetAside(fetched)) }, ct);
        return null;
    }, ct);

    private async Task<CalendarResult> Told(Func<CancellationToken, Task<CalendarResult?>> read, CancellationToken ct)
    {
        var stopped = await read(ct);
        if (stopped is not null)
            return stopped;
        return unreadable == 0
            ? new CalendarResult(pulled)
            : new CalendarResult(pulled, new SyncFailure(FailureKind.Partial, "events_unreadable",
                $"{unreadable} events of calendar {calendar.Name} could not be read from the server; the others were."));
    }

    private async Task<CalendarResult?> Read(CancellationToken ct)
    {
        if (calendar.SyncToken is { } token)
            return await Follow(token, ct);
        // With something here already, a first read was cut: comparing fetches only what is missing.
        var isFirst = server.ReportsChanges && (await CalendarMirror.Objects(tools.Session, calendar.Id, ct)).Count == 0;
        return isFirst ? await Follow(null, ct) : await CompareAnew(ct);
    }

    /// <summary>The changes since the token; from the beginning without one (RFC 6578).</summary>
    private async Task<CalendarResult?> Follow(string? token, CancellationToken ct)
    {
        for (var page = 0; page < MostPages; page++)
        {
            var changes = new Changes(this);
            var answer = await Written(tools.Client.StreamSyncCollectionAsync(href, token, changes.Take, ct));
            if (!answer.TryGet(out var report, out var failure))
            {
                // Whatever a server answers to a token it dislikes, the ETags tell the same.
                return failure.EndsTheRun() && failure is not CaldavFailure.Unreachable { Reason: UnreachableReason.TimedOut }
                    ? CalendarResult.Failed(pulled, failure)
                    : await Compare(ct);
            }
            // Said to have changed, and nothing did; or no answer to go on from: everything is compared.
            if (changes.Count == 0 && (token is not null || report.SyncToken is null) && !report.Truncated)
                return await Compare(ct);
            var goesOn = report.Truncated && report.SyncToken is not null && report.SyncToken != token;
            // Cut off without a place to go on from: the ETags are complete.
            if (report.Truncated && !goesOn)
                return await Compare(ct);
            var stopped = await Finish(changes, new CalendarPosition(report.SyncToken, goesOn ? null : server.Ctag), ct);
            if (stopped is not null || !goesOn)
                return stopped;
            token = report.SyncToken;
        }
        return new CalendarResult(pulled, new SyncFailure(FailureKind.Transient, "caldav_rejected", $"{href.Url.Host} never comes to the end of its changes."));
    }

    private async Task<CalendarResult?> Finish(Changes changes, CalendarPosition position, CancellationToken ct)
    {
        if (changes.Open.Count == 0 && changes.Removed.Count == 0)
        {
            await Apply(new RemotePage(changes.Page, [], position), ct);
            return null;
        }
        var mirror = await Mirror(ct);
        return await Carry(SyncPlan.Follow(changes.Open, changes.Removed, mirror), changes.Count, changes.Page, position, ct);
    }

    /// <summary>All ETags, by the server's own report where it makes one, against all that is here.</summary>
    private async Task<CalendarResult?> CompareAnew(CancellationToken ct)
    {
        if (!server.ReportsChanges)
            return await Compare(ct);
        var answer = await tools.Client.ListByReportAsync(href, ct);
        if (answer.TryGet(out var listing, out var failure))
            return listing is { Truncated: false, Members.Count: > 0 } ? await CompareWith(listing, ct) : await Compare(ct);
        return failure.EndsTheRun() ? CalendarResult.Failed(pulled, failure) : await Compare(ct);
    }

    /// <summary>All ETags, asked for one by one where reports are not to be trusted, against all that is here.</summary>
    private async Task<CalendarResult?> Compare(CancellationToken ct)
    {
        var answer = await tools.Client.ListEtagsAsync(href, ct);
        return answer.TryGet(out var listing, out var failure) ? await CompareWith(listing, ct) : CalendarResult.Failed(pulled, failure);
    }

    private async Task<CalendarResult?> CompareWith(MemberList listing, CancellationToken ct)
    {
        var mirror = await Mirror(ct);
        var plan = SyncPlan.Compare(listing.Members, mirror);
        if (listing.Truncated)
            plan = [.. plan.OfType<SyncAction.Fetch>()];
        // The position is from before the listing: what came in between is read once more, and not missed.
        var position = listing.Truncated ? null : new CalendarPosition(server.SyncToken, server.Ctag) { Audited = true };
        return await Carry(plan, listing.Members.Count, [], position, ct);
    }

    /// <summary>Carries out a plan: (3) guard, (4) fetch, (5) apply.</summary>
    /// <param name="listed">How many resources the plan was made of.</param>
    /// <param name="first">What is to be applied with the first page.</param>
    /// <param name="position">Null: this is not the end of it.</param>
    private async Task<CalendarResult?> Carry(
        IReadOnlyList<SyncAction> plan, int listed, IReadOnlyList<RemoteObject> first, CalendarPosition? position, CancellationToken ct)
    {
        // (3) Pages add up: a server that sends its deletions in small portions empties a calendar as well.
        var forget = plan.OfType<SyncAction.Forget>().Count();
        var guarded = !tools.Deletions.Allows(forget, known, forgotten);
        if (guarded)
            (plan, position) = ([.. plan.Where(action => action is not SyncAction.Forget)], null);
        else
            forgotten += forget;
        // (4)
        var page = first.ToList();
        var missing = plan.OfType<SyncAction.Fetch>().Select(action => action.Href).ToList();
        if (missing.Count >= WorthAQuery && missing.Count * 2 >= listed)
            missing = await Query(missing, page, ct);
        foreach (var batch in missing.Chunk(CalendarFetch.BatchSize))
        {
            var answer = await fetch.Fetch(batch, ct);
            if (!answer.TryGet(out var fetched, out var failure))
                return await Stopped(page, failure, ct);
            page.AddRange(fetched.Objects.Select(Remote));
            unreadable += fetched.Unreadable.Count;
            await Take(page, SetAside(fetched), ct);
        }
        var gone = await fetch.Confirm([.. plan.Where(action => action is not SyncAction.Fetch).Select(action => action.Href)], ct);
        if (!gone.TryGet(out var confirmed, out var broken))
            return await Stopped(page, broken, ct);
        // (5) What could not be confirmed is asked about again.
        unreadable += confirmed.Unreadable.Count;
        var last = confirmed.Unreadable.Count > 0 ? null : position;
        page.AddRange(confirmed.Objects.Select(Remote));
        if (page.Count > 0 || confirmed.Gone.Count > 0 || last is not null)
            await Apply(new RemotePage(page, [.. confirmed.Gone.Select(Spelling)], last), ct);
        return guarded ? new CalendarResult(pulled, TooMany(forget)) : null;
    }

    /// <summary>Reads all events in one answer; pages are applied as they fill.</summary>
    /// <returns>What was not in it.</returns>
    private async Task<List<Href>> Query(List<Href> missing, List<RemoteObject> page, CancellationToken ct)
    {
        var open = missing.ToHashSet();
        var (size, length) = (PageSize, page.Sum(remote => remote.Ics.Length));
        // Should it fail, what came is true all the same.
        await Written(tools.Client.StreamEventsAsync(href, async (found, token) =>
        {
            if (!open.Remove(found.Href))
                return;
            page.Add(AsRead(Remote(found)));
            length += found.Ics.Length;
            if (page.Count < size && length < LongestPage)
                return;
            (size, length) = (Math.Min(size * 2, LargestPage), 0);
            await Write([.. page], token);
            page.Clear();
        }, ct));
        return [.. missing.Where(open.Contains)];
    }

    /// <summary>Applies what has gathered, except for a small rest that goes with the last page.</summary>
    private async Task Take(List<RemoteObject> page, List<(Href Href, string Reason)> bad, CancellationToken ct)
    {
        if (page.Count < CalendarFetch.BatchSize && bad.Count == 0)
            return;
        await Apply(new RemotePage([.. page], [], null)
        {
            Unreadable = Aside(bad),
        }, ct);
        page.Clear();
    }

    /// <summary>Listed, and not handed out. That it is gone is believed when the server no longer lists it.</summary>
    private static List<(Href Href, string Reason)> SetAside(Fetched fetched) =>
        [.. fetched.Unreadable, .. fetched.Gone.Select(one => (one, "The server lists it, and has nothing there."))];

    private UnreadableObject[] Aside(List<(Href Href, string Reason)> bad) =>
        [.. bad.Select(one => new UnreadableObject(Spelling(one.Href), one.Reason))];

    private async Task<CalendarResult> Stopped(List<RemoteObject> page, CaldavFailure failure, CancellationToken ct)
    {
        if (page.Count > 0)
            await Apply(new RemotePage(page, [], null), ct);
        return CalendarResult.Failed(pulled, failure);
    }

    private SyncFailure TooMany(int deletions) => new(FailureKind.MassDelete, "mass_delete",
        $"{deletions} of {known} events of calendar {calendar.Name} are gone from the server at once. Nothing was deleted here. "
        + $"If that is right, confirm it: POST .../confirm-deletions with count {deletions}.");

    private async Task<IReadOnlyList<MirroredObject>> Mirror(CancellationToken ct)
    {
        var mirror = await CalendarMirror.Objects(tools.Session, calendar.Id, ct);
        known = Math.Max(known, mirror.Count);
        spellings = new Dictionary<Href, string>(mirror.Count);
        foreach (var one in mirror)
            spellings[Href.Parse(one.Href)] = one.Href;
        return mirror;
    }

    /// <summary>Starts to apply a page, so that the next is read meanwhile.</summary>
    private async Task Write(IReadOnlyList<RemoteObject> page, CancellationToken ct)
    {
        await writing;
        writing = Apply(new RemotePage(page, [], null), ct);
    }

    /// <summary>The end of a stream, with all of its pages applied.</summary>
    private async Task<T> Written<T>(Task<T> stream)
    {
        try
        {
            return await stream;
        }
        finally
        {
            await writing;
        }
    }

    private async Task Apply(RemotePage page, CancellationToken ct)
    {
        // Where both sides changed, the time decides: it is worth a request.
        edited ??= [.. await CalendarMirror.EditedHrefs(tools.Session, calendar.Id, ct)];
        if (edited.Count > 0 && page.Changed.Any(WantsStamp))
        {
            var stamped = new List<RemoteObject>(page.Changed.Count);
            foreach (var remote in page.Changed)
            {
                stamped.Add(WantsStamp(remote)
                    ? remote with { LastModified = await tools.Client.WhenModifiedAsync(Href.Parse(remote.Href), ct) }
                    : remote);
            }
            page = page with { Changed = stamped };
        }
        pulled += await tools.Apply(calendar, page, ct);
    }

    private bool WantsStamp(RemoteObject remote) => remote.LastModified is null && edited!.Contains(remote.Href);

    private RemoteObject Remote(CalendarObject found) => new(Spelling(found.Href), found.ETag?.Value, found.Ics, found.LastModified);

    private RemoteObject AsRead(RemoteObject remote) => remote.AsRead(calendar.Id, tools.Now);

    /// <summary>One resource has one row, however the server writes its address today.</summary>
    private string Spelling(Href listed) => spellings?.GetValueOrDefault(listed) ?? listed.ToString();

    /// <summary>Takes the changes as they arrive; full pages of texts are applied at once.</summary>
    private sealed class Changes(CalendarPull pull)
    {
        private List<RemoteObject> page = [];
        private int size = PageSize;
        private int length;

        public int Count { get; private set; }

        public List<MemberChange> Open { get; } = [];

        public List<Href> Removed { get; } = [];

        public IReadOnlyList<RemoteObject> Page => page;

        public async ValueTask Take(MemberChange change, CancellationToken ct)
        {
            Count++;
            if (change.State == MemberState.Removed)
                Removed.Add(change.Href);
            else if (change.Ics is not { } ics)
                Open.Add(change);
            else
                Add(new RemoteObject(change.Href.ToString(), change.ETag?.Value, ics, change.LastModified));
            if (page.Count < size && length < LongestPage)
                return;
            var full = page;
            (page, length, size) = ([], 0, Math.Min(size * 2, LargestPage));
            await pull.Write(full, ct);
        }

        private void Add(RemoteObject remote)
        {
            page.Add(pull.AsRead(remote));
            length += remote.Ics.Length;
        }
    }
}
