using System.Buffers;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>A component, BEGIN to END, with everything between in its order.</summary>
public sealed class CalendarComponent : CalendarNode
{
    private readonly List<CalendarNode> nodes = [];
    private ContentLine? begin;

    internal CalendarComponent(string name, ContentLine? begin, CalendarDocument document)
    {
        Name = name;
        this.begin = begin;
        Document = document;
    }

    /// <summary>Upper-case: VCALENDAR, VEVENT, VTIMEZONE...; empty for the document's own root.</summary>
    public string Name { get; }

    public override int LineNumber => begin?.LineNumber ?? 0;

    /// <summary>The properties in their order; blank and unreadable lines are left out.</summary>
    public IEnumerable<ContentLine> Properties
    {
        get
        {
            foreach (var node in nodes)
                if (node is ContentLine { IsProperty: true } line)
                    yield return line;
        }
    }

    public IEnumerable<CalendarComponent> Components
    {
        get
        {
            foreach (var node in nodes)
                if (node is CalendarComponent component)
                    yield return component;
        }
    }

    internal bool HasComponents => nodes.Exists(node => node is CalendarComponent);

    internal CalendarDocument Document { get; }

    internal List<CalendarNode> Nodes => nodes;

    /// <summary>Null when the text ended before the component did.</summary>
    internal ContentLine? End { get; set; }

    internal override bool EndsLine =>
        End?.EndsLine ?? (nodes.Count > 0 ? nodes[^1].EndsLine : begin?.EndsLine ?? true);

    /// <returns>The first property of that name, or null.</returns>
    public ContentLine? Property(string propertyName)
    {
        Span<byte> upper = stackalloc byte[64];
        var length = System.Text.Encoding.Latin1.GetBytes(propertyName, upper);
        return Property(upper[..length]);
    }

    /// <summary>All properties of that name, in order.</summary>
    public IEnumerable<ContentLine> PropertiesNamed(string propertyName) =>
        Properties.Where(line => line.Name.Equals(propertyName, StringComparison.OrdinalIgnoreCase));

    /// <returns>The unescaped text of the first property of that name, or null.</returns>
    public string? Text(string propertyName) => Property(propertyName)?.Text;

    internal ContentLine? Property(ReadOnlySpan<byte> propertyName)
    {
        foreach (var node in nodes)
            if (node is ContentLine line && line.Is(propertyName))
                return line;
        return null;
    }

    /// <summary>The same lines, byte for byte, to stand in another place.</summary>
    internal CalendarComponent Copy(CalendarDocument document)
    {
        var copy = new CalendarComponent(Name, begin?.Reread(begin.Raw), document) { End = End?.Reread(End.Raw) };
        foreach (var node in nodes)
            copy.Add(node is CalendarComponent inner ? inner.Copy(document) : ((ContentLine)node).Reread(((ContentLine)node).Raw));
        return copy;
    }

    internal void Add(CalendarNode node)
    {
        node.Parent = this;
        nodes.Add(node);
    }

    internal override void WriteTo(IBufferWriter<byte> output)
    {
        begin?.WriteTo(output);
        foreach (var node in nodes)
            node.WriteTo(output);
        End?.WriteTo(output);
    }

    /// <summary>Ends the last line, so that another may follow a text that stopped in the middle of one.</summary>
    internal void FinishLine()
    {
        if (EndsLine)
            return;
        if (End is not null)
            End = CalendarEditing.Ended(End, Document);
        else if (nodes.Count == 0)
            begin = begin is null ? null : CalendarEditing.Ended(begin, Document);
        else if (nodes[^1] is CalendarComponent last)
            last.FinishLine();
        else
            nodes[^1] = CalendarEditing.Ended((ContentLine)nodes[^1], Document);
    }
}
