using System.Net.Http.Headers;
using System.Xml;
using NodaTime;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>Turns what servers and networks do into <see cref="CaldavFailure"/>.</summary>
internal static class Failures
{
    private const int ErrorBodyBytes = 64 << 10;

    /// <returns>Null for an exception that is not the network's: a bug, or the caller's own cancellation. Who cannot be reached is named with the
    /// port, where it is not the usual one: that is what people get wrong.</returns>
    public static CaldavFailure? Of(Exception e, Uri url, CaldavOptions options, CancellationToken ct)
    {
        if (ct.IsCancellationRequested)
            return null;
        if (options.IsRefusal(e))
            return new CaldavFailure.Unreachable(url.Authority, UnreachableReason.AddressRefused);
        return e switch
        {
            AnswerTooLargeException => new CaldavFailure.TooLarge(url.Host),
            OperationCanceledException or TimeoutException => new CaldavFailure.Unreachable(url.Authority, UnreachableReason.TimedOut),
            HttpRequestException http => new CaldavFailure.Unreachable(url.Authority, Reason(http.HttpRequestError)),
            IOException or InvalidDataException => new CaldavFailure.Unreachable(url.Authority, UnreachableReason.BrokenOff),
            XmlException => new CaldavFailure.NotCaldav(url.Host),
            _ => null,
        };
    }

    /// <summary>Reads an error answer: its status, and the precondition in its body (RFC 4918 section 16).</summary>
    public static async Task<CaldavFailure> OfStatusAsync(DavResponse response, DavRequest request, TimeProvider time, CancellationToken ct)
    {
        var status = (int)response.Status;
        var host = response.Host;
        var body = status is >= 400 and < 500 && !response.IsHtml ? await PeekAsync(response, ct).ConfigureAwait(false) : null;
        var precondition = DavError.PreconditionIn(body);
        return OfPrecondition(host, status, precondition) ?? status switch
        {
            401 => new CaldavFailure.Unauthorized(host),
            403 when DavError.IsQuota(body) => new CaldavFailure.Throttled(host, RetryAfter(response.Headers.RetryAfter, time)),
            403 => new CaldavFailure.Forbidden(host, precondition),
            404 or 410 => new CaldavFailure.NotFound(host, response.Url.AbsolutePath),
            405 or 501 when request.ExpectsMultistatus => new CaldavFailure.NotCaldav(host),
            409 => new CaldavFailure.Conflict(host, precondition),
            412 => new CaldavFailure.PreconditionFailed(),
            429 or 503 => new CaldavFailure.Throttled(host, RetryAfter(response.Headers.RetryAfter, time)),
            >= 500 => new CaldavFailure.ServerError(host, status),
            >= 400 => new CaldavFailure.Rejected(host, status, precondition),
            _ => new CaldavFailure.NotCaldav(host),
        };
    }

    /// <summary>
    /// Some preconditions mean more than the status that they come with: Xandikos refuses garbage with 412, which read as
    /// "changed in the meantime" would be tried again for ever.
    /// </summary>
    public static CaldavFailure? OfPrecondition(string host, int status, string? precondition) => precondition switch
    {
        "valid-sync-token" => new CaldavFailure.TokenInvalid(),
        "no-uid-conflict" => new CaldavFailure.Conflict(host, precondition),
        // RFC 6638 section 3.2.4.1: the same, on servers where a UID is unique for the whole user.
        "unique-scheduling-object-resource" => new CaldavFailure.Conflict(host, precondition),
        // RFC 4791 section 5.3.2.1.
        "valid-calendar-data" or "valid-calendar-object-resource" or "supported-calendar-data" or "supported-calendar-component"
            or "max-resource-size" or "min-date-time" or "max-date-time" or "max-instances" or "max-attendees-per-instance"
            => new CaldavFailure.Rejected(host, status, precondition),
        _ => null,
    };

    private static async Task<byte[]?> PeekAsync(DavResponse response, CancellationToken ct)
    {
        try
        {
            return await response.ReadAllAsync(ErrorBodyBytes, ct).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or InvalidDataException or HttpRequestException or AnswerTooLargeException
            or TimeoutException || (e is OperationCanceledException && !ct.IsCancellationRequested))
        {
            // The status is what counts; its explanation may be lost.
            return null;
        }
    }

    /// <summary>Seconds or a date (RFC 9110 section 10.2.3); a date in the past means now.</summary>
    private static Duration? RetryAfter(RetryConditionHeaderValue? header, TimeProvider time)
    {
        var wait = header?.Delta ?? (header?.Date - time.GetUtcNow());
        return wait is not { } w ? null : w < TimeSpan.Zero ? Duration.Zero : Duration.FromTimeSpan(w);
    }

    public static UnreachableReason Reason(HttpRequestError error) => error switch
    {
        HttpRequestError.NameResolutionError => UnreachableReason.NameNotResolved,
        HttpRequestError.SecureConnectionError => UnreachableReason.TlsFailed,
        HttpRequestError.ConnectionError or HttpRequestError.ProxyTunnelError => UnreachableReason.ConnectionFailed,
        // A reset after the connection stood has no code of its own.
        _ => UnreachableReason.BrokenOff,
    };
}
