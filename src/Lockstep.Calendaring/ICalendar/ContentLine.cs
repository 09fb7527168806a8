using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>One content line with its folds and its line end, byte for byte as it came (RFC 5545 section 3.1).</summary>
/// <remarks>Name, parameters and value are decoded when asked for. A line that could not be read has no name.</remarks>
public sealed class ContentLine : CalendarNode
{
    private readonly ReadOnlyMemory<byte> logical;
    private readonly int nameLength;
    private readonly int valueStart;
    private string? name;
    private string? value;
    private IReadOnlyList<Parameter>? parameters;

    /// <param name="raw">The bytes with folds and line end.</param>
    /// <param name="logical">Unfolded, without the line end.</param>
    /// <param name="nameLength">0 for a line that is no property.</param>
    /// <param name="valueStart">Index in <paramref name="logical"/> just after the colon.</param>
    internal ContentLine(ReadOnlyMemory<byte> raw, ReadOnlyMemory<byte> logical, int nameLength, int valueStart, int lineNumber)
    {
        Raw = raw;
        this.logical = logical;
        this.nameLength = nameLength;
        this.valueStart = valueStart;
        LineNumber = lineNumber;
    }

    public override int LineNumber { get; }

    /// <summary>The bytes as they came, with folds and line end.</summary>
    public ReadOnlyMemory<byte> Raw { get; }

    /// <summary>False for blank lines and for lines that could not be read.</summary>
    public bool IsProperty => nameLength > 0;

    /// <summary>Upper-case, without a vCard-like group prefix; empty for what is no property.</summary>
    public string Name => name ??= PropertyNames.Of(NameBytes);

    /// <summary>The value unfolded but not unescaped; for what is no property, the whole line.</summary>
    public string Value => value ??= Decode(logical.Span[valueStart..]);

    /// <summary>The value as TEXT (RFC 5545 section 3.3.11).</summary>
    public string Text => TextValue.Unescape(Value);

    public IReadOnlyList<Parameter> Parameters =>
        parameters ??=
            !IsProperty || logical.Span[nameLength] != (byte)';'
                ? []
                : ParameterReader.Read(Decode(logical.Span[(nameLength + 1)..(valueStart - 1)]));

    internal ReadOnlySpan<byte> NameBytes => PropertyNames.WithoutGroup(logical.Span[..nameLength]);

    internal ReadOnlySpan<byte> Logical => logical.Span;

    internal override bool EndsLine => Raw.Length > 0 && Raw.Span[^1] == (byte)'\n';

    /// <summary>The bytes that end the line: CRLF, LF or nothing.</summary>
    internal ReadOnlySpan<byte> LineEnd =>
        !EndsLine ? []
        : Raw.Length > 1 && Raw.Span[^2] == (byte)'\r' ? Raw.Span[^2..]
        : Raw.Span[^1..];

    /// <returns>The parameter's values joined by commas, or null when it is absent.</returns>
    public string? Parameter(string parameterName)
    {
        foreach (var parameter in Parameters)
            if (parameter.Name.Equals(parameterName, StringComparison.OrdinalIgnoreCase))
                return parameter.Value;
        return null;
    }

    /// <summary>The whole line, unfolded, as a recurrence or attendee list shows it: <c>EXDATE;TZID=Europe/Berlin:2026...</c>.</summary>
    public override string ToString() => Decode(logical.Span);

    internal bool Is(ReadOnlySpan<byte> upperCaseName) =>
        NameBytes.Length == upperCaseName.Length && Ascii.EqualsIgnoreCase(NameBytes, upperCaseName);

    internal ContentLine Reread(ReadOnlyMemory<byte> otherRaw) => new(otherRaw, logical, nameLength, valueStart, LineNumber) { Parent = Parent };

    internal override void WriteTo(IBufferWriter<byte> output) => output.Write(Raw.Span);

    // Old exporters write Latin-1. Replacement characters would hide what stands there, so such a line is read byte by byte.
    private static string Decode(ReadOnlySpan<byte> bytes) =>
        Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : Encoding.Latin1.GetString(bytes);
}
