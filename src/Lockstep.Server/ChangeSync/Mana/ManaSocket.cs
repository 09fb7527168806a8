using System.Net.WebSockets;
using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Jwt;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;

namespace Lockstep.Server.ChangeSync.Mana;

/// <summary>The mana protocol's WebSocket: says that there is something to pull, never what.</summary>
/// <remarks>
/// <code>
/// {"type":"auth","token":jwt}  -&gt;  {"type":"auth-ok"}, or {"type":"error",...} and close 1008
/// {"type":"ping"}              -&gt;  {"type":"pong"}
///                              &lt;-  {"type":"sync-available","appId":...,"tables":[...]}
/// </code>
/// The socket ends with the token (1008) and with the server (1001).
/// </remarks>
internal sealed class ManaSocket(JwtVerifier verifier, UserDirectory users, Database database, ScopeSignals signals, TimeProvider time)
{
    private const int LargestMessage = 16 * 1024;
    private static readonly TimeSpan ToSignIn = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/ws", (HttpContext context, ManaSocket socket) => socket.Serve(context, null)).WithMetadata(new EndsWithServer()).ExcludeFromDescription();
        routes.MapGet("/ws/{app}", (string app, HttpContext context, ManaSocket socket) => socket.Serve(context, app)).WithMetadata(new EndsWithServer()).ExcludeFromDescription();
    }

    private async Task<Results<EmptyHttpResult, ProblemHttpResult>> Serve(HttpContext context, string? app)
    {
        if (!context.WebSockets.IsWebSocketRequest)
            return Problems.Of(400, "websocket_expected", "This address speaks WebSocket (RFC 6455). For events over plain HTTP see /sync/{app}/stream.");
        if (app is not null && !Names.IsApp(app))
            return Problems.Invalid("app", "1 to 100 letters, digits, '.', '_' or '-'.");
        SlowReader.BoundBuffers(context);
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        try
        {
            await Talk(socket, context, app);
        }
        catch (WebSocketException)
        {
            // The client has gone without a word.
        }
        catch (OperationCanceledException)
        {
            await Close(socket, WebSocketCloseStatus.EndpointUnavailable, "the server stops");
        }
        return TypedResults.Empty;
    }

    private async Task Talk(WebSocket socket, HttpContext context, string? app)
    {
        var ct = context.RequestAborted;
        var buffer = new byte[LargestMessage]; // One at a time is read.
        if (await SignIn(socket, buffer, ct) is not { } claims)
        {
            await Send(socket, new { type = "error", code = "token_invalid", error = "The first message is {\"type\":\"auth\",\"token\":...} with a token that is accepted here." }, context);
            await Close(socket, WebSocketCloseStatus.PolicyViolation, "token_invalid");
            return;
        }
        var user = await users.Ensure(claims, ct);
        var session = database.For(new Caller(user, CallerRole.Authenticated, $"user:{user}", context.Connection.RemoteIpAddress, context.TraceIdentifier));
        using var subscription = signals.Subscribe(user);
        var notices = new SyncNotices(session, app);
        await notices.Look(ct); // What comes after auth-ok is told.
        await Send(socket, new { type = "auth-ok" }, context);
        subscription.Follow(notices.Scopes);
        var heard = Receive(socket, buffer, ct);
        var woken = subscription.Wait(Tick, ct);
        while (Now() < claims.ExpiresAt && !signals.Closed)
        {
            if (heard.IsCompleted)
            {
                if (await heard is not { } message)
                {
                    await Close(socket, WebSocketCloseStatus.NormalClosure, "");
                    return;
                }
                if (TypeOf(message) == "ping")
                    await Send(socket, new { type = "pong" }, context);
                heard = Receive(socket, buffer, ct);
                continue;
            }
            if (woken.IsCompleted)
            {
                if (await woken)
                {
                    foreach (var (changed, tables) in await notices.Look(ct))
                        await Send(socket, new { type = "sync-available", appId = changed, tables }, context);
                    subscription.Follow(notices.Scopes);
                }
                await users.Refresh(user, ct);
                woken = subscription.Wait(Tick, ct);
            }
            await Task.WhenAny(heard, woken);
        }
        if (signals.Closed)
            await Close(socket, WebSocketCloseStatus.EndpointUnavailable, "the server stops");
        else
            await Close(socket, WebSocketCloseStatus.PolicyViolation, "token_expired");
    }

    private async Task<JwtClaims?> SignIn(WebSocket socket, byte[] buffer, CancellationToken ct)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(ToSignIn);
        try
        {
            return await Receive(socket, buffer, patience.Token) is { } message && TypeOf(message) == "auth"
                && ManaChange.Text(message, "token") is { } token
                && await verifier.VerifyAsync(token, ct) is JwtOutcome.Valid(var claims) && claims.Role != JwtClaims.ServiceRole
                ? claims
                : null;
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <returns>Null when the client closes, or says what is no message.</returns>
    private static async Task<JsonElement?> Receive(WebSocket socket, byte[] buffer, CancellationToken ct)
    {
        var length = 0;
        while (length < buffer.Length)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), ct);
            if (part.MessageType != WebSocketMessageType.Text)
                return null;
            length += part.Count;
            if (!part.EndOfMessage)
                continue;
            try
            {
                using var document = JsonDocument.Parse(buffer.AsMemory(0, length));
                return document.RootElement.Clone();
            }
            catch (JsonException)
            {
                return null;
            }
        }
        return null;
    }

    private static string? TypeOf(JsonElement? message) => message is { } given ? ManaChange.Text(given, "type") : null;

    private async Task Send<T>(WebSocket socket, T message, HttpContext context)
    {
        var sent = socket.SendAsync(JsonSerializer.SerializeToUtf8Bytes(message, StrictJson.Options), WebSocketMessageType.Text, endOfMessage: true, context.RequestAborted);
        if (!sent.IsCompletedSuccessfully && !await SlowReader.Takes(sent, context, time))
            throw new WebSocketException(WebSocketError.ConnectionClosedPrematurely);
    }

    // Not for the request's token: it may be what ends the socket.
    private static async Task Close(WebSocket socket, WebSocketCloseStatus status, string reason)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(2));
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
                await socket.CloseOutputAsync(status, reason, patience.Token);
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or IOException)
        {
            // It is closed the other way then.
        }
    }

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());
}
