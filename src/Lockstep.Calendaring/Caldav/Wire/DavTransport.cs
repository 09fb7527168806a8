using System.Net;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>
/// Sends a request and follows what stands between it and its answer:
/// <code>
///   send --> 3xx? --> (1) follow, at most so often, method and body kept, never https to http
///        --> 401? --> (2) answer the challenge, once
///        --> cut? (3) a read is sent once more: the server may have closed an idle connection as we took it
///        --> otherwise the answer, whatever its status
/// </code>
/// </summary>
internal sealed class DavTransport(HttpMessageInvoker http, CaldavAccount account, CaldavOptions options, TimeProvider time)
{
    private readonly Authenticator authenticator = new(account);

    public async Task<CaldavAnswer<DavResponse>> SendAsync(DavRequest request, CancellationToken ct)
    {
        var url = request.Url;
        var attempts = 1;
        var repeated = false;
        for (var redirects = 0; ;)
        {
            var deadline = new CallDeadline(options, time, ct);
            HttpResponseMessage message;
            var authorization = authenticator.HeaderFor(request.Method, url);
            try
            {
                using var outgoing = request.ToMessage(url, authorization);
                message = await http.SendAsync(outgoing, deadline.Token).ConfigureAwait(false);
            }
            catch (HttpRequestException e) when (request.IsRead && !repeated && WasCut(e, ct))
            {
                // (3)
                deadline.Dispose();
                repeated = true;
                continue;
            }
            catch (Exception e) when (Failures.Of(e, url, options, ct) is not null)
            {
                deadline.Dispose();
                return Failures.Of(e, url, options, ct)!;
            }

            var response = new DavResponse(message, url, deadline, options);
            if (IsRedirect(message))
            {
                // (1)
                var target = Target(url, message.Headers.Location);
                response.Dispose();
                if (target is null || ++redirects > options.MaxRedirects)
                    return new CaldavFailure.RedirectRefused(url.Host);
                url = target;
                attempts = 1;
                continue;
            }

            if (message.StatusCode == HttpStatusCode.Unauthorized)
            {
                // (2)
                var again = authenticator.Learn(Challenges(message), url, authorization is not null) && attempts++ == 1;
                if (again)
                {
                    response.Dispose();
                    continue;
                }

                if (!account.Trusts(url))
                {
                    response.Dispose();
                    return new CaldavFailure.CredentialsWithheld(Origin.Of(url));
                }
            }

            return response;
        }
    }

    private bool WasCut(HttpRequestException e, CancellationToken ct) =>
        !ct.IsCancellationRequested && !options.IsRefusal(e) && Failures.Reason(e.HttpRequestError) == UnreachableReason.BrokenOff;

    private static bool IsRedirect(HttpResponseMessage message) => (int)message.StatusCode is 301 or 302 or 303 or 307 or 308;

    private static Uri? Target(Uri from, Uri? location)
    {
        if (location is null || !Uri.TryCreate(from, location, out var target))
            return null;
        if (target.Scheme != Uri.UriSchemeHttps && (target.Scheme != Uri.UriSchemeHttp || from.Scheme == Uri.UriSchemeHttps))
            return null;
        // What stands before an @ would travel as credentials of the server's choosing.
        return target.UserInfo.Length > 0 ? null : target;
    }

    private static IEnumerable<string> Challenges(HttpResponseMessage message) =>
        message.Headers.TryGetValues("WWW-Authenticate", out var values) ? values : [];
}
