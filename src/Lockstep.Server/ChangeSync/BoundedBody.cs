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

    /// <exception cref="ProblemException">413 over <see cref="Largest"/> once decompressed, 415 another encoding, 400 broken gzip.</exception>
    public static async Task<ReadOnlyMemory<byte>> Read(HttpRequest request, CancellationToken ct)
    {
        if (request.ContentLength > Largest)
            throw TooLarge();
        await using var source = Decode(request);
        var body = new MemoryStream();
        var buffer = new byte[64 * 1024];
        try
        {
            for (int read; (read = await source.ReadAsync(buffer, ct)) > 0;)
            {
                if (body.Length + read > Largest)
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
        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }

    private static Stream Decode(HttpRequest request) => request.Headers.ContentEncoding.ToString().ToUpperInvariant() switch
    {
        "" or "IDENTITY" => request.Body,
        "GZIP" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
        _ => throw new ProblemException(415, "unsupported_encoding", "Content-Encoding is gzip or absent."),
    };

    private static ProblemException TooLarge() =>
        new(413, "body_too_large", "A push is 10 MiB at most, decompressed. Send the changes in smaller pushes.");
}
