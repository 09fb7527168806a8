namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>One request and what its answer means, before any operation gives it a sense.</summary>
internal sealed class DavExchange(DavTransport transport, CaldavOptions options, TimeProvider time)
{
    /// <summary>What was found elsewhere by these requests.</summary>
    public MovedCollections Moved { get; } = new();

    /// <returns>The answer when its status is 2xx.</returns>
    public async Task<CaldavAnswer<DavResponse>> SendAsync(DavRequest request, CancellationToken ct)
    {
        var answer = await transport.SendAsync(request, ct).ConfigureAwait(false);
        if (!answer.TryGet(out var response, out _) || (int)response.Status is >= 200 and < 300)
            return answer;
        using (response)
            return await Failures.OfStatusAsync(response, request, time, ct).ConfigureAwait(false);
    }

    /// <summary>Opens a multistatus. The content type is not asked: iCloud sends none.</summary>
    public async Task<CaldavAnswer<Multistatus>> OpenAsync(DavRequest request, CancellationToken ct)
    {
        var answer = await SendAsync(request, ct).ConfigureAwait(false);
        if (!answer.TryGet(out var response, out var failure))
            return failure;
        if ((int)response.Status == 207)
        {
            var known = request.Collection is { } collection ? Moved.Seen(collection, response.Url) : null;
            return await Multistatus.OpenAsync(response, options, ct, known).ConfigureAwait(false);
        }
        response.Dispose();
        return new CaldavFailure.NotCaldav(response.Host);
    }

    /// <summary>Hands every resource of a multistatus over.</summary>
    /// <returns>Null when all of it was read.</returns>
    public Task<CaldavFailure?> EachAsync(DavRequest request, Action<DavResource> take, CancellationToken ct) =>
        EachAsync(request, (resource, _) => take(resource), ct);

    /// <param name="take">Also gets the address that the answer came from.</param>
    public async Task<CaldavFailure?> EachAsync(DavRequest request, Action<DavResource, Uri> take, CancellationToken ct)
    {
        var answer = await OpenAsync(request, ct).ConfigureAwait(false);
        if (!answer.TryGet(out var multistatus, out var failure))
            return failure;
        await using (multistatus)
        {
            while (await multistatus.NextAsync(ct).ConfigureAwait(false) is { } resource)
                take(resource, multistatus.Url);
            return multistatus.Failure;
        }
    }

    /// <summary>
    /// A PUT or DELETE. A 2xx may still hold a refusal: Xandikos answers 207 with a 412 inside, and checking only the outer
    /// status would lose the event.
    /// </summary>
    public async Task<CaldavAnswer<Written>> WriteAsync(DavRequest request, CancellationToken ct)
    {
        var answer = await SendAsync(request, ct).ConfigureAwait(false);
        if (!answer.TryGet(out var response, out var failure))
            return failure;
        if ((int)response.Status != 207)
        {
            using (response)
                return response.IsHtml && (int)response.Status == 200
                    ? new CaldavFailure.NotCaldav(response.Host)
                    : new Written(response.ETag);
        }

        var etag = response.ETag;
        var host = response.Host;
        var opened = await Multistatus.OpenAsync(response, options, ct).ConfigureAwait(false);
        if (!opened.TryGet(out var multistatus, out failure))
            return failure;
        await using (multistatus)
        {
            while (await multistatus.NextAsync(ct).ConfigureAwait(false) is { } resource)
            {
                if (resource.Status is { } status and >= 400)
                    return Wrapped(host, resource, status);
            }

            return multistatus.Failure is { } broken ? broken : new Written(etag);
        }
    }

    private static CaldavFailure Wrapped(string host, DavResource resource, int status) =>
        Failures.OfPrecondition(host, status, resource.Error) ?? status switch
        {
            401 => new CaldavFailure.Unauthorized(host),
            403 => new CaldavFailure.Forbidden(host, resource.Error),
            404 or 410 => new CaldavFailure.NotFound(host, resource.Href.Path),
            409 => new CaldavFailure.Conflict(host, resource.Error),
            412 => new CaldavFailure.PreconditionFailed(),
            429 or 503 => new CaldavFailure.Throttled(host, null),
            >= 500 => new CaldavFailure.ServerError(host, status),
            _ => new CaldavFailure.Rejected(host, status, resource.Error),
        };
}

/// <summary>A write that the server accepted.</summary>
internal sealed record Written(ETag? ETag);
