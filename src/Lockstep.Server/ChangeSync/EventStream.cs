using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Lockstep.Server.ChangeSync;

/// <summary>An answer of server-sent events, which holds little for a reader that does not read, and not for long.</summary>
/// <remarks>What waits for one reader: an event (<see cref="StreamWait.LargestEvent"/>), the web server's 64 KiB, and what <see cref="SlowReader"/> leaves to the kernel.</remarks>
internal sealed class EventStream(IAsyncEnumerable<StreamEvent> events) : IResult
{
    /// <summary>Between two looks whether the reader keeps up.</summary>
    private const int Piece = 8 * 1024;

    public async Task ExecuteAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        context.Response.Headers.CacheControl = "no-cache,no-store";
        context.Response.Headers.Pragma = "no-cache";
        context.Response.Headers.ContentEncoding = "identity";
        SlowReader.BoundBuffers(context);
        var time = context.RequestServices.GetRequiredService<TimeProvider>();
        await foreach (var item in events.WithCancellation(context.RequestAborted))
            if (!await Write(context, item, time))
                return;
    }

    /// <returns>False when the reader was cut off.</returns>
    private static async Task<bool> Write(HttpContext context, StreamEvent item, TimeProvider time)
    {
        var writer = context.Response.BodyWriter;
        writer.Write(item.Head);
        for (var rest = item.Data; rest.Length > 0;)
        {
            var piece = rest[..Math.Min(Piece, rest.Length)];
            rest = rest[piece.Length..];
            writer.Write(piece.Span);
            if (rest.Length == 0)
                writer.Write(item.Tail);
            var flush = writer.FlushAsync(context.RequestAborted);
            if (!flush.IsCompletedSuccessfully && !await SlowReader.Takes(flush.AsTask(), context, time))
                return false;
        }
        return true;
    }
}
