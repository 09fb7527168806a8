using System.Buffers;
using System.Text;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>
/// A calendar text as a tree of components and content lines. What is not changed is written back byte for byte.
/// </summary>
/// <remarks>Not thread-safe while it is changed; any number of threads may read it.</remarks>
public sealed class CalendarDocument
{
    private readonly ReadOnlyMemory<byte> prefix;
    private string? text;

    private CalendarDocument(ReadOnlyMemory<byte> prefix, ReadOnlyMemory<byte> lineEnd, string? text)
    {
        this.prefix = prefix;
        this.text = text;
        LineEndBytes = lineEnd;
        Root = new CalendarComponent("", null, this);
    }

    /// <summary>What is wrong with the text, in its order; at most <see cref="CalendarLimits.MaxProblems"/>.</summary>
    public IReadOnlyList<CalendarProblem> Problems { get; private set; } = [];

    /// <summary>The outermost components: VCALENDAR, several of them in an export, or a bare VEVENT.</summary>
    public IEnumerable<CalendarComponent> Components => Root.Components;

    /// <summary>The first VCALENDAR, or null.</summary>
    public CalendarComponent? Calendar => Components.FirstOrDefault(component => component.Name == "VCALENDAR");

    /// <summary>Whether anything was changed since it was read.</summary>
    public bool IsChanged { get; private set; }

    internal CalendarComponent Root { get; }

    /// <summary>How new lines end: as the first line of the text does.</summary>
    internal ReadOnlySpan<byte> LineEnd => LineEndBytes.Span;

    private ReadOnlyMemory<byte> LineEndBytes { get; }

    /// <summary>Reads a text; never throws for what it contains, see <see cref="Problems"/>.</summary>
    public static CalendarDocument Parse(string text, CalendarLimits? limits = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        return Parse(Encoding.UTF8.GetBytes(text), limits, text);
    }

    /// <summary>Reads bytes, which must not change afterwards: the document refers to them.</summary>
    public static CalendarDocument Parse(ReadOnlyMemory<byte> bytes, CalendarLimits? limits = null) => Parse(bytes, limits, null);

    /// <summary>An empty document to build in, with CRLF line ends.</summary>
    public static CalendarDocument Create() => new(default, "\r\n"u8.ToArray(), null);

    /// <summary>All components of that name, in order, however deep; not those inside another of that name.</summary>
    public IEnumerable<CalendarComponent> ComponentsNamed(string name) => Named(Root, name);

    public CalendarComponent AddComponent(string name) => Root.AddComponent(name);

    public void WriteTo(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Write(prefix.Span);
        Root.WriteTo(output);
    }

    public byte[] ToBytes()
    {
        var output = new ArrayBufferWriter<byte>(4096);
        WriteTo(output);
        return output.WrittenSpan.ToArray();
    }

    /// <summary>The text. Bytes that are not UTF-8 cannot be shown so; <see cref="ToBytes"/> keeps them.</summary>
    public override string ToString()
    {
        if (text is not null)
            return text;
        var output = new ArrayBufferWriter<byte>(4096);
        WriteTo(output);
        return text = Encoding.UTF8.GetString(output.WrittenSpan);
    }

    // Files forget an END, and what follows then stands inside the component that was not ended.
    private static IEnumerable<CalendarComponent> Named(CalendarComponent outer, string name)
    {
        foreach (var component in outer.Components)
        {
            if (component.Name == name)
                yield return component;
            else if (component.HasComponents)
                foreach (var inner in Named(component, name))
                    yield return inner;
        }
    }

    internal void Touch()
    {
        IsChanged = true;
        text = null;
    }

    private static CalendarDocument Parse(ReadOnlyMemory<byte> bytes, CalendarLimits? limits, string? text)
    {
        ReadOnlySpan<byte> bom = [0xEF, 0xBB, 0xBF];
        var prefix = bytes.Span.StartsWith(bom) ? bytes[..3] : default;
        var body = bytes[prefix.Length..];
        var firstEnd = body.Span.IndexOf((byte)'\n');
        var bare = firstEnd >= 0 && (firstEnd == 0 || body.Span[firstEnd - 1] != (byte)'\r');
        var document = new CalendarDocument(prefix, bare ? "\n"u8.ToArray() : "\r\n"u8.ToArray(), text);
        var builder = new DocumentReader(document, limits ?? CalendarLimits.Default);
        builder.Read(body);
        document.Problems = builder.Problems.List;
        return document;
    }
}
