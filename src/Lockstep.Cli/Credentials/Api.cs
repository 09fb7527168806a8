using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Lockstep.Server;
using Lockstep.Server.Hosting;
using Lockstep.Server.Tenancy.Jwt;
using NodaTime;

namespace Lockstep.Cli.Credentials;

/// <summary>The running server, called as its users call it: the same rules, limits and audit.</summary>
internal sealed class Api : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(100);

    private readonly HttpMessageInvoker http = new(new SocketsHttpHandler { ConnectTimeout = TimeSpan.FromSeconds(10) });
    private readonly Uri server;
    private readonly string? token;

    private Api(Uri server, string? token) => (this.server, this.token) = (server, token);

    /// <param name="user">Signs a token of this user with the installation's secret; null takes LOCKSTEP_TOKEN.</param>
    /// <param name="service">Signs one of the service role.</param>
    /// <param name="anonymous">For what anybody may ask: a token is sent where there is one, and need not be.</param>
    /// <exception cref="StartRefusedException">There is no token, or the address is none.</exception>
    public static Api Open(string? url, string? user, bool service, string? dataDirectory, bool anonymous = false)
    {
        var server = Address(url);
        if (user is null && !service)
            return new Api(server, Environment.GetEnvironmentVariable("LOCKSTEP_TOKEN") is { Length: > 0 } given
                ? given
                : anonymous ? null
                : throw new StartRefusedException("Say who asks: --user you@example.com (or --service) where the token secret is, or LOCKSTEP_TOKEN.") { Misused = true });
        var jwt = Settings.LoadTokenSettings(dataDirectory, Environment.GetEnvironmentVariable);
        var subject = user ?? "lockstep-cli";
        var email = subject.Contains('@', StringComparison.Ordinal) ? subject : null;
        return new Api(server, new JwtIssuer(jwt, TimeProvider.System).Issue(
            subject, email, service ? JwtClaims.ServiceRole : JwtClaims.Authenticated, Duration.FromMinutes(5), emailVerified: email is not null));
    }

    /// <param name="url">As the command line says it; null: by the environment, else the usual one.</param>
    /// <exception cref="StartRefusedException">It is none.</exception>
    public static Uri Address(string? url)
    {
        var address = url ?? (Environment.GetEnvironmentVariable("LOCKSTEP_URL") is { Length: > 0 } set ? set : ServeOptions.DefaultUrl);
        return Uri.TryCreate(address, UriKind.Absolute, out var server) && server.Scheme is ("http" or "https")
            ? server
            : throw new StartRefusedException($"'{address}' is no http or https address. Write --url http://127.0.0.1:5080, or set LOCKSTEP_URL.") { Misused = true };
    }

    /// <exception cref="ApiRefusedException">The server said no, or nothing.</exception>
    public async Task<JsonNode> Call(HttpMethod method, string path, byte[]? body, CancellationToken ct)
    {
        HttpContent? content = null;
        if (body is not null)
        {
            content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        }
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limited.CancelAfter(Patience);
        return await Send(method, path, content, ReadJson, limited.Token, ct);
    }

    /// <summary>Without a bound of time: as long as it takes.</summary>
    /// <exception cref="ApiRefusedException">The server said no, or nothing.</exception>
    public Task<JsonNode> Upload(string path, HttpContent content, CancellationToken ct) => Send(HttpMethod.Post, path, content, ReadJson, ct, ct);

    /// <inheritdoc cref="Upload"/>
    public Task Fetch(string path, Stream to, CancellationToken ct) => Send(HttpMethod.Get, path, null, async (answer, stop) =>
    {
        if (!answer.IsSuccessStatusCode)
            throw Refused(answer.StatusCode, Parse(await answer.Content.ReadAsStringAsync(stop)));
        await answer.Content.CopyToAsync(to, stop);
        return 0;
    }, ct, ct);

    private static async Task<JsonNode> ReadJson(HttpResponseMessage answer, CancellationToken ct)
    {
        var json = Parse(await answer.Content.ReadAsStringAsync(ct));
        return answer.IsSuccessStatusCode ? json ?? new JsonObject() : throw Refused(answer.StatusCode, json);
    }

    private async Task<T> Send<T>(
        HttpMethod method, string path, HttpContent? content, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken limited, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(method, new Uri(server, path)) { Content = content };
        return await Send(request, read, limited, ct);
    }

    /// <summary>A request as it stands, with the token of who asks; without a bound of time.</summary>
    /// <param name="read">Gets the answer, whatever its status.</param>
    /// <exception cref="ApiRefusedException">Nothing answers.</exception>
    public Task<T> Exchange<T>(HttpRequestMessage request, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken ct)
    {
        var whole = new Uri(server, request.RequestUri!);
        if (whole.Scheme != server.Scheme || whole.Authority != server.Authority)
            throw new ApiRefusedException(ExitCode.Usage, "The path leads to another server. Begin it with one slash, such as /v1/integrations.");
        request.RequestUri = whole;
        return Send(request, read, ct, ct);
    }

    /// <summary>What the exit tells of an answer.</summary>
    public static int ExitOf(HttpStatusCode status) => status switch
    {
        >= HttpStatusCode.OK and < HttpStatusCode.BadRequest => ExitCode.Done,
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => ExitCode.NotAllowed,
        HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout => ExitCode.Unreachable,
        _ => ExitCode.Failed,
    };

    private async Task<T> Send<T>(HttpRequestMessage request, Func<HttpResponseMessage, CancellationToken, Task<T>> read, CancellationToken limited, CancellationToken ct)
    {
        if (token is not null)
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        try
        {
            using var answer = await http.SendAsync(request, limited);
            return await read(answer, limited);
        }
        catch (HttpRequestException e)
        {
            throw new ApiRefusedException(
                ExitCode.Unreachable, $"Cannot reach the server at {server}: {(e.GetBaseException() is SocketException socket ? socket.Message : e.Message)}. Start it, or name another with --url.");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new ApiRefusedException(ExitCode.Unreachable, $"The server at {server} did not answer within {Patience.TotalSeconds:0} s.");
        }
    }

    public void Dispose() => http.Dispose();

    private static JsonNode? Parse(string text)
    {
        try
        {
            return text.Length == 0 ? null : JsonNode.Parse(text);
        }
        catch (System.Text.Json.JsonException)
        {
            return null;
        }
    }

    private static ApiRefusedException Refused(HttpStatusCode status, JsonNode? problem)
    {
        var code = problem?["code"]?.GetValue<string>();
        var detail = problem?["detail"]?.GetValue<string>() ?? $"The server answered {(int)status}, and not as Lockstep does. Is --url right?";
        return new ApiRefusedException(
            ExitOf(status),
            code is null ? detail : $"{detail} ({code})");
    }
}

/// <summary>A refusal in the server's words, and what the exit tells scripts.</summary>
internal sealed class ApiRefusedException(int exitCode, string message) : Exception(message)
{
    public int ExitCode => exitCode;
}
