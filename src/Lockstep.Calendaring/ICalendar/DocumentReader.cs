using System.Text.Unicode;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>Builds the tree of a document from its content lines.</summary>
internal sealed class DocumentReader(CalendarDocument document, CalendarLimits limits)
{
    private CalendarComponent current = document.Root;
    private int depth;

    // Components beyond the depth limit stay lines of the innermost one that is read; this counts how many are open.
    private int skipped;

    public ProblemList Problems { get; } = new(limits.MaxProblems);

    public void Read(ReadOnlyMemory<byte> body)
    {
        if (body.Length > limits.MaxBytes)
        {
            Keep(body, ProblemKind.TooLarge, $"The text has {body.Length:N0} bytes, more than the {limits.MaxBytes:N0} that are read.");
            return;
        }
        if (body.Span.Count((byte)'\n') > limits.MaxLines)
        {
            Keep(body, ProblemKind.TooManyLines, $"The text has more than {limits.MaxLines:N0} lines.");
            return;
        }
        var allUtf8 = Utf8.IsValid(body.Span);
        var lines = new ContentLineReader(body, limits.MaxLineBytes);
        while (lines.Next() is { } line)
            Add(line, lines, allUtf8);
        Finish(lines);
    }

    private void Keep(ReadOnlyMemory<byte> body, ProblemKind kind, string message)
    {
        document.Root.Add(new ContentLine(body, body, 0, 0, 1));
        Problems.Add(kind, 0, message + " Nothing of it was read.");
    }

    private void Add(ContentLine line, ContentLineReader lines, bool allUtf8)
    {
        if (!allUtf8 && !Utf8.IsValid(line.Logical))
            Problems.Add(ProblemKind.NotUtf8, line.LineNumber, "The line is not UTF-8; it is read as Latin-1.");
        if (!line.IsProperty)
            AddUnreadable(line, lines);
        else if (line.Is("BEGIN"u8))
            Begin(line);
        else if (line.Is("END"u8))
            End(line);
        else
            current.Add(line);
    }

    private void AddUnreadable(ContentLine line, ContentLineReader lines)
    {
        current.Add(line);
        if (lines.TooLong)
            Problems.Add(ProblemKind.LineTooLong, line.LineNumber, $"The line is longer than {limits.MaxLineBytes:N0} bytes; it is kept, not read.");
        else if (!line.Logical.Trim(" \t\r"u8).IsEmpty)
            Problems.Add(ProblemKind.BadLine, line.LineNumber, "The line is not NAME:value; it is kept, not read (RFC 5545 section 3.1).");
        else if (current != document.Root)
            Problems.Add(ProblemKind.BlankLine, line.LineNumber, "A blank line stands inside a component; it is kept.");
    }

    private void Begin(ContentLine line)
    {
        if (depth >= limits.MaxDepth)
        {
            if (skipped++ == 0)
                Problems.Add(ProblemKind.TooDeep, line.LineNumber, $"Components are nested deeper than {limits.MaxDepth}; the inner ones are kept, not read.");
            current.Add(line);
            return;
        }
        var component = new CalendarComponent(ComponentName(line), line, document);
        current.Add(component);
        current = component;
        depth++;
    }

    private void End(ContentLine line)
    {
        if (skipped > 0)
        {
            skipped--;
            current.Add(line);
            return;
        }
        var name = ComponentName(line);
        var open = current;
        while (open is not null && open.Name != name)
            open = open.Parent;
        if (open is null || open == document.Root)
        {
            Problems.Add(ProblemKind.UnmatchedEnd, line.LineNumber, $"END:{Shown(name)} has no BEGIN.");
            // A name that no component has is a misspelt one, END:VTOOD.
            if (PropertyNames.IsKnown(name) || current == document.Root || current.Name == "VCALENDAR")
            {
                current.Add(line);
                return;
            }
            open = current;
        }
        while (current != open)
            Close(line.LineNumber);
        current.End = line;
        current = current.Parent!;
        depth--;
    }

    private void Close(int lineNumber)
    {
        Problems.Add(ProblemKind.MissingEnd, lineNumber, $"BEGIN:{Shown(current.Name)} of line {current.LineNumber} has no END.");
        current = current.Parent!;
        depth--;
    }

    private void Finish(ContentLineReader lines)
    {
        while (current != document.Root)
            Close(lines.LineNumber);
        if (lines.FirstBareLineFeed > 0)
            Problems.Add(ProblemKind.BareLineFeed, lines.FirstBareLineFeed, "Lines end in LF; RFC 5545 section 3.1 asks for CRLF.");
        if (!document.Components.Any())
            Problems.Add(ProblemKind.Empty, 0, "There is no component; an iCalendar text begins with BEGIN:VCALENDAR.");
    }

    private static string ComponentName(ContentLine line)
    {
        var logical = line.Logical;
        return PropertyNames.Of(logical[(logical.IndexOf((byte)':') + 1)..].Trim(" \t\r"u8));
    }

    private static string Shown(string name) => name.Length <= 40 ? name : name[..40];
}
