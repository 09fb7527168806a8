using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Logging;

namespace Lockstep.Tests.Support.Transit;

/// <summary>
/// Speaks the documented HTTP protocol of the Transit engine of OpenBao and Vault, with real cryptography; keeps its keys while it is stopped.
/// It is no Vault: policies, leases and storage are as simple as these tests need.
/// </summary>
public sealed class FakeTransitServer(TimeProvider? time = null) : IAsyncDisposable
{
    private readonly ConcurrentQueue<FakeTransitRequest> requests = new();
    private readonly int port = ServerProcess.FreePort();
    private WebApplication? app;

    public Uri Url => new($"http://127.0.0.1:{port}");

    public string Mount { get; set; } = "transit";

    public string? Namespace { get; set; }

    public bool Sealed { get; set; }

    /// <summary>As a policy with <c>create</c> on encrypt: a typo becomes a key.</summary>
    public bool EncryptMakesKeys { get; set; }

    /// <summary>Paths below /v1/ that the policy denies, by prefix.</summary>
    public ConcurrentBag<string> Denied { get; } = [];

    /// <summary>What it answers instead of working, by path below /v1/; null works.</summary>
    public Func<string, FakeTransitFault?>? Fault { get; set; }

    public IReadOnlyCollection<FakeTransitRequest> Requests => requests;

    internal ConcurrentDictionary<string, FakeTransitKey> Keys { get; } = new();

    internal FakeTransitTokens Tokens { get; } = new(time ?? TimeProvider.System);

    public static async Task<FakeTransitServer> StartNewAsync(TimeProvider? time = null)
    {
        var server = new FakeTransitServer(time);
        await server.StartAsync();
        return server;
    }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(Url.AbsoluteUri).ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 32 << 20);
        app = builder.Build();
        app.Run(Handle);
        await app.StartAsync();
    }

    /// <summary>Connections break and none is taken any more, as when it is killed. Keys and tokens stay.</summary>
    public async Task StopAsync()
    {
        if (app is null)
            return;
        using var now = new CancellationTokenSource();
        await now.CancelAsync();
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
        app = null;
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    internal FakeTransitKey AddKey(string name, bool derived = true, string type = "aes256-gcm96") => Keys[name] = new FakeTransitKey(derived, type);

    public int Count(string operation) => requests.Count(request => request.Path.Contains($"/{operation}/", StringComparison.Ordinal));

    private async Task Handle(HttpContext context)
    {
        var path = context.Request.Path.Value!["/v1/".Length..];
        using var reader = new StreamReader(context.Request.Body);
        var text = await reader.ReadToEndAsync();
        requests.Enqueue(new FakeTransitRequest(context.Request.Method, path, text, context.Request.Headers["X-Vault-Namespace"]));
        if (Fault?.Invoke(path) is { } fault && !await fault.LetThrough(context))
            return;
        try
        {
            var answer = Answer(context, path, text.Length == 0 ? null : JsonNode.Parse(text)!.AsObject());
            if (answer is null)
                context.Response.StatusCode = 204;
            else
                await Send(context, answer["batch_status"]?.GetValue<int>() ?? 200, answer);
        }
        catch (FakeTransitError e)
        {
            await Send(context, e.Status, new JsonObject { ["errors"] = new JsonArray([.. e.Errors.Select(error => (JsonNode)error)]) });
        }
    }

    private static Task Send(HttpContext context, int status, JsonObject body)
    {
        body.Remove("batch_status");
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(body.ToJsonString());
    }

    private JsonObject? Answer(HttpContext context, string path, JsonObject? body)
    {
        if (path == "sys/health")
            return Sealed ? throw new FakeTransitError(503) : new JsonObject { ["initialized"] = true, ["sealed"] = false };
        if (Sealed)
            throw new FakeTransitError(503, "Vault is sealed");
        if (context.Request.Headers["X-Vault-Request"] != "true")
            throw new FakeTransitError(412, "required 'X-Vault-Request' header is missing");
        if (Namespace is not null && context.Request.Headers["X-Vault-Namespace"] != Namespace)
            throw new FakeTransitError(403, "permission denied");
        switch (path)
        {
            case "auth/approle/login":
                var known = body?["role_id"]?.GetValue<string>() == Tokens.RoleId && body["secret_id"]?.GetValue<string>() == Tokens.SecretId;
                return Auth(Tokens.LogIn(known) ?? throw new FakeTransitError(400, "invalid role or secret ID"));
            case "auth/kubernetes/login":
                var pod = body?["role"]?.GetValue<string>() == Tokens.Pod.Role && body["jwt"]?.GetValue<string>() == Tokens.Pod.Jwt;
                return Auth(Tokens.LogIn(pod) ?? throw new FakeTransitError(403, "permission denied"));
        }
        var token = context.Request.Headers["X-Vault-Token"].ToString();
        if (!Tokens.Accepts(token) || Denied.Any(denied => path.StartsWith(denied, StringComparison.Ordinal)))
            throw new FakeTransitError(403, "permission denied");
        return path switch
        {
            "auth/token/lookup-self" => Data(Tokens.LookUp(token)),
            "auth/token/renew-self" => Auth(Tokens.Renew(token)),
            _ when path.StartsWith(Mount + "/", StringComparison.Ordinal) => Transit(context.Request.Method, path[(Mount.Length + 1)..].Split('/'), body),
            _ => throw new FakeTransitError(404, $"no handler for route \"{path}\". route entry not found."),
        };
    }

    private JsonObject? Transit(string method, string[] path, JsonObject? body) => (method, path) switch
    {
        ("POST" or "PUT", ["keys", var name]) => Make(name, body),
        ("GET", ["keys", var name]) => Data(Describe(name, Keys.TryGetValue(name, out var key) ? key : throw new FakeTransitError(404))),
        ("POST" or "PUT", ["keys", var name, "rotate"]) => Change(name, key => key.Rotate()),
        ("POST" or "PUT", ["keys", var name, "config"]) => Change(name, key =>
        {
            key.MinDecryption = body?["min_decryption_version"]?.GetValue<int>() ?? key.MinDecryption;
            key.MinEncryption = body?["min_encryption_version"]?.GetValue<int>() ?? key.MinEncryption;
        }),
        ("POST" or "PUT", ["keys", var name, "trim"]) => Change(name, key => key.Trim(body!["min_available_version"]!.GetValue<int>())),
        ("POST" or "PUT", ["encrypt", var name]) => Work(body!, 400, item => Encrypt(name, item)),
        ("POST" or "PUT", ["decrypt", var name]) => Work(body!, 400, item => new JsonObject { ["plaintext"] = Convert.ToBase64String(Decrypt(name, item)) }),
        ("POST" or "PUT", ["rewrap", var name]) => Work(body!, 200, item =>
            Ciphertext(Key(name).Encrypt(Decrypt(name, item), Bytes(item, "context")))),
        ("POST" or "PUT", ["datakey", "plaintext", var name]) => Data(DataKey(name, body)),
        _ => throw new FakeTransitError(405, "unsupported operation"),
    };

    private JsonObject? Make(string name, JsonObject? body)
    {
        AddKey(name, body?["derived"]?.GetValue<bool>() ?? false, body?["type"]?.GetValue<string>() ?? "aes256-gcm96");
        return null;
    }

    private JsonObject? Change(string name, Action<FakeTransitKey> change)
    {
        change(Key(name));
        return null;
    }

    private static JsonObject Describe(string name, FakeTransitKey key) => new()
    {
        ["name"] = name,
        ["type"] = key.Type,
        ["derived"] = key.Derived,
        ["supports_encryption"] = key.Encrypts,
        ["keys"] = new JsonObject(key.Versions.Select(version => KeyValuePair.Create(version.ToString(System.Globalization.CultureInfo.InvariantCulture), (JsonNode?)1))),
        ["latest_version"] = key.Latest,
        ["min_decryption_version"] = key.MinDecryption,
        ["min_encryption_version"] = key.MinEncryption,
        ["min_available_version"] = key.MinAvailable,
    };

    /// <summary>One item, or a batch whose order is kept and whose failures stand in the items.</summary>
    private static JsonObject Work(JsonObject body, int statusOfPartial, Func<JsonObject, JsonObject> work)
    {
        if (body["batch_input"] is not JsonArray batch)
            return Data(work(body));
        var items = batch.Select(item => item!.AsObject()).ToList();
        if (items.Select(item => item.ContainsKey("context")).Distinct().Count() > 1)
            throw new FakeTransitError(400, "context should be set either in all the request blocks or in none");
        var failed = false;
        var results = new JsonArray([.. items.Select(item =>
        {
            try
            {
                return (JsonNode)work(item);
            }
            catch (FakeTransitError e)
            {
                failed = true;
                return new JsonObject { ["error"] = e.Errors[0] };
            }
        })]);
        var answer = Data(new JsonObject { ["batch_results"] = results });
        answer["batch_status"] = failed ? statusOfPartial : 200;
        return answer;
    }

    private JsonObject Encrypt(string name, JsonObject item)
    {
        if (EncryptMakesKeys && !Keys.ContainsKey(name))
            AddKey(name, derived: item.ContainsKey("context"));
        return Ciphertext(Key(name).Encrypt(Bytes(item, "plaintext") ?? throw new FakeTransitError(400, "missing plaintext to encrypt"), Bytes(item, "context")));
    }

    private byte[] Decrypt(string name, JsonObject item) => Key(name).Decrypt(
        item["ciphertext"]?.GetValue<string>() ?? throw new FakeTransitError(400, "missing ciphertext to decrypt"), Bytes(item, "context"));

    private JsonObject DataKey(string name, JsonObject? body)
    {
        var plaintext = System.Security.Cryptography.RandomNumberGenerator.GetBytes((body?["bits"]?.GetValue<int>() ?? 256) / 8);
        var answer = Ciphertext(Key(name).Encrypt(plaintext, body is null ? null : Bytes(body, "context")));
        answer["plaintext"] = Convert.ToBase64String(plaintext);
        return answer;
    }

    private FakeTransitKey Key(string name) => Keys.TryGetValue(name, out var key) ? key : throw new FakeTransitError(400, "encryption key not found");

    private static JsonObject Ciphertext((string Ciphertext, int Version) made) => new() { ["ciphertext"] = made.Ciphertext, ["key_version"] = made.Version };

    private static byte[]? Bytes(JsonObject item, string name)
    {
        if (item[name]?.GetValue<string>() is not { } text)
            return null;
        try
        {
            return Convert.FromBase64String(text);
        }
        catch (FormatException)
        {
            throw new FakeTransitError(400, $"failed to base64-decode {name}");
        }
    }

    private static JsonObject Data(JsonObject data) => new() { ["request_id"] = "fake", ["data"] = data };

    private static JsonObject Auth(JsonObject auth) => new() { ["auth"] = auth };
}

/// <param name="Path">Below /v1/.</param>
/// <param name="Body">As it came.</param>
public sealed record FakeTransitRequest(string Method, string Path, string Body, string? Namespace)
{
    /// <summary>Whether a member of this name is anywhere in the body.</summary>
    public bool Carries(string member) => Body.Contains($"\"{member}\"", StringComparison.Ordinal);

    public override string ToString() => $"{Method} {Path}";
}

/// <param name="Status">0 breaks the connection off.</param>
/// <param name="Hang">Answers only when the client has given up.</param>
public sealed record FakeTransitFault(int Status, string Error = "", bool Hang = false, string Body = "")
{
    internal async Task<bool> LetThrough(HttpContext context)
    {
        if (Hang)
            await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
        else if (Status == 0)
            context.Abort();
        else
        {
            context.Response.StatusCode = Status;
            if (Status == 429)
                context.Response.Headers.RetryAfter = "7";
            if (Body.Length > 0)
                await context.Response.WriteAsync(Body);
            else if (Error.Length > 0)
                await context.Response.WriteAsync(JsonSerializer.Serialize(new { errors = new[] { Error } }));
        }
        return false;
    }
}
