using System.IO.Compression;

namespace Lockstep.Calendaring.Caldav.Wire;

/// <summary>Content codings (RFC 9110 section 8.4.1). Decoded here, not in the handler, so that the limit counts what comes out.</summary>
internal static class ContentCoding
{
    public static Stream Decode(Stream body, string? coding) => coding?.ToLowerInvariant() switch
    {
        null or "" or "identity" => body,
        "gzip" or "x-gzip" => new GZipStream(body, CompressionMode.Decompress),
        "deflate" => new ZLibStream(body, CompressionMode.Decompress),
        _ => throw new InvalidDataException("Unknown content coding."),
    };
}
