using System.Net.Http.Headers;
using System.Security.Cryptography;
using Lockstep.Server.Outbound;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>Where and as whom a refresh token is shown.</summary>
internal sealed record TokenClient(string Endpoint, string Id, string? Scope, AuthStyle Style);

/// <summary>Sends one refresh request (RFC 6749 section 6), behind the outbound guard, bounded in time and size, and never twice.</summary>
internal sealed class TokenEndpointClient(OutboundGuard guard, GrantRules rules, TimeProvider time) : IDisposable
{
    /// <summary>From connecting to the last byte of the answer.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private const int MaxAnswer = 64 * 1024;

    private readonly HttpMessageInvoker pool = guard.CreateInvoker();

    /// <returns>Every failure is an answer.</returns>
    public async Task<TokenAnswer> Refresh(TokenClient client, TokenBundle tokens)
    {
        if (!Uri.TryCreate(client.Endpoint, UriKind.Absolute, out var endpoint) || !rules.MaySend(endpoint))
            return new TokenAnswer.Misconfigured("endpoint_not_allowed");
        using var form = Form(client, tokens);
        using var content = form.ToContent();
        using var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = content };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.CacheControl = new CacheControlHeaderValue { NoStore = true };
        if (client.Style == AuthStyle.Basic && tokens.Client is { } secret)
            request.Headers.Authorization = TokenForm.Basic(client.Id, secret);
        using var limit = new CancellationTokenSource(Timeout, time);
        try
        {
            using var response = await pool.SendAsync(request, limit.Token);
            return await Answer(response, limit.Token);
        }
        catch (OperationCanceledException)
        {
            return new TokenAnswer.Unavailable("timeout", null);
        }
        catch (OutboundRefusedException)
        {
            return new TokenAnswer.Misconfigured("endpoint_not_allowed");
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            return new TokenAnswer.Unavailable(e is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } ? "tls" : "no_connection", null);
        }
    }

    public void Dispose() => pool.Dispose();

    private static TokenForm Form(TokenClient client, TokenBundle tokens)
    {
        var form = new TokenForm();
        form.Add("grant_type", "refresh_token");
        form.Add("refresh_token", tokens.Refresh!);
        if (!string.IsNullOrWhiteSpace(client.Scope))
            form.Add("scope", client.Scope);
        if (tokens.Client is null || client.Style == AuthStyle.Post)
            form.Add("client_id", client.Id);
        if (tokens.Client is { } secret && client.Style == AuthStyle.Post)
            form.Add("client_secret", secret);
        return form;
    }

    private async Task<TokenAnswer> Answer(HttpResponseMessage response, CancellationToken ct)
    {
        var body = new byte[MaxAnswer + 1];
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync(ct);
            var length = await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, ct);
            var now = time.GetUtcNow();
            return length > MaxAnswer
                ? new TokenAnswer.Malformed("too_large")
                : TokenAnswers.Classify((int)response.StatusCode, body.AsSpan(0, length), RetryAfter(response, now), Instant.FromDateTimeOffset(now));
        }
        finally
        {
            CryptographicOperations.ZeroMemory(body);
        }
    }

    private static TimeSpan? RetryAfter(HttpResponseMessage response, DateTimeOffset now) => response.Headers.RetryAfter switch
    {
        { Delta: { } wait } => wait,
        { Date: { } date } when date > now => date - now,
        _ => null,
    };
}
