using System.Buffers;
using System.Text;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Makes content lines: parameters quoted and encoded, folded at 75 octets between characters (RFC 5545 section 3.1, RFC 6868).</summary>
internal static class ContentLineWriter
{
    private const int MaxOctets = 75;
    private static readonly SearchValues<char> NeedQuotes = SearchValues.Create(":;,");

    /// <param name="value">As it stands on the line: escaped already, without line breaks.</param>
    /// <param name="lineEnd">CRLF, or what the rest of the document uses.</param>
    public static ContentLine Write(string name, IReadOnlyList<Parameter> parameters, string value, ReadOnlySpan<byte> lineEnd)
    {
        Check(name, parameters, value);
        var head = new StringBuilder(name.ToUpperInvariant());
        foreach (var parameter in parameters)
        {
            head.Append(';').Append(parameter.Name.ToUpperInvariant()).Append('=');
            for (var i = 0; i < parameter.Values.Count; i++)
                Encode(head.Append(i == 0 ? "" : ","), parameter.Values[i]);
        }
        var logical = Encoding.UTF8.GetBytes(head.Append(':').ToString());
        var valueStart = logical.Length;
        logical = [.. logical, .. Encoding.UTF8.GetBytes(value)];
        return new ContentLine(Fold(logical, lineEnd), logical, name.Length, valueStart, 0);
    }

    private static void Check(string name, IReadOnlyList<Parameter> parameters, string value)
    {
        if (!IsToken(name) || parameters.Any(p => !IsToken(p.Name)))
            throw new ArgumentException("A property or parameter name holds letters, digits and hyphens only.", nameof(name));
        if (value.AsSpan().IndexOfAny('\r', '\n', '\0') >= 0)
            throw new ArgumentException("A value holds no line break; escape it first.", nameof(value));
    }

    private static bool IsToken(string name) => name.Length > 0 && name.All(c => char.IsAsciiLetterOrDigit(c) || c == '-');

    private static void Encode(StringBuilder head, string value)
    {
        var quote = value.AsSpan().IndexOfAny(NeedQuotes) >= 0 ? "\"" : "";
        head.Append(quote);
        foreach (var c in value)
            _ = c switch
            {
                '^' => head.Append("^^"),
                '"' => head.Append("^'"),
                '\n' => head.Append("^n"),
                '\t' => head.Append(c),
                < ' ' or '\x7f' => head,
                _ => head.Append(c),
            };
        head.Append(quote);
    }

    private static byte[] Fold(byte[] line, ReadOnlySpan<byte> lineEnd)
    {
        if (line.Length <= MaxOctets)
            return [.. line, .. lineEnd];
        var folded = new ArrayBufferWriter<byte>(line.Length + (line.Length / 70 * 3) + 2);
        for (int start = 0, room = MaxOctets; start < line.Length; room = MaxOctets - 1)
        {
            var end = Math.Min(start + room, line.Length);
            while (end < line.Length && (line[end] & 0xC0) == 0x80)
                end--;
            if (start > 0)
                folded.Write(" "u8);
            folded.Write(line.AsSpan(start, end - start));
            folded.Write(lineEnd.IsEmpty && end < line.Length ? "\r\n"u8 : lineEnd);
            start = end;
        }
        return folded.WrittenSpan.ToArray();
    }
}
