using System.Net;
using System.Net.Http.Headers;

namespace Lockstep.Server.Tenancy.Jwt;

/// <summary>Gets the key set over HTTP, once, within bounds of time and size.</summary>
/// <param name="http">Not behind the outbound guard: the address is the operator's. Not disposed here.</param>
internal sealed class JwksFetch(Uri url, HttpMessageInvoker http, TimeProvider time)
{
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(5);

    /// <returns>The keys, or null and a reason that reads on after "because".</returns>
    public async Task<(JwkSet? Keys, string? Problem)> GetAsync(CancellationToken ct)
    {
        using var limit = new CancellationTokenSource(Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, ct);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, url);
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/jwk-set+json"));
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json", quality: 0.9));
            using var response = await http.SendAsync(request, either.Token);
            if (response.StatusCode != HttpStatusCode.OK)
                return (null, $"the server answered {(int)response.StatusCode}");
            var body = await ReadAsync(response.Content, either.Token);
            return (JwkSet.Parse(body, Libcrypto.Shared, out var problem), problem);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !ct.IsCancellationRequested)
        {
            return (null, $"no full answer came within {Timeout.TotalSeconds:0} seconds");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return (null, $"the request failed ({e.Message})");
        }
    }

    /// <summary>One byte more than the bound is enough for the parser to see that it is exceeded.</summary>
    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContent content, CancellationToken ct)
    {
        await using var stream = await content.ReadAsStreamAsync(ct);
        var buffer = new byte[JwkSet.MaximumBytes + 1];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
        return buffer.AsMemory(0, length);
    }
}
