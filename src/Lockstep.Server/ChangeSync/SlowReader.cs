using System.Diagnostics.Metrics;
using System.Net.Sockets;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.ChangeSync;

/// <summary>What is kept for a stream or socket whose other end does not read, and how long.</summary>
internal static class SlowReader
{
    /// <summary>A write that has found no room for so long was for nobody. The web server's least rate (MinResponseDataRate) gives each byte that it has buffered its
    /// share of time: minutes for 64 KiB.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>For the kernel, which doubles it (socket(7), SO_SNDBUF). Left alone it takes 2.5 MB of a reader on this machine before a write waits.</summary>
    private const int SendBuffer = 64 * 1024;

    private static readonly Counter<long> CutOffs = Meters.Lockstep.CreateCounter<long>(
        "lockstep.changes.readers_cut_off", description: "Streams and sockets ended because their reader had taken nothing for 20 seconds");

    public static void BoundBuffers(HttpContext context)
    {
        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is { ProtocolType: ProtocolType.Tcp } socket)
            socket.SendBufferSize = SendBuffer;
    }

    /// <returns>False when the reader has made no room in time: it was cut off.</returns>
    public static async Task<bool> Takes(Task write, HttpContext context, TimeProvider time)
    {
        try
        {
            await write.WaitAsync(Patience, time, context.RequestAborted);
            return true;
        }
        catch (TimeoutException)
        {
            CutOffs.Add(1);
            // A reset lets the kernel forget what waits at once; an end would come after it, and so wait as well. Other streams share a connection of HTTP/2.
            if (HttpProtocol.IsHttp11(context.Request.Protocol) && context.Features.Get<IConnectionSocketFeature>()?.Socket is { } socket)
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
            context.Abort();
            await Task.WhenAny(write);
            return false;
        }
    }
}
