using System.Net.Http.Headers;
using System.Text.Json;

namespace Lockstep.Crypto.Transit;

/// <summary>One HTTP request to the server; decides nothing.</summary>
internal sealed class TransitConnection(TransitOptions options, HttpMessageInvoker http)
{
    /// <summary>A batch of the largest values fits.</summary>
    private const int MostBytes = 16 << 20;

    /// <param name="path">Below <c>/v1/</c>.</param>
    /// <param name="patience">How often the usual time it may take.</param>
    public async Task<TransitReply> Send(HttpMethod method, string path, TransitBody? body, Secret? token, CancellationToken ct, int patience = 1)
    {
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter((options.Timeout ?? TransitOptions.StandardTimeout) * patience);
        try
        {
            using var request = Request(method, path, body, token);
            using var response = await http.SendAsync(request, limited.Token).ConfigureAwait(false);
            return await Read(response, limited.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return new TransitReply.Nothing("it did not answer in time.");
        }
        catch (HttpRequestException e)
        {
            return new TransitReply.Nothing(e.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => "its name cannot be resolved.",
                HttpRequestError.SecureConnectionError => "its TLS certificate is not accepted, or TLS fails.",
                HttpRequestError.ConnectionError => "no connection can be made.",
                _ => "the connection broke.",
            });
        }
        catch (IOException)
        {
            return new TransitReply.Nothing("the connection broke.");
        }
    }

    private HttpRequestMessage Request(HttpMethod method, string path, TransitBody? body, Secret? token)
    {
        var request = new HttpRequestMessage(method, new Uri($"{options.Address.AbsoluteUri.TrimEnd('/')}/v1/{path}"));
        // Proxies in front must see that this is no browser (the server's protection against request forgery).
        request.Headers.Add("X-Vault-Request", "true");
        if (options.Namespace is { } name)
            request.Headers.Add("X-Vault-Namespace", name);
        if (token is not null)
            request.Headers.Add("X-Vault-Token", token.RevealText());
        if (body is not null)
        {
            request.Content = new ReadOnlyMemoryContent(body.Bytes);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        return request;
    }

    private static async Task<TransitReply> Read(HttpResponseMessage response, CancellationToken ct)
    {
        var status = (int)response.StatusCode;
        var retryAfter = response.Headers.RetryAfter?.Delta;
        var body = await ReadBody(response, ct).ConfigureAwait(false);
        if (body is null)
            return new TransitReply.Nothing("its answer is larger than any that we asked for.");
        if (body.Length == 0)
            return new TransitReply.Answer(status, retryAfter, [], null);
        try
        {
            return new TransitReply.Answer(status, retryAfter, body, JsonDocument.Parse(body));
        }
        catch (JsonException)
        {
            Primitives.Clear(body);
            // A proxy's page: its status still tells. A good status without JSON is nothing that we know.
            return status >= 300
                ? new TransitReply.Answer(status, retryAfter, [], null)
                : new TransitReply.Nothing("its answer is not JSON; is the address that of a Vault server?");
        }
    }

    /// <returns>Null when there is more than <see cref="MostBytes"/>.</returns>
    private static async Task<byte[]?> ReadBody(HttpResponseMessage response, CancellationToken ct)
    {
        using var stream = await response.Content.ReadAsStreamAsync(ct).ConfigureAwait(false);
        var buffer = new byte[Math.Clamp(response.Content.Headers.ContentLength ?? 4096, 1, MostBytes) + 1];
        var length = 0;
        try
        {
            int read;
            while ((read = await stream.ReadAsync(buffer.AsMemory(length), ct).ConfigureAwait(false)) > 0)
            {
                length += read;
                if (length > MostBytes)
                    return null;
                if (length == buffer.Length)
                {
                    var larger = new byte[buffer.Length * 2];
                    buffer.CopyTo(larger, 0);
                    Primitives.Clear(buffer);
                    buffer = larger;
                }
            }
            return buffer[..length];
        }
        finally
        {
            Primitives.Clear(buffer);
        }
    }
}
