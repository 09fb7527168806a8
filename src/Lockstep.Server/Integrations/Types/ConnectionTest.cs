using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Outbound;
using Lockstep.Server.Vault.Webhooks;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Integrations.Types;

/// <summary>Tries what is kept for software of the owner's, once and by hand: behind the outbound guard, no redirect followed, no byte of the answer's body read.</summary>
internal sealed class ConnectionTest(OutboundGuard guard, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Headers that say where a message ends or by which connection it goes (RFC 9110 section 7.6.1, RFC 9112 section 6); no service takes its key in one.</summary>
    private static readonly FrozenSet<string> Framing = FrozenSet.Create(StringComparer.OrdinalIgnoreCase,
        "Connection", "Content-Length", "Expect", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade");

    private readonly HttpMessageInvoker http = guard.CreateInvoker();

    /// <summary>A message of type <c>webhook.test</c>, signed as those of <c>/v1/webhooks</c> are.</summary>
    /// <param name="secret">The receiver's signing secret, <c>whsec_</c> and base64 or any text; null: unsigned.</param>
    /// <returns>The status of the answer, a 2xx.</returns>
    /// <exception cref="ProblemException">Any other answer, or none.</exception>
    [SuppressMessage("Reliability", "CA2000", Justification = "The request disposes its content.")]
    public async Task<int> Webhook(WebhookConfig config, Guid integration, Secret? secret, CancellationToken ct)
    {
        var now = Instant.FromDateTimeOffset(time.GetUtcNow());
        var body = JsonSerializer.Serialize(new { type = WebhookEvents.Test, timestamp = InstantPattern.ExtendedIso.Format(now), data = new { integrationId = integration } });
        using var request = new HttpRequestMessage(HttpMethod.Post, config.Address)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        var id = $"msg_{Guid.CreateVersion7():N}";
        request.Headers.Add(WebhookSignature.IdHeader, id);
        request.Headers.Add(WebhookSignature.TimestampHeader, now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        if (secret is not null)
        {
            using var key = WebhookSignature.KeyOf(secret);
            request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign([key], id, now.ToUnixTimeSeconds(), body));
        }
        var status = await Send(request, ct);
        return status is >= 200 and < 300
            ? status
            : throw new ProblemException(502, "webhook_refused", $"{config.Host} answered {status} to a test message; a receiver takes one with a 2xx.{Hint(status)}");
    }

    /// <summary>Asks <c>baseUrl</c> with the key in its header.</summary>
    /// <returns>The status of the answer, a 2xx.</returns>
    /// <exception cref="ProblemException">Any other answer, or none; or the config does not say how the key is sent.</exception>
    public async Task<int> ApiKey(ApiKeyConfig config, Secret key, CancellationToken ct)
    {
        RequireTestable(config);
        var url = config.Address!;
        if (url.Scheme != Uri.UriSchemeHttps && !guard.Lists(url))
            throw new ProblemException(422, "key_in_clear", $"config.baseUrl does not begin with https://, and the key is not sent to {url.Host} in clear. Give an https address.");
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        var text = key.RevealText();
        if (Framing.Contains(config.Header!) || text.Any(char.IsControl) || !request.Headers.TryAddWithoutValidation(config.Header!, config.Prefix is null ? text : $"{config.Prefix} {text}"))
            throw new ProblemException(422, "key_unsendable", "The key cannot be sent in that header. Give config.header as the service names it, such as Authorization, and the key without line breaks.");
        var status = await Send(request, ct);
        return status switch
        {
            >= 200 and < 300 => status,
            401 or 403 => throw new ProblemException(422, "key_refused", $"{url.Host} refuses the key ({status}). Give the right one: PATCH with secret; or correct config.header and config.prefix."),
            429 => throw new ProblemException(429, "service_throttled", $"{url.Host} asked for fewer requests. Try again later."),
            _ => throw new ProblemException(502, "key_unproven",
                $"{url.Host} answered {status}, which says neither that the key is taken nor that it is refused.{Hint(status)} Give as config.baseUrl an address that answers 200 to whoever has the key."),
        };
    }

    /// <exception cref="ProblemException">The config does not say where and how the key is sent.</exception>
    public static void RequireTestable(ApiKeyConfig config)
    {
        if (config.BaseUrl is null || config.Header is null || config.Header.Equals("Host", StringComparison.OrdinalIgnoreCase))
            throw new ProblemException(422, "nothing_to_test",
                "There is nothing to try: this key is kept for your own software. To have it tried, give config.baseUrl, an address that answers 200 to whoever has the key, and config.header, the name of the header that it is sent in.");
    }

    public void Dispose() => http.Dispose();

    private static string Hint(int status) => status is >= 300 and < 400 ? " It sends on to another address: give that one." : "";

    private async Task<int> Send(HttpRequestMessage request, CancellationToken ct)
    {
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("Lockstep-Webhooks", "1"));
        using var patience = new CancellationTokenSource(Patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        var host = request.RequestUri!.Host;
        try
        {
            using var answer = await http.SendAsync(request, either.Token);
            return (int)answer.StatusCode;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new ProblemException(504, "service_silent", $"{host} did not answer within {Patience.TotalSeconds:0} seconds.");
        }
        catch (Exception e) when (OutboundGuard.IsRefusal(e))
        {
            throw new ProblemException(422, "address_refused",
                $"{host} may not be reached from here: it is not an address of the public internet. Whoever runs this installation can allow it by adding its host:port to {OutboundAllowList.Setting}.");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // Its text may name what the host resolved to.
            throw new ProblemException(502, "service_unreachable", $"{host} cannot be reached right now. Check the address, or try again in a moment.");
        }
    }
}
