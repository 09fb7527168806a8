using System.Text;
using Lockstep.Calendaring.Caldav.Wire;
using NodaTime;

namespace Lockstep.Calendaring.Caldav;

/// <summary>
/// Speaks CalDAV (RFC 4791, RFC 6578) for one account. Expected failures are answers, not exceptions; only cancellation by the
/// caller and bugs throw. Safe for concurrent use.
/// </summary>
/// <param name="http">Decides which addresses may be reached. It must not follow redirects, keep cookies or add credentials.</param>
public sealed class CaldavClient(HttpMessageInvoker http, CaldavAccount account, CaldavOptions options, TimeProvider time)
{
    private readonly DavExchange exchange = new(new DavTransport(http, account, options, time), options, time);

    /// <summary>Finds the calendars of the account from its address, whatever that names (RFC 6764 section 6).</summary>
    /// <returns><see cref="CaldavFailure.Unauthorized"/> at the first refusal; other failures after the well-known address failed
    /// too, and then about the address that was given.</returns>
    public Task<CaldavAnswer<Discovery>> DiscoverAsync(CancellationToken ct) => new CaldavDiscovery(exchange, account.Url).RunAsync(ct);

    /// <summary>Lists the calendars of a home with their properties.</summary>
    public Task<CaldavAnswer<CalendarList>> ListCalendarsAsync(Href home, CancellationToken ct) =>
        new CaldavDiscovery(exchange, account.Url).ListAsync(home, "1", ct);

    /// <summary>Asks one address whether it is a calendar, and of what: also one that no home lists, such as one that somebody shares.</summary>
    /// <returns><see cref="CaldavFailure.NotCaldav"/> when something else is there.</returns>
    public async Task<CaldavAnswer<CalendarInfo>> DescribeCalendarAsync(Href calendar, CancellationToken ct)
    {
        var answer = await new CaldavDiscovery(exchange, account.Url).ListAsync(calendar, "0", ct).ConfigureAwait(false);
        return !answer.TryGet(out var list, out var failure) ? failure
            : list.Calendars.Count > 0 ? list.Calendars[0]
            : new CaldavFailure.NotCaldav(calendar.Url.Host);
    }

    /// <summary>The idle poll: one request tells of every calendar in a home whether it changed. A calendar that is missing from
    /// the answer was not listed; that alone does not mean that its events are gone. Some servers list the home itself too.</summary>
    public Task<CaldavAnswer<PollReport>> PollHomeAsync(Href home, CancellationToken ct) => PollAsync(home, "1", ct);

    /// <summary>The idle poll of one calendar that no home lists.</summary>
    public Task<CaldavAnswer<PollReport>> PollCalendarAsync(Href calendar, CancellationToken ct) => PollAsync(calendar, "0", ct);

    /// <summary>Reads the members changed since <paramref name="syncToken"/> into a list.</summary>
    /// <param name="syncToken">Opaque; null asks for a full listing (RFC 6578 section 3.4).</param>
    /// <returns><see cref="CaldavFailure.TokenInvalid"/> when the server forgot the token, however it says so.</returns>
    public async Task<CaldavAnswer<SyncReport>> SyncCollectionAsync(Href calendar, string? syncToken, CancellationToken ct)
    {
        var changes = new List<MemberChange>();
        var answer = await StreamSyncCollectionAsync(calendar, syncToken, Keep, ct).ConfigureAwait(false);
        return answer.TryGet(out var end, out var failure) ? end with { Changes = changes } : failure;

        ValueTask Keep(MemberChange change, CancellationToken none)
        {
            changes.Add(change);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>
    /// As <see cref="SyncCollectionAsync"/>, but hands each change over as it arrives, in flat memory. When it fails halfway the
    /// changes handed over are still true, and there is no token to keep.
    /// </summary>
    /// <param name="take">Called in the order of the answer; the connection is held meanwhile.</param>
    /// <returns>The end of the report, its list of changes empty.</returns>
    public async Task<CaldavAnswer<SyncReport>> StreamSyncCollectionAsync(
        Href calendar, string? syncToken, Func<MemberChange, CancellationToken, ValueTask> take, CancellationToken ct)
    {
        var answer = await ReportAsync(calendar, DavBodies.SyncCollection(syncToken), take, ct).ConfigureAwait(false);
        return !answer.TryGet(out _, out var failure) && syncToken is not null && SyncChanges.MeansTokenInvalid(failure)
            ? new CaldavFailure.TokenInvalid()
            : answer;
    }

    /// <summary>
    /// Lists every member with its etag by a report without a token (RFC 6578 section 3.4), for servers that have tokens. Some answer
    /// it far sooner than <see cref="ListEtagsAsync"/>: Radicale 3.1 reads the whole folder once for each member of that one.
    /// </summary>
    public async Task<CaldavAnswer<MemberList>> ListByReportAsync(Href calendar, CancellationToken ct)
    {
        var members = new List<CalendarMember>();
        var answer = await ReportAsync(calendar, DavBodies.Members, Keep, ct).ConfigureAwait(false);
        return answer.TryGet(out var end, out var failure) ? new MemberList(members, end.Truncated) : failure;

        // One that the server fails to describe is there all the same.
        ValueTask Keep(MemberChange member, CancellationToken none)
        {
            if (member.State != MemberState.Removed)
                members.Add(new CalendarMember(member.Href, member.ETag, member.LastModified));
            return ValueTask.CompletedTask;
        }
    }

    private async Task<CaldavAnswer<SyncReport>> ReportAsync(
        Href calendar, byte[] body, Func<MemberChange, CancellationToken, ValueTask> take, CancellationToken ct)
    {
        var answer = await exchange.OpenAsync(Report(calendar, "0", body), ct).ConfigureAwait(false);
        if (!answer.TryGet(out var multistatus, out var failure))
            return failure;
        await using (multistatus)
        {
            var truncated = false;
            while (await multistatus.NextAsync(ct).ConfigureAwait(false) is { } resource)
            {
                // RFC 6578 section 3.6: 507 for the collection itself says that there is more.
                if (resource.Status == 507)
                    truncated = true;
                else if (!resource.Href.Equals(calendar) && SyncChanges.Of(resource) is { } change)
                    await take(change, ct).ConfigureAwait(false);
            }

            return multistatus.Failure is { } broken ? broken : new SyncReport([], multistatus.SyncToken, truncated);
        }
    }

    /// <summary>Lists every member with its etag: the way to compare where sync-collection fails or is to be audited.</summary>
    public async Task<CaldavAnswer<MemberList>> ListEtagsAsync(Href calendar, CancellationToken ct)
    {
        var members = new List<CalendarMember>();
        var truncated = false;
        var described = false;
        var gone = false;
        var isOther = false;
        var failure = await exchange.EachAsync(
            Propfind(calendar, "1", DavBodies.Etags),
            resource =>
            {
                truncated |= resource.Status == 507;
                gone |= resource.IsGone;
                var isCollection = resource.Href.Equals(calendar) || resource.Has(DavName.ResourceType, "collection");
                isOther |= resource.Href.Equals(calendar) && !resource.IsGone && !resource.Has(DavName.ResourceType, "calendar");
                described |= isCollection && !resource.IsGone;
                // One that the server fails to describe is there all the same.
                if (!isCollection && !resource.IsGone && resource.Status != 507)
                    members.Add(new CalendarMember(resource.Href, resource.ETag, resource.LastModified));
            },
            ct).ConfigureAwait(false);
        if (failure is not null)
            return failure;
        // Redirected to something that is no calendar, such as the root: it says nothing of what was in the calendar.
        if (isOther && !exchange.Moved.Now(calendar).Equals(calendar))
            return new CaldavFailure.NotCaldav(calendar.Url.Host);
        // A list of nothing that does not even name the collection is none: Xandikos says of a deleted one 404 inside a 207.
        return described || members.Count > 0 ? new MemberList(members, truncated) : Nothing(calendar, gone);
    }

    /// <summary>When a member was last written, by the server's clock: many leave it out of their reports.</summary>
    /// <returns>Null when the server does not say, for whatever reason.</returns>
    public async Task<Instant?> WhenModifiedAsync(Href href, CancellationToken ct)
    {
        Instant? modified = null;
        await exchange.EachAsync(
            DavRequest.ForPropfind(exchange.Moved.Now(href).Url, "0", DavBodies.Etags), resource => modified ??= resource.LastModified, ct).ConfigureAwait(false);
        return modified;
    }

    /// <summary>Fetches several members with their texts (RFC 4791 section 7.9); what came is checked against what was asked.</summary>
    public async Task<CaldavAnswer<MultigetReport>> MultigetAsync(Href calendar, IReadOnlyCollection<Href> hrefs, CancellationToken ct)
    {
        var open = new HashSet<Href>(hrefs);
        var objects = new List<CalendarObject>();
        var gone = new List<Href>();
        var unreadable = new List<Href>();
        if (open.Count == 0)
            return new MultigetReport(objects, gone, [], unreadable);
        var place = exchange.Moved.Now(calendar);
        var failure = await exchange.EachAsync(
            Report(calendar, "1", DavBodies.Multiget(open.Select(exchange.Moved.Now))),
            resource =>
            {
                // What was not asked for is not taken: a server may list the collection, or a member twice.
                if (!open.TryGetValue(resource.Href, out var asked) || !open.Remove(asked))
                    return;
                if (resource.IsGone)
                    gone.Add(asked);
                else if (resource.Ics is { } ics)
                    objects.Add(new CalendarObject(asked, resource.ETag, ics, resource.LastModified));
                else
                    unreadable.Add(asked);
            },
            ct).ConfigureAwait(false);
        if (failure is not null)
            return failure;
        // It has just turned out to be elsewhere, and was asked for members by their former addresses. That happens once.
        return exchange.Moved.Now(calendar).Equals(place)
            ? new MultigetReport(objects, gone, [.. open], unreadable)
            : await MultigetAsync(calendar, hrefs, ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Hands every event of a calendar over with its text as it arrives (RFC 4791 section 7.8), in flat memory: one request where a
    /// multiget takes one for each hundred. What has no event (tasks, broken texts) is not in it.
    /// </summary>
    /// <param name="take">As for <see cref="StreamSyncCollectionAsync"/>.</param>
    /// <returns>Null when the answer was read to its end. A server may refuse it; a multiget does the same.</returns>
    public async Task<CaldavFailure?> StreamEventsAsync(Href calendar, Func<CalendarObject, CancellationToken, ValueTask> take, CancellationToken ct)
    {
        var answer = await exchange.OpenAsync(Report(calendar, "1", DavBodies.AllEvents), ct).ConfigureAwait(false);
        if (!answer.TryGet(out var multistatus, out var failure))
            return failure;
        await using (multistatus)
        {
            while (await multistatus.NextAsync(ct).ConfigureAwait(false) is { } resource)
            {
                if (resource is { Ics: { } ics, Status: null or (>= 200 and < 300) })
                    await take(new CalendarObject(resource.Href, resource.ETag, ics, resource.LastModified), ct).ConfigureAwait(false);
            }

            return multistatus.Failure;
        }
    }

    /// <summary>Fetches one member.</summary>
    public async Task<CaldavAnswer<CalendarObject>> GetAsync(Href href, CancellationToken ct)
    {
        var request = new DavRequest(HttpMethod.Get, exchange.Moved.Now(href).Url);
        var answer = await exchange.SendAsync(request, ct).ConfigureAwait(false);
        if (!answer.TryGet(out var response, out var failure))
            return failure;
        using (response)
        {
            if (response.IsHtml)
                return new CaldavFailure.NotCaldav(response.Host);
            try
            {
                var body = await response.ReadAllAsync(options.MaxObjectChars, ct).ConfigureAwait(false);
                if (body is null)
                    return new CaldavFailure.TooLarge(response.Host);
                var modified = response.LastModified is { } at ? Instant.FromDateTimeOffset(at) : (Instant?)null;
                return new CalendarObject(href, response.ETag, TextDecoding.Decode(body, response.Charset), modified);
            }
            catch (Exception e) when (Failures.Of(e, response.Url, options, ct) is not null)
            {
                return Failures.Of(e, response.Url, options, ct)!;
            }
        }
    }

    /// <summary>Stores a calendar object, never over one that the caller has not seen.</summary>
    /// <param name="basedOn">The tag that the change was made from; null creates, and fails where something stands.</param>
    /// <returns><see cref="CaldavFailure.PreconditionFailed"/> when somebody was quicker, also inside a 207.</returns>
    public async Task<CaldavAnswer<PutReport>> PutAsync(Href href, string ics, ETag? basedOn, CancellationToken ct)
    {
        var request = new DavRequest(HttpMethod.Put, exchange.Moved.Now(href).Url)
        {
            Body = Encoding.UTF8.GetBytes(ics),
            ContentType = "text/calendar; charset=utf-8",
            IfMatch = basedOn,
            IfNoneMatchAny = basedOn is null,
        };
        var answer = await exchange.WriteAsync(request, ct).ConfigureAwait(false);
        return answer.TryGet(out var written, out var failure) ? new PutReport(written.ETag) : failure;
    }

    /// <summary>Deletes the version that the caller has seen. Gone already counts as done.</summary>
    public async Task<CaldavAnswer<DeleteReport>> DeleteAsync(Href href, ETag basedOn, CancellationToken ct)
    {
        var request = new DavRequest(HttpMethod.Delete, exchange.Moved.Now(href).Url) { IfMatch = basedOn };
        var answer = await exchange.WriteAsync(request, ct).ConfigureAwait(false);
        if (answer.TryGet(out _, out var failure))
            return new DeleteReport(WasThere: true);
        return failure is CaldavFailure.NotFound ? new DeleteReport(WasThere: false) : failure;
    }

    private DavRequest Propfind(Href collection, string depth, byte[] body) =>
        DavRequest.ForPropfind(exchange.Moved.Now(collection).Url, depth, body) with { Collection = collection };

    private DavRequest Report(Href collection, string depth, byte[] body) =>
        DavRequest.ForReport(exchange.Moved.Now(collection).Url, depth, body) with { Collection = collection };

    private async Task<CaldavAnswer<PollReport>> PollAsync(Href href, string depth, CancellationToken ct)
    {
        var calendars = new List<CalendarState>();
        var described = false;
        var gone = false;
        var failure = await exchange.EachAsync(
            Propfind(href, depth, DavBodies.Poll),
            resource =>
            {
                gone |= resource.IsGone;
                described |= !resource.IsGone;
                var state = new CalendarState(resource.Href, resource.Text(DavName.Ctag), resource.Text(DavName.SyncToken));
                if (state is not { Ctag: null, SyncToken: null })
                    calendars.Add(state);
            },
            ct).ConfigureAwait(false);
        return failure is not null ? failure : described ? new PollReport(calendars) : Nothing(href, gone);
    }

    private static CaldavFailure Nothing(Href at, bool gone) =>
        gone ? new CaldavFailure.NotFound(at.Url.Host, at.Path) : new CaldavFailure.NotCaldav(at.Url.Host);
}
