using System.Net;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>An answer whose body is still on its way.</summary>
/// <param name="url">Where it came from after redirects; hrefs in it are relative to this.</param>
internal sealed class DavResponse(HttpResponseMessage message, Uri url, CallDeadline deadline, CaldavOptions options) : IDisposable
{
    public Uri Url { get; } = url;

    public string Host => Url.Host;

    public HttpStatusCode Status => message.StatusCode;

    public bool IsHtml => message.Content.Headers.ContentType?.MediaType is { } type
        && type.Contains("html", StringComparison.OrdinalIgnoreCase);

    public System.Net.Http.Headers.HttpResponseHeaders Headers => message.Headers;

    public string? Charset => message.Content.Headers.ContentType?.CharSet;

    public DateTimeOffset? LastModified => message.Content.Headers.LastModified;

    public ETag? ETag => ETag.Parse(message.Headers.TryGetValues("ETag", out var values) ? values.FirstOrDefault() : null);

    /// <summary>The decompressed body, bounded in size and time.</summary>
    public async Task<Stream> OpenAsync(CancellationToken ct)
    {
        var raw = await message.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        var encoding = message.Content.Headers.ContentEncoding.LastOrDefault();
        return new BoundedStream(ContentCoding.Decode(new BoundedStream(raw, deadline, options.MaxResponseBytes), encoding), deadline,
            options.MaxResponseBytes);
    }

    /// <returns>Null when the body is longer.</returns>
    public async Task<byte[]?> ReadAllAsync(int maxBytes, CancellationToken ct)
    {
        await using var body = await OpenAsync(ct).ConfigureAwait(false);
        using var kept = new MemoryStream();
        var buffer = new byte[16 << 10];
        int read;
        while ((read = await body.ReadAsync(buffer, ct).ConfigureAwait(false)) > 0)
        {
            if (kept.Length + read > maxBytes)
                return null;
            kept.Write(buffer, 0, read);
        }

        return kept.ToArray();
    }

    public void Dispose()
    {
        message.Dispose();
        deadline.Dispose();
    }
}
