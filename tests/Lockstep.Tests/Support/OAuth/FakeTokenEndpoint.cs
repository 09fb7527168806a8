using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Lockstep.Tests.Support.OAuth;

/// <summary>
/// The token endpoint of an authorization server as strict ones are: each refresh token works once, and one that comes back ends its grant with all
/// that was made of it (RFC 6749 section 6, RFC 9700 section 4.14.2).
/// </summary>
public sealed class FakeTokenEndpoint : IAsyncDisposable
{
    public const string ClientId = "a client & co";
    public const string ClientSecret = "marker-client-7Kd2 +/=&%sQ";

    private readonly ConcurrentQueue<IFormCollection> requests = new();
    private readonly Dictionary<string, string> grants = [];
    private readonly HashSet<string> used = [];
    private readonly HashSet<string> ended = [];
    private readonly Lock gate = new();
    private WebApplication? app;
    private int made;

    public Uri Url => new(app!.Urls.Single());

    public Uri Address => new(Url, "/token");

    public int Calls => requests.Count;

    public IReadOnlyCollection<IFormCollection> Requests => requests;

    /// <summary>The value of expires_in as it stands in the answer; null leaves it out.</summary>
    public string? ExpiresIn { get; set; } = "3600";

    /// <summary>Answers instead of it; says whether it did.</summary>
    public Func<HttpContext, Task<bool>>? Instead { get; set; }

    /// <summary>A request has come in and is being thought about until this ends; only the first one.</summary>
    public TaskCompletionSource? HoldFirst { get; set; }

    /// <param name="allowedBy">Its outbound guard lets it through; null leaves that to the caller.</param>
    public static async Task<FakeTokenEndpoint> StartAsync(LockstepApp? allowedBy)
    {
        var fake = new FakeTokenEndpoint();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        fake.app = builder.Build();
        fake.app.Run(fake.Handle);
        await fake.app.StartAsync();
        allowedBy?.Allow(fake.Url);
        return fake;
    }

    /// <summary>A refresh token as the user's consent gives one.</summary>
    public string Grant()
    {
        lock (gate)
        {
            var token = Token("refresh");
            grants[token] = token;
            return token;
        }
    }

    /// <summary>As when the user takes his consent back.</summary>
    public void End(string grant)
    {
        lock (gate)
            ended.Add(grant);
    }

    /// <summary>What a client sends to store a grant whose access token expired a minute ago.</summary>
    public object Expired(string refreshToken, string accessToken = "marker-access-expired-4Rt", string authStyle = "basic", double expiredFor = 60) => new
    {
        accessToken,
        refreshToken,
        expiresAt = TimeProvider.System.GetUtcNow().AddSeconds(-expiredFor),
        tokenEndpoint = Address,
        clientId = ClientId,
        clientSecret = ClientSecret,
        authStyle,
    };

    public async ValueTask DisposeAsync()
    {
        HoldFirst?.TrySetResult();
        if (app is null)
            return;
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private async Task Handle(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        requests.Enqueue(form);
        if (requests.Count == 1 && HoldFirst is { } hold)
            await hold.Task;
        if (Instead is { } instead && await instead(context))
            return;
        var (status, answer) = Answer(context, form);
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json;charset=UTF-8";
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsync(answer);
    }

    private (int Status, string Answer) Answer(HttpContext context, IFormCollection form)
    {
        if (form["grant_type"] != "refresh_token")
            return (400, """{"error":"unsupported_grant_type"}""");
        if (!IsClient(context.Request.Headers.Authorization.ToString(), form))
            return (401, """{"error":"invalid_client"}""");
        lock (gate)
        {
            var shown = form["refresh_token"].ToString();
            if (!grants.TryGetValue(shown, out var grant) || ended.Contains(grant))
                return (400, """{"error":"invalid_grant","error_description":"marker-description-9Zz the token is not valid"}""");
            if (!used.Add(shown))
            {
                ended.Add(grant);
                return (400, """{"error":"invalid_grant"}""");
            }
            var (access, refresh) = (Token("access"), Token("refresh"));
            grants[refresh] = grant;
            var expires = ExpiresIn is null ? "" : $",\"expires_in\":{ExpiresIn}";
            return (200, $$"""{"access_token":"{{access}}","token_type":"bearer"{{expires}},"refresh_token":"{{refresh}}","scope":"all","error":null}""");
        }
    }

    private static bool IsClient(string header, IFormCollection form)
    {
        if (!header.StartsWith("Basic ", StringComparison.Ordinal))
            return form["client_id"] == ClientId && form["client_secret"] == ClientSecret;
        var parts = Encoding.UTF8.GetString(Convert.FromBase64String(header["Basic ".Length..])).Split(':');
        return WebUtility.UrlDecode(parts[0]) == ClientId && WebUtility.UrlDecode(parts[1]) == ClientSecret && !form.ContainsKey("client_secret");
    }

    private string Token(string kind) =>
        string.Create(CultureInfo.InvariantCulture, $"marker-{kind}-{Interlocked.Increment(ref made)}-{Guid.CreateVersion7():n}");
}
