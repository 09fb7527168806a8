using System.Net;
using System.Net.Sockets;
using System.Text;
using Lockstep.Tests.Support;

namespace Lockstep.Bench.Caldav;

/// <summary>What went through a relay.</summary>
/// <param name="Writes">Requests that change something: PUT, DELETE, MKCALENDAR, MKCOL, MOVE, COPY, POST, PROPPATCH.</param>
/// <param name="Sent">Bytes to the server, heads included.</param>
internal sealed record Traffic(int Requests, int Writes, long Sent, long Received)
{
    public long Bytes => Sent + Received;

    public static Traffic operator -(Traffic a, Traffic b) =>
        new(a.Requests - b.Requests, a.Writes - b.Writes, a.Sent - b.Sent, a.Received - b.Received);
}

/// <summary>Passes bytes on to a server and counts them; whoever speaks through it, it counts the same.</summary>
internal sealed class Relay : IAsyncDisposable
{
    private static readonly string[] WritingMethods = ["PUT", "DELETE", "MKCALENDAR", "MKCOL", "MOVE", "COPY", "POST", "PROPPATCH"];
    private static readonly string[] ReadingMethods = ["GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"];

    private readonly TcpListener listener;
    private readonly Uri server;
    private readonly CancellationTokenSource stop = new();
    private readonly Task accepting;
    private int requests;
    private int writes;
    private long sent;
    private long received;

    public Relay(Uri server)
    {
        this.server = server;
        var port = ServerProcess.FreePort();
        listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();
        Url = new Uri($"http://127.0.0.1:{port}/");
        accepting = Accept();
    }

    public Uri Url { get; }

    public Traffic Traffic => new(Volatile.Read(ref requests), Volatile.Read(ref writes), Interlocked.Read(ref sent), Interlocked.Read(ref received));

    /// <summary>The same resource, reached through here.</summary>
    public Uri Before(Uri resource) => new(Url, resource.PathAndQuery);

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        listener.Stop();
        await accepting.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stop.Dispose();
    }

    private async Task Accept()
    {
        while (!stop.IsCancellationRequested)
        {
            var client = await listener.AcceptTcpClientAsync(stop.Token);
            _ = Pass(client);
        }
    }

    private async Task Pass(TcpClient client)
    {
        using var near = client;
        using var far = new TcpClient { NoDelay = true };
        near.NoDelay = true;
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, server.Port, stop.Token);
            var there = Copy(near.GetStream(), far.GetStream(), Up);
            var back = Copy(far.GetStream(), near.GetStream(), bytes => Interlocked.Add(ref received, bytes.Length));
            await Task.WhenAny(there, back);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException)
        {
            // One side has gone; the other is closed with it.
        }
    }

    private async Task Copy(NetworkStream from, NetworkStream to, Action<ReadOnlyMemory<byte>> count)
    {
        var buffer = new byte[64 << 10];
        while (await from.ReadAsync(buffer, stop.Token) is > 0 and var read)
        {
            count(buffer.AsMemory(0, read));
            await to.WriteAsync(buffer.AsMemory(0, read), stop.Token);
        }
    }

    /// <summary>A request line is "METHOD /... HTTP/1.1"; no body of these clients holds one.</summary>
    private void Up(ReadOnlyMemory<byte> bytes)
    {
        Interlocked.Add(ref sent, bytes.Length);
        foreach (var line in Encoding.Latin1.GetString(bytes.Span).Split("\r\n"))
        {
            if (!line.EndsWith(" HTTP/1.1", StringComparison.Ordinal))
                continue;
            var method = line[..Math.Max(0, line.IndexOf(' ', StringComparison.Ordinal))];
            if (WritingMethods.Contains(method))
                Interlocked.Increment(ref writes);
            if (WritingMethods.Contains(method) || ReadingMethods.Contains(method))
                Interlocked.Increment(ref requests);
        }
    }
}
