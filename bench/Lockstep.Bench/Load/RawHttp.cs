using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Lockstep.Bench.Load;

/// <summary>One kept-alive HTTP/1.1 connection that does as little as it can, as pgbench does on its side: on a shared machine the
/// load generator's own work would count against the server.</summary>
internal sealed class RawHttp : IDisposable
{
    private readonly Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] head;
    private byte[] buffer = new byte[64 * 1024];
    private int filled;

    private RawHttp(IPEndPoint address, bool anonymous) =>
        head = Encoding.ASCII.GetBytes(anonymous ? $" HTTP/1.1\r\nHost: {address}" : $" HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer ");

    /// <param name="anonymous">Its requests carry no token: give none.</param>
    public static async Task<RawHttp> Connect(IPEndPoint address, CancellationToken ct, bool anonymous = false)
    {
        var http = new RawHttp(address, anonymous);
        await http.socket.ConnectAsync(address, ct);
        return http;
    }

    /// <summary>Sends a request and reads the whole answer.</summary>
    /// <param name="line">Method and path: <c>GET /health</c>.</param>
    /// <param name="body">JSON; empty for none.</param>
    /// <returns>Status and body; the body is valid until the next call.</returns>
    public async ValueTask<(int Status, ReadOnlyMemory<byte> Body)> Send(string line, string token, string body, CancellationToken ct)
    {
        var request = Encoding.UTF8.GetBytes(body.Length == 0
            ? string.Concat(line, Encoding.ASCII.GetString(head), token, "\r\n\r\n")
            : string.Concat(line, Encoding.ASCII.GetString(head), token,
                $"\r\nContent-Type: application/json\r\nContent-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n", body));
        await socket.SendAsync(request, ct);

        filled = 0;
        int headEnd;
        while ((headEnd = buffer.AsSpan(0, filled).IndexOf("\r\n\r\n"u8)) < 0)
            await Receive(ct);
        var status = (buffer[9] - '0') * 100 + (buffer[10] - '0') * 10 + buffer[11] - '0';
        var start = headEnd + 4;
        if (Header(headEnd, "Content-Length: "u8) is { } length)
        {
            while (filled < start + length)
                await Receive(ct);
            return (status, buffer.AsMemory(start, length));
        }
        return (status, buffer.AsMemory(start, status == 204 ? 0 : await Unchunk(start, ct)));
    }

    public void Dispose() => socket.Dispose();

    private int? Header(int headEnd, ReadOnlySpan<byte> name)
    {
        var at = buffer.AsSpan(0, headEnd).IndexOf(name);
        return at >= 0 && Utf8Parser.TryParse(buffer.AsSpan(at + name.Length), out int value, out _) ? value : null;
    }

    /// <summary>Moves the chunks together (RFC 9112 section 7.1).</summary>
    /// <returns>The length of the body, which then begins at <paramref name="start"/>.</returns>
    private async ValueTask<int> Unchunk(int start, CancellationToken ct)
    {
        var read = start;
        var written = start;
        while (true)
        {
            int lineEnd;
            while ((lineEnd = buffer.AsSpan(read, filled - read).IndexOf("\r\n"u8)) < 0)
                await Receive(ct);
            if (!Utf8Parser.TryParse(buffer.AsSpan(read, lineEnd), out int size, out _, 'x'))
                throw new BenchException("Lockstep sent a chunk without a size.");
            var data = read + lineEnd + 2;
            while (filled < data + size + 2)
                await Receive(ct);
            if (size == 0)
                return written - start;
            buffer.AsSpan(data, size).CopyTo(buffer.AsSpan(written));
            written += size;
            read = data + size + 2;
        }
    }

    private async ValueTask Receive(CancellationToken ct)
    {
        if (filled == buffer.Length)
            Array.Resize(ref buffer, buffer.Length * 2);
        var received = await socket.ReceiveAsync(buffer.AsMemory(filled), ct);
        filled += received > 0 ? received : throw new BenchException("Lockstep closed the connection in the middle of an answer.");
    }
}
