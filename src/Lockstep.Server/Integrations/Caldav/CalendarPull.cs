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
    private const int PageSize = 200;
    private const int MostPages = 10_000;

    private readonly Href href = Href.Parse(calendar.Href);
    private Dictionary<Href, string>? spellings;
    private int pulled;
    private int unreadable;

    public async Task<CalendarResult> Run(CancellationToken ct)
    {
        var failure = await Read(ct);
        if (failure is not null)
            return failure;
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
        var isFirst = server.SyncToken is not null && (await CalendarMirror.Objects(tools.Session, calendar.Id, ct)).Count == 0;
        return isFirst ? await Follow(null, ct) : await Compare(ct);
    }

    /// <summary>The changes since the token; from the beginning without one (RFC 6578).</summary>
    private async Task<CalendarResult?> Follow(string? token, CancellationToken ct)
    {
        for (var page = 0; page < MostPages; page++)
        {
            var changes = new Changes(this);
            var answer = await tools.Client.StreamSyncCollectionAsync(href, token, changes.Take, ct);
            if (!answer.TryGet(out var report, out var failure))
            {
                // Whatever a server answers to a token it dislikes, the ETags tell the same.
                return failure.EndsTheRun() || page > 0 ? CalendarResult.Failed(pulled, failure) : await Compare(ct);
            }
            if (changes.Count == 0 && token is not null && !report.Truncated)
                return await Compare(ct);
            var goesOn = report.Truncated && report.SyncToken is not null && report.SyncToken != token;
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
            pulled += await tools.Apply(calendar, new RemotePage(changes.Page, [], position), ct);
            return null;
        }
        var mirror = await Mirror(ct);
        return await Carry(SyncPlan.Follow(changes.Open, changes.Removed, mirror), mirror.Count, changes.Page, position, ct);
    }

    /// <summary>All ETags against all that is here.</summary>
    private async Task<CalendarResult?> Compare(CancellationToken ct)
    {
        var answer = await tools.Client.ListEtagsAsync(href, ct);
        if (!answer.TryGet(out var listing, out var failure))
            return CalendarResult.Failed(pulled, failure);
        var mirror = await Mirror(ct);
        // The position is from before the listing: what came in between is read once more, and not missed.
        return await Carry(
            SyncPlan.Compare(listing.Members, mirror), mirror.Count, [], new CalendarPosition(server.SyncToken, server.Ctag), ct);
    }

    /// <summary>Carries out a plan: (3) guard, (4) fetch, (5) apply.</summary>
    /// <param name="first">What is to be applied with the first page.</param>
    private async Task<CalendarResult?> Carry(
        IReadOnlyList<SyncAction> plan, int known, IReadOnlyList<RemoteObject> first, CalendarPosition position, CancellationToken ct)
    {
        // (3)
        var forget = plan.OfType<SyncAction.Forget>().Count();
        var guarded = !tools.Deletions.Allows(forget, known);
        if (guarded)
            plan = [.. plan.Where(action => action is not SyncAction.Forget)];
        var last = guarded ? null : position;
        var batches = plan.Chunk(CalendarFetch.BatchSize).ToList();
        if (batches.Count == 0 && (first.Count > 0 || last is not null))
            pulled += await tools.Apply(calendar, new RemotePage(first, [], last), ct);
        for (var i = 0; i < batches.Count; i++)
        {
            // (4)
            var answer = await CalendarFetch.Fetch(tools.Client, href, [.. batches[i].Select(action => action.Href)], ct);
            if (!answer.TryGet(out var fetched, out var failure))
                return CalendarResult.Failed(pulled, failure);
            // (5) A resource that vanished between listing and fetching is left to the next read, unless the plan knew that it was gone.
            var expected = batches[i].Where(action => action is not SyncAction.Fetch).Select(action => action.Href).ToHashSet();
            RemoteObject[] changed = [.. i == 0 ? first : [], .. fetched.Objects.Select(Remote)];
            string[] removed = [.. fetched.Gone.Where(expected.Contains).Select(Spelling)];
            pulled += await tools.Apply(calendar, new RemotePage(changed, removed, i == batches.Count - 1 ? last : null), ct);
            unreadable += fetched.Unreadable;
        }
        return guarded ? new CalendarResult(pulled, TooMany(forget, known)) : null;
    }

    private SyncFailure TooMany(int deletions, int known) => new(FailureKind.MassDelete, "mass_delete",
        $"{deletions} of {known} events of calendar {calendar.Name} are gone from the server at once. Nothing was deleted here. "
        + $"If that is right, confirm it: POST .../confirm-deletions with count {deletions}.");

    private async Task<IReadOnlyList<MirroredObject>> Mirror(CancellationToken ct)
    {
        var mirror = await CalendarMirror.Objects(tools.Session, calendar.Id, ct);
        spellings = new Dictionary<Href, string>(mirror.Count);
        foreach (var known in mirror)
            spellings[Href.Parse(known.Href)] = known.Href;
        return mirror;
    }

    private async Task TakePage(IReadOnlyList<RemoteObject> page, CancellationToken ct) =>
        pulled += await tools.Apply(calendar, new RemotePage(page, [], null), ct);

    private RemoteObject Remote(CalendarObject found) => new(Spelling(found.Href), found.ETag?.Value, found.Ics, found.LastModified);

    /// <summary>One resource has one row, however the server writes its address today.</summary>
    private string Spelling(Href listed) => spellings?.GetValueOrDefault(listed) ?? listed.ToString();

    /// <summary>Takes the changes as they arrive; full pages of texts are applied at once.</summary>
    private sealed class Changes(CalendarPull pull)
    {
        private List<RemoteObject> page = [];

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
                page.Add(new RemoteObject(change.Href.ToString(), change.ETag?.Value, ics, change.LastModified));
            if (page.Count < PageSize)
                return;
            var full = page;
            page = [];
            await pull.TakePage(full, ct);
        }
    }
}
