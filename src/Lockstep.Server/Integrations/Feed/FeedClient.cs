using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Outbound;

namespace Lockstep.Server.Integrations.Feed;

/// <summary>What came of asking for a feed.</summary>
internal abstract record FeedAnswer
{
    private FeedAnswer()
    {
    }

    /// <param name="ETag">Null where the server gives none: the file is then read each time.</param>
    public sealed record File(string Text, string? ETag) : FeedAnswer;

    public sealed record Same : FeedAnswer;

    public sealed record Failed(SyncFailure Failure) : FeedAnswer;
}

/// <summary>Fetches feeds, behind the outbound guard. No message holds the address, which may be a secret: only its host.</summary>
internal sealed class FeedClient(OutboundGuard guard, TimeProvider time) : IDisposable
{
    private const int MaxBytes = 16 << 20;
    private const int MaxRedirects = 5;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly HttpMessageInvoker pool = guard.CreateInvoker();

    /// <param name="etag">Of the file that is here; null asks for it in any case.</param>
    public async Task<FeedAnswer> Get(Uri url, string? etag, CancellationToken ct)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(Patience);
        var at = url;
        try
        {
            using var traffic = new CaldavTraffic(pool);
            for (var hop = 0; hop <= MaxRedirects; hop++)
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, at);
                request.Headers.TryAddWithoutValidation("Accept", "text/calendar, text/plain;q=0.5, */*;q=0.1");
                if (etag is not null)
                    request.Headers.TryAddWithoutValidation("If-None-Match", etag);
                using var answer = await traffic.SendAsync(request, limited.Token);
                if (answer.Headers.Location is { } next && (int)answer.StatusCode is >= 300 and < 400 and not 304)
                {
                    at = new Uri(at, next);
                    // Whoever sends a secret address in clear has given it away.
                    if (url.Scheme == Uri.UriSchemeHttps && at.Scheme != Uri.UriSchemeHttps)
                        return Failed("feed_redirected", "sends on to an address without encryption. Give the address that it leads to, if that is right.");
                    continue;
                }
                return await Read(answer, limited.Token);
            }
            return Failed("feed_redirected", "sends from one address to the next without end.");
        }
        catch (Exception e) when (OutboundGuard.IsRefusal(e))
        {
            return Failed("address_refused", $"may not be reached from here: it is not an address of the public internet. Whoever runs this installation can allow it in {OutboundAllowList.Setting}.");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return Failed("feed_unreachable", $"did not send the feed within {Patience.TotalSeconds:0} seconds.");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return Failed("feed_unreachable", "cannot be reached right now; it is tried again.");
        }

        FeedAnswer Failed(string code, string words, FailureKind kind = FailureKind.Transient, TimeSpan? wait = null) => new FeedAnswer.Failed(new SyncFailure(kind, code, $"{at.Host} {words}", wait));

        async Task<FeedAnswer> Read(HttpResponseMessage answer, CancellationToken stop) => answer.StatusCode switch
        {
            HttpStatusCode.NotModified => new FeedAnswer.Same(),
            HttpStatusCode.OK => await Body(answer.Content, stop) is { } text
                ? new FeedAnswer.File(text, answer.Headers.ETag?.ToString())
                : Failed("feed_too_large", $"sends more than {MaxBytes >> 20} MiB, which is more than a feed may have."),
            HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => Failed("feed_forbidden", "does not hand out the feed (401 or 403). Get its address anew, and give it to this integration.", FailureKind.Unauthorized),
            HttpStatusCode.NotFound or HttpStatusCode.Gone => Failed("feed_not_found", "has no feed under this address (any more)."),
            HttpStatusCode.TooManyRequests or HttpStatusCode.ServiceUnavailable => Failed("feed_throttled", "asked for fewer requests.", FailureKind.Throttled, Wait(answer.Headers.RetryAfter)),
            var status => Failed("feed_server_error", string.Create(CultureInfo.InvariantCulture, $"answered {(int)status}; it is tried again.")),
        };
    }

    public void Dispose() => pool.Dispose();

    private TimeSpan? Wait(RetryConditionHeaderValue? after) => after?.Delta ?? (after?.Date is { } date ? date - time.GetUtcNow() : null);

    /// <returns>Null when it is longer than it may be.</returns>
    private static async Task<string?> Body(HttpContent content, CancellationToken ct)
    {
        await using var body = await content.ReadAsStreamAsync(ct);
        using var buffer = new MemoryStream();
        var part = new byte[81_920];
        for (int read; (read = await body.ReadAsync(part, ct)) > 0;)
        {
            if (buffer.Length + read > MaxBytes)
                return null;
            buffer.Write(part, 0, read);
        }
        return Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }
}
