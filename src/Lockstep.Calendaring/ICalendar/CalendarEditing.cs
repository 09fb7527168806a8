namespace Lockstep.Calendaring.ICalendar;

/// <summary>Changes single content lines and leaves every other byte where it is.</summary>
public static class CalendarEditing
{
    /// <summary>Sets a property to a value as it stands on the line (escaped already).</summary>
    /// <remarks>
    /// The first line of that name is replaced in its place; further ones go; none is there: the new one stands after the last
    /// property. A line that would read the same afterwards keeps its bytes.
    /// </remarks>
    /// <param name="parameters">Null keeps those of the line that is replaced.</param>
    public static void SetProperty(
        this CalendarComponent component, string name, string value, IReadOnlyList<Parameter>? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(component);
        var old = component.Property(name);
        if (old is null)
        {
            component.AddProperty(name, value, parameters);
            return;
        }
        if (parameters is null ? old.Value != value : !SameLine(old, value, parameters))
        {
            var line = parameters is null && old.Parameters.Count > 0
                ? Keeping(old, value)
                : ContentLineWriter.Write(old.Name, parameters ?? [], value, old.LineEnd);
            Replace(component, old, line);
        }
        RemoveAll(component, name, keepFirst: true);
    }

    /// <summary>Sets a TEXT property; null removes it. Parameters such as LANGUAGE or ALTREP stay.</summary>
    public static void SetText(this CalendarComponent component, string name, string? text)
    {
        if (text is null)
            component.RemoveProperty(name);
        else if (component.Property(name) is not { } old || old.Text != text)
            component.SetProperty(name, TextValue.Escape(text));
    }

    /// <summary>Sets DTSTART, DTEND, RECURRENCE-ID and the like, with the VALUE and TZID that the time needs; other parameters stay.</summary>
    public static void SetTime(this CalendarComponent component, string name, CalendarTime time)
    {
        ArgumentNullException.ThrowIfNull(component);
        var others = component.Property(name)?.Parameters.Where(p => p.Name is not ("VALUE" or "TZID")) ?? [];
        component.SetProperty(name, time.ToString(), [.. time.Parameters, .. others]);
    }

    /// <summary>Adds one more line after the last property and before the first inner component.</summary>
    public static void AddProperty(
        this CalendarComponent component, string name, string value, IReadOnlyList<Parameter>? parameters = null)
    {
        ArgumentNullException.ThrowIfNull(component);
        var line = ContentLineWriter.Write(name, parameters ?? [], value, component.Document.LineEnd);
        var last = component.Nodes.FindLastIndex(node => node is ContentLine { IsProperty: true });
        var first = component.Nodes.FindIndex(node => node is CalendarComponent);
        component.Insert(last >= 0 ? last + 1 : Math.Max(first, 0), line);
    }

    /// <returns>How many lines went.</returns>
    public static int RemoveProperty(this CalendarComponent component, string name)
    {
        ArgumentNullException.ThrowIfNull(component);
        return RemoveAll(component, name, keepFirst: false);
    }

    /// <summary>Adds an empty component after everything that is in this one.</summary>
    public static CalendarComponent AddComponent(this CalendarComponent component, string name)
    {
        ArgumentNullException.ThrowIfNull(component);
        return component.InsertComponent(component.Nodes.Count, name);
    }

    /// <summary>Takes the component, all of its lines, out of its parent.</summary>
    public static void Remove(this CalendarComponent component)
    {
        ArgumentNullException.ThrowIfNull(component);
        component.Parent?.Nodes.Remove(component);
        component.Document.Touch();
        component.Parent = null;
    }

    internal static ContentLine Ended(ContentLine line, CalendarDocument document) =>
        line.Reread((byte[])[.. line.Raw.Span, .. document.LineEnd]);

    internal static CalendarComponent InsertComponent(this CalendarComponent component, int index, string name)
    {
        var document = component.Document;
        var added = new CalendarComponent(name, ContentLineWriter.Write("BEGIN", [], name, document.LineEnd), document)
        {
            End = ContentLineWriter.Write("END", [], name, document.LineEnd),
        };
        component.Insert(index, added);
        return added;
    }

    internal static void Insert(this CalendarComponent component, int index, CalendarNode node)
    {
        if (index == component.Nodes.Count && component.End is null)
            component.FinishLine();
        node.Parent = component;
        component.Nodes.Insert(index, node);
        component.Document.Touch();
    }

    private static bool SameLine(ContentLine line, string value, IReadOnlyList<Parameter> parameters) =>
        line.Value == value
        && line.Parameters.Count == parameters.Count
        && line.Parameters.Zip(parameters).All(pair =>
            pair.First.Name.Equals(pair.Second.Name, StringComparison.OrdinalIgnoreCase)
            && pair.First.Values.SequenceEqual(pair.Second.Values));

    private static ContentLine Keeping(ContentLine old, string value) =>
        ContentLineWriter.Write(old.Name, old.Parameters, value, old.LineEnd);

    private static void Replace(CalendarComponent component, ContentLine old, ContentLine line)
    {
        line.Parent = component;
        component.Nodes[component.Nodes.IndexOf(old)] = line;
        component.Document.Touch();
    }

    private static int RemoveAll(CalendarComponent component, string name, bool keepFirst)
    {
        var keep = keepFirst ? component.Property(name) : null;
        var removed = component.Nodes.RemoveAll(node =>
            node is ContentLine line && line != keep && line.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
        if (removed > 0)
            component.Document.Touch();
        return removed;
    }
}
