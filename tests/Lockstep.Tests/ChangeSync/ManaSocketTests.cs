using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using NodaTime;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>The mana protocol's WebSocket and its internal endpoint.</summary>
public sealed class ManaSocketTests(LockstepApp app) : IClassFixture<LockstepApp>
{
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_socket_signs_in_answers_pings_and_says_what_there_is_to_pull()
    {
        using var all = await Open("/ws", app.Token("wsa", JwtClaims.Authenticated));
        using var one = await Open("/ws/notes", app.Token("wsa", JwtClaims.Authenticated));
        await Send(all, """{"type":"ping"}""");
        (await Next(all))!.Text("type").ShouldBe("pong");
        await app.As("wsa").Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        (await Next(all))!.ToJsonString().ShouldBe("""{"type":"sync-available","appId":"todo","tables":["items"]}""");
        await app.As("wsa").Push("notes", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        (await Next(all))!.Text("appId").ShouldBe("notes");
        (await Next(one))!.Text("appId").ShouldBe("notes");
    }

    [Fact]
    public async Task Defect_24_a_member_is_told_of_what_another_member_writes_and_nobody_else_is()
    {
        var space = (await app.As("wsb").PostAsync("/v1/workspaces", new { name = "B" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.As("wsc").GetAsync("/v1/sync/todo/pull").ShouldBeAsync(HttpStatusCode.OK);
        using var member = await Open("/ws", app.Token("wsc", JwtClaims.Authenticated));
        using var stranger = await Open("/ws", app.Token("wsd", JwtClaims.Authenticated));
        await app.As("wsb").PostAsync($"/v1/workspaces/{space}/members", new { userId = app.UserId("wsc"), role = "member" }).ShouldBeAsync(HttpStatusCode.OK);
        await app.As("wsb").Push("todo", "c", Mutation(1, "r", new { a = new { value = 1 } }, space: space));
        (await Next(member))!.Text("appId").ShouldBe("todo");
        await app.As("wsd").Push("own", "c", Mutation(1, "r", new { a = new { value = 1 } }));
        (await Next(stranger))!.Text("appId").ShouldBe("own", "what it hears first is its own");
    }

    [Theory]
    [InlineData("""{"type":"auth","token":"nonsense"}""")]
    [InlineData("""{"type":"ping"}""")]
    [InlineData("nonsense")]
    public async Task Who_does_not_sign_in_is_told_and_cut_off(string first)
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(Address("/ws"), CancellationToken.None).WaitAsync(Bound);
        await Send(socket, first);
        (await Next(socket))!.Text("type").ShouldBe("error");
        (await Next(socket)).ShouldBeNull();
        socket.CloseStatus.ShouldBe(WebSocketCloseStatus.PolicyViolation);
    }

    [Fact]
    public async Task Defect_22_a_socket_ends_with_its_token()
    {
        using var socket = await Open("/ws", app.Token("wse", JwtClaims.Authenticated, Duration.FromSeconds(3)));
        (await Next(socket)).ShouldBeNull();
        (socket.CloseStatus, socket.CloseStatusDescription).ShouldBe((WebSocketCloseStatus.PolicyViolation, "token_expired"));
    }

    [Fact]
    public async Task Plain_HTTP_is_told_what_this_address_speaks() =>
        await app.Anonymous().GetAsync("/ws").ShouldBeProblemAsync(400, "websocket_expected");

    [Fact]
    public async Task Memberships_are_for_who_has_the_service_key()
    {
        const string Path = "/api/v1/internal/users/wsf@example.com/memberships";
        await app.Anonymous().GetAsync(Path).ShouldBeProblemAsync(404, "not_found");
        app.ServiceKey = "a key of services for tests";
        await app.RestartAsync();
        var space = (await app.As("wsf").PostAsync("/v1/workspaces", new { name = "F" }).ShouldBeAsync(HttpStatusCode.Created)).Text("id");
        await app.Anonymous().GetAsync(Path).ShouldBeProblemAsync(401, "service_key_invalid");
        await app.As("wsf").GetAsync(Path).ShouldBeProblemAsync(401, "service_key_invalid");
        var service = app.Anonymous();
        service.DefaultRequestHeaders.Add("x-service-key", app.ServiceKey);
        (await service.GetAsync(Path).ShouldBeAsync(HttpStatusCode.OK)).ToJsonString()
            .ShouldBe($$"""{"userId":"wsf@example.com","memberships":[{"organizationId":"{{space}}","role":"owner"}]}""");
        (await service.GetAsync($"/api/v1/internal/users/{app.UserId("wsf")}/memberships").ShouldBeAsync(HttpStatusCode.OK))["memberships"]!.AsArray().Count.ShouldBe(1);
        (await service.GetAsync("/api/v1/internal/users/nobody/memberships").ShouldBeAsync(HttpStatusCode.OK))["memberships"]!.AsArray().ShouldBeEmpty();
    }

    private Uri Address(string path) => new($"ws://{app.Url.Authority}{path}");

    private async Task<ClientWebSocket> Open(string path, string token)
    {
        var socket = new ClientWebSocket();
        await socket.ConnectAsync(Address(path), CancellationToken.None).WaitAsync(Bound);
        await Send(socket, new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString());
        (await Next(socket))!.Text("type").ShouldBe("auth-ok");
        return socket;
    }

    private static Task Send(ClientWebSocket socket, string text) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None).WaitAsync(Bound);

    /// <returns>Null when the server closes.</returns>
    private static async Task<JsonNode?> Next(ClientWebSocket socket)
    {
        var buffer = new byte[4096];
        var part = await socket.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(Bound);
        return part.MessageType == WebSocketMessageType.Close ? null : JsonNode.Parse(buffer.AsSpan(0, part.Count));
    }
}
