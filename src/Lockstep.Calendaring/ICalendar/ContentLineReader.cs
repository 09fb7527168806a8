using System.Buffers;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Cuts bytes into content lines: a physical line and those after it that begin with a blank (RFC 5545 section 3.1).</summary>
internal sealed class ContentLineReader(ReadOnlyMemory<byte> bytes, int maxLineBytes)
{
    private static readonly SearchValues<byte> NameBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."u8);

    private int position;

    /// <summary>The physical line that comes next, from 1.</summary>
    public int LineNumber { get; private set; } = 1;

    /// <summary>The first physical line that ends in LF alone; 0 when none does.</summary>
    public int FirstBareLineFeed { get; private set; }

    /// <summary>Whether the last line was kept unread for its length.</summary>
    public bool TooLong { get; private set; }

    /// <returns>The next line, or null at the end.</returns>
    public ContentLine? Next()
    {
        var span = bytes.Span[position..];
        if (span.IsEmpty)
            return null;
        var (first, folds, length) = (LineNumber, 0, 0);
        while (true)
        {
            var end = span[length..].IndexOf((byte)'\n');
            length = end < 0 ? span.Length : length + end + 1;
            if (end >= 0)
            {
                if (FirstBareLineFeed == 0 && (length < 2 || span[length - 2] != (byte)'\r'))
                    FirstBareLineFeed = LineNumber;
                LineNumber++;
            }
            var next = Continuation(span, length);
            if (next < 0)
                break;
            LineNumber += span[length..next].Count((byte)'\n');
            length = next;
            folds++;
        }
        var raw = bytes.Slice(position, length);
        position += length;
        return Line(raw, folds, first);
    }

    /// <summary>
    /// Where the continuation begins that follows at <paramref name="at"/>, or -1. Old writers put a blank line between a
    /// line and its continuation.
    /// </summary>
    private static int Continuation(ReadOnlySpan<byte> span, int at)
    {
        if (at < span.Length && span[at] is (byte)'\r' or (byte)'\n' && span[0] is not ((byte)'\r' or (byte)'\n'))
        {
            var blank = span[at..].IndexOfAnyExcept((byte)'\r', (byte)'\n');
            at = blank < 0 ? span.Length : at + blank;
        }
        return at < span.Length && span[at] is (byte)' ' or (byte)'\t' ? at : -1;
    }

    private ContentLine Line(ReadOnlyMemory<byte> raw, int folds, int lineNumber)
    {
        TooLong = raw.Length > maxLineBytes;
        if (TooLong)
            return new ContentLine(raw, raw[..LengthWithoutEnd(raw.Span)], 0, 0, lineNumber);
        var logical = folds == 0 ? raw[..LengthWithoutEnd(raw.Span)] : Unfold(raw.Span);
        var span = logical.Span;
        var nameLength = span.IndexOfAnyExcept(NameBytes);
        if (nameLength <= 0 || span[nameLength - 1] == (byte)'.')
            return new ContentLine(raw, logical, 0, 0, lineNumber);
        var colon = span[nameLength] == (byte)':' ? nameLength : span[nameLength] == (byte)';' ? Colon(span, nameLength) : -1;
        return colon < 0
            ? new ContentLine(raw, logical, 0, 0, lineNumber)
            : new ContentLine(raw, logical, nameLength, colon + 1, lineNumber);
    }

    /// <summary>The colon after the parameters, outside quotes. A quote that is never closed is taken as an ordinary character.</summary>
    private static int Colon(ReadOnlySpan<byte> line, int from)
    {
        var quoted = false;
        for (var i = from; i < line.Length; i++)
        {
            if (line[i] == (byte)'"')
                quoted = !quoted;
            else if (line[i] == (byte)':' && !quoted)
                return i;
        }
        var plain = quoted ? line[from..].IndexOf((byte)':') : -1;
        return plain < 0 ? -1 : from + plain;
    }

    private static int LengthWithoutEnd(ReadOnlySpan<byte> line) =>
        line.EndsWith("\n"u8) ? line[..^1].TrimEnd((byte)'\r').Length : line.Length;

    private static byte[] Unfold(ReadOnlySpan<byte> raw)
    {
        var unfolded = new byte[raw.Length];
        var length = 0;
        for (var start = 0; start < raw.Length;)
        {
            var end = raw[start..].IndexOf((byte)'\n');
            var line = raw.Slice(start, end < 0 ? raw.Length - start : end + 1);
            start += line.Length;
            line = line[..LengthWithoutEnd(line)];
            line.CopyTo(unfolded.AsSpan(length));
            length += line.Length;
            // A continuation begins with the blank that marks the fold; an empty line between has none.
            if (start < raw.Length && raw[start] is (byte)' ' or (byte)'\t')
                start++;
        }
        return unfolded.AsSpan(0, length).ToArray();
    }
}
