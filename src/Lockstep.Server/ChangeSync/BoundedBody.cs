using System.IO.Compression;
using Lockstep.Server.Http;
using Microsoft.AspNetCore.Http;

namespace Lockstep.Server.ChangeSync;

/// <summary>Reads a request body that may be gzip, and never more of it than allowed, compressed or not.</summary>
internal static class BoundedBody
{
    public const int Largest = 10 * 1024 * 1024;

    /// <summary>What the web server lets pass: what is too large but below it is read to its end, so that its sender is there for the
    /// 413; beyond it the connection is cut.</summary>
    public const int LargestDrained = 64 * 1024 * 1024;

    /// <summary>What may come out of however little gzip; beyond it the body is at most <see cref="LargestRatio"/> times what was sent.</summary>
    private const int Unquestioned = 1024 * 1024;

    private const int LargestRatio = 100;

    /// <exception cref="ProblemException">413 over <see cref="Largest"/> or compressed out of proportion, or over
    /// <see cref="JsonBounds.MostTokens"/>; 415 another encoding, 400 broken gzip.</exception>
    public static async Task<ReadOnlyMemory<byte>> Read(HttpRequest request, CancellationToken ct)
    {
        var packed = IsGzip(request);
        if (request.ContentLength > Largest)
            throw TooLarge();
        var body = await ReadAll(request.Body, Largest, ct);
        if (packed)
            body = await Unpack(body, ct);
        if (!JsonBounds.Fits(body, JsonBounds.MostTokens))
            throw new ProblemException(413, "body_too_large",
                $"A push is {JsonBounds.MostTokens} JSON tokens (names, values and brackets) at most. Send the changes in smaller pushes.");
        return body;
    }

    private static async Task<ArraySegment<byte>> Unpack(ArraySegment<byte> packed, CancellationToken ct)
    {
        var allowed = Math.Min(Largest, Math.Max(Unquestioned, (long)LargestRatio * packed.Count));
        await using var source = new GZipStream(new MemoryStream(packed.Array!, packed.Offset, packed.Count), CompressionMode.Decompress);
        return await ReadAll(source, allowed, ct);
    }

    private static async Task<ArraySegment<byte>> ReadAll(Stream source, long allowed, CancellationToken ct)
    {
        var body = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await source.ReadAsync(buffer, ct)) > 0;)
            {
                if (body.Length + read > allowed)
                    throw TooLarge();
                body.Write(buffer, 0, read);
            }
        }
        catch (InvalidDataException)
        {
            throw new ProblemException(400, "invalid_encoding", "The body says it is gzip and is not. Compress it again, or send it plain.");
        }
        catch (BadHttpRequestException e) when (e.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw TooLarge();
        }
        return new ArraySegment<byte>(body.GetBuffer(), 0, (int)body.Length);
    }

    private static bool IsGzip(HttpRequest request) => request.Headers.ContentEncoding.ToString().ToUpperInvariant() switch
    {
        "" or "IDENTITY" => false,
        "GZIP" => true,
        _ => throw new ProblemException(415, "unsupported_encoding", "Content-Encoding is gzip or absent."),
    };

    private static ProblemException TooLarge() =>
        new(413, "body_too_large", $"A push is 10 MiB at most, decompressed, and over 1 MiB at most {LargestRatio} times its gzip. Send the changes in smaller pushes.");
}
