using System.Buffers;
using System.Text;

namespace Lockstep.Server.Detection;

/// <summary>Looks for the known formats in a text, as it stands and inside of base64.</summary>
internal static class StructuredScan
{
    private const int ShortestCoded = 20;
    private const int LongestCoded = 200_000;
    private const int DeepestCoded = 2;

    private static readonly (string Anchor, Format[] Formats)[] ByAnchor =
    [
        .. Formats.All.SelectMany(format => format.Anchors.Select(anchor => (anchor, format)))
            .GroupBy(pair => pair.anchor, pair => pair.format, StringComparer.Ordinal).Select(group => (group.Key, group.ToArray())),
    ];

    private static readonly SearchValues<string> Anchors =
        SearchValues.Create([.. ByAnchor.Select(entry => entry.Anchor)], StringComparison.Ordinal);

    private static readonly SearchValues<char> Coded =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");

    /// <param name="text">Folded already.</param>
    /// <returns>The kind of the first key that is found, or null.</returns>
    public static string? Find(string text) => Find(text, 0);

    private static string? Find(string text, int depth) =>
        FindPlain(text) ?? (depth < DeepestCoded ? FindCoded(text, depth) : null);

    private static string? FindPlain(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var next = text.AsSpan(at).IndexOfAny(Anchors);
            if (next < 0)
                return null;
            at += next;
            foreach (var (anchor, formats) in ByAnchor)
            {
                if (!text.AsSpan(at).StartsWith(anchor, StringComparison.Ordinal))
                    continue;
                foreach (var format in formats)
                {
                    if (format.IsAt(text, at))
                        return format.Kind;
                }
            }
            at++;
        }
        return null;
    }

    private static string? FindCoded(string text, int depth)
    {
        for (var at = 0; at < text.Length;)
        {
            var start = text.AsSpan(at).IndexOfAny(Coded);
            if (start < 0)
                return null;
            start += at;
            var length = text.AsSpan(start).IndexOfAnyExcept(Coded);
            var end = length < 0 ? text.Length : start + length;
            if (end - start is >= ShortestCoded and <= LongestCoded && Decode(text.AsSpan(start, end - start)) is { } inner && Find(inner, depth + 1) is { } kind)
                return kind;
            at = end;
        }
        return null;
    }

    /// <returns>Null when it is not base64, of either alphabet, or not text: an image holds no key.</returns>
    private static string? Decode(ReadOnlySpan<char> coded)
    {
        if (coded.Length % 4 == 1)
            return null;
        var padded = string.Concat(coded, "==".AsSpan(0, (4 - (coded.Length % 4)) % 4)).Replace('-', '+').Replace('_', '/');
        var bytes = new byte[padded.Length / 4 * 3];
        if (!Convert.TryFromBase64String(padded, bytes, out var length))
            return null;
        var decoded = bytes.AsSpan(0, length);
        // Lines may be broken; other control characters are of no text.
        foreach (var b in decoded)
        {
            if (b is < 0x20 and not ((byte)'\t' or (byte)'\n' or (byte)'\r') or >= 0x7F)
                return null;
        }
        return Encoding.ASCII.GetString(decoded);
    }
}
