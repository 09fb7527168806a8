using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Lockstep.Crypto;
using Lockstep.Server.Http;
using Lockstep.Server.Outbound;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>One attempt: signed, behind the outbound guard, no redirect followed, no byte of the answer's body read.</summary>
internal sealed class DeliverySender(DueDeliveries due, ValueSealer seals, OutboundGuard guard, WebhookOptions options, TimeProvider time) : IDisposable
{
    private readonly HttpMessageInvoker http = guard.CreateInvoker();

    /// <summary>False while the vault is locked.</summary>
    public bool CanSign => !seals.Locked;

    public async Task<DeliveryResult> Send(Delivery delivery, CancellationToken ct)
    {
        var keys = new List<Secret>();
        try
        {
            foreach (var key in await due.Keys(delivery.Webhook, ct))
            {
                if (await seals.Open(delivery.Owner, SealedPart.OfWebhook(delivery.Webhook), key.Version, key.Read, ct) is { } opened)
                    keys.Add(opened);
            }
            return keys.Count == 0 ? DeliveryResult.Failed("key_unavailable") : await Post(delivery, keys, ct);
        }
        catch (ProblemException)
        {
            // The key provider is away; it says so itself.
            return DeliveryResult.Failed("key_unavailable");
        }
        finally
        {
            keys.ForEach(key => key.Dispose());
        }
    }

    public void Dispose() => http.Dispose();

    [SuppressMessage("Reliability", "CA2000", Justification = "The request disposes its content.")]
    private async Task<DeliveryResult> Post(Delivery delivery, List<Secret> keys, CancellationToken ct)
    {
        var timestamp = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, delivery.Url)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(delivery.Body)) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } },
        };
        request.Headers.Add(WebhookSignature.IdHeader, delivery.MessageId);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Sign(keys, delivery.MessageId, timestamp, delivery.Body));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("Lockstep-Webhooks", "1"));
        using var patience = new CancellationTokenSource(options.Timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, ct);
        try
        {
            using var answer = await http.SendAsync(request, either.Token);
            var status = (int)answer.StatusCode;
            return answer.IsSuccessStatusCode ? new DeliveryResult("delivered", status, null)
                : answer.StatusCode == HttpStatusCode.Gone ? new DeliveryResult("gone", status, "http_410")
                : DeliveryResult.Failed(string.Create(CultureInfo.InvariantCulture, $"http_{status}"), status);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return DeliveryResult.Failed("timeout");
        }
        catch (Exception e) when (OutboundGuard.IsRefusal(e))
        {
            return DeliveryResult.Failed("address_refused");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            // Its text may name what the host resolved to.
            return DeliveryResult.Failed("unreachable");
        }
    }
}
