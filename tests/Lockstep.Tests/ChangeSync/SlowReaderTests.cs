using System.Net;
using System.Net.Sockets;
using System.Text;
using Lockstep.Server.Tenancy.Jwt;
using Lockstep.Tests.Support;
using Shouldly;
using Xunit;
using static Lockstep.Tests.ChangeSync.SyncCalls;

namespace Lockstep.Tests.ChangeSync;

/// <summary>Streams and sockets whose other end takes nothing (drill with five hundred of them: SyncDrillTests).</summary>
public sealed class SlowReaderTests(PostgresServer postgres)
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Defect_27_who_does_not_read_is_cut_off_and_who_reads_is_not()
    {
        var time = new FakeTime(TimeProvider.System.GetUtcNow());
        await using var app = new LockstepApp(postgres) { Time = time };
        await app.InitializeAsync();
        var client = app.As("slow");
        await client.Push("full", "c", [.. Enumerable.Range(1, 15).Select(i => Mutation(i, $"r{i}", new { v = new { value = new string('x', 50_000) } }))]);
        using var native = await Ask(app, "GET /v1/sync/full/stream");
        using var mana = await Ask(app, "GET /sync/full/stream?collections=items");
        using var socket = await Ask(app, "GET /ws", "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", authorized: false);
        var pinging = Ping(socket, app.Token("slow", JwtClaims.Authenticated), Ct);
        using var reads = await client.SendAsync(new HttpRequestMessage(HttpMethod.Get, "/v1/sync/full/stream"), HttpCompletionOption.ResponseHeadersRead, Ct);
        using var lines = new StreamReader(await reads.Content.ReadAsStreamAsync(Ct));
        for (var read = 0; read < 15;)
            read += (await lines.ReadLineAsync(Ct))!.Split("\"recordId\"").Length - 1;

        await LockstepProcess.EventuallyAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(21));
                return pinging.IsCompleted && IsReset(native) && IsReset(mana);
            }, "all three are cut off");
        await pinging;

        await client.Push("full", "c", Mutation(16, "after", new { v = new { value = 1 } }));
        while (!(await lines.ReadLineAsync(Ct).AsTask().WaitAsync(TimeSpan.FromSeconds(20), Ct))!.Contains("\"after\"", StringComparison.Ordinal))
        {
            // Heartbeats meanwhile.
        }
    }

    private static async Task<Socket> Ask(LockstepApp app, string what, string headers = "", bool authorized = true)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, app.Url.Port), Ct);
        var authorization = authorized ? $"Authorization: Bearer {app.Token("slow", JwtClaims.Authenticated)}\r\n" : "";
        await socket.SendAsync(Encoding.ASCII.GetBytes($"{what} HTTP/1.1\r\nHost: {app.Url.Authority}\r\n{authorization}{headers}\r\n"), Ct);
        return socket;
    }

    /// <summary>Asks for answers that it never reads, until it is cut off or told to end.</summary>
    internal static async Task Ping(Socket socket, string token, CancellationToken ct)
    {
        var pings = Enumerable.Repeat(Frame("""{"type":"ping"}"""), 500).SelectMany(frame => frame).ToArray();
        try
        {
            await socket.SendAsync(Frame($$"""{"type":"auth","token":"{{token}}"}"""), ct);
            while (true)
                await socket.SendAsync(pings, ct);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // Cut off, or enough.
        }
    }

    /// <summary>A whole text message, masked by zeros (RFC 6455, 5.2).</summary>
    private static byte[] Frame(string text)
    {
        var payload = Encoding.UTF8.GetBytes(text);
        byte[] length = payload.Length < 126 ? [(byte)(0x80 | payload.Length)] : [0x80 | 126, (byte)(payload.Length >> 8), (byte)payload.Length];
        return [0x81, .. length, 0, 0, 0, 0, .. payload];
    }

    // Without reading: what waits in the kernel is still there.
    private static bool IsReset(Socket socket) => socket.Poll(0, SelectMode.SelectError);
}
