namespace Lockstep.Calendaring.ICalendar;

/// <summary>Collects findings; the first <see cref="Max"/> are kept, a hostile text has no more to say.</summary>
internal sealed class FindingList
{
    public const int Max = 1000;

    private readonly List<CalendarFinding> findings = [];

    /// <summary>What looking at rules may cost, for the whole text.</summary>
    public WorkBudget Work { get; } = new(1_000_000);

    /// <summary>By line; what concerns the whole text first.</summary>
    public IReadOnlyList<CalendarFinding> List => [.. findings.OrderBy(finding => finding.Line)];

    public bool IsFull => findings.Count >= Max;

    public void Error(ContentLine line, string message, string section) => Add(FindingSeverity.Error, line, message, section);

    public void Warning(ContentLine line, string message, string section) => Add(FindingSeverity.Warning, line, message, section);

    public void Error(CalendarComponent component, string? property, string message, string section) =>
        Add(new(FindingSeverity.Error, component.LineNumber, component.Name, property, message, Rfc(section)));

    public void Warning(CalendarComponent component, string? property, string message, string section) =>
        Add(new(FindingSeverity.Warning, component.LineNumber, component.Name, property, message, Rfc(section)));

    public void Add(CalendarFinding finding)
    {
        if (!IsFull)
            findings.Add(finding);
    }

    /// <param name="section">Of RFC 5545, where no other document is named.</param>
    private static string Rfc(string section) => section.StartsWith("RFC", StringComparison.Ordinal) ? section : $"RFC 5545 section {section}";

    private void Add(FindingSeverity severity, ContentLine line, string message, string section) =>
        Add(new(severity, line.LineNumber, line.Parent?.Name ?? "", line.Name, message, Rfc(section)));
}
