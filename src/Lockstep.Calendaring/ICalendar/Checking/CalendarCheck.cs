namespace Lockstep.Calendaring.ICalendar;

/// <summary>Says what is wrong with a calendar text by RFC 5545, and where.</summary>
public static class CalendarCheck
{
    /// <returns>By line, at most 1,000; empty when nothing is wrong.</returns>
    public static IReadOnlyList<CalendarFinding> Of(CalendarDocument document)
    {
        ArgumentNullException.ThrowIfNull(document);
        var findings = new FindingList();
        foreach (var problem in document.Problems)
            findings.Add(OfText(problem));
        var zones = new ZoneNames(document, findings);
        foreach (var component in document.Components)
            Check(component, zones, findings);
        SeriesCheck.Check(document, zones.Resolver, findings);
        return findings.List;
    }

    private static void Check(CalendarComponent component, ZoneNames zones, FindingList findings)
    {
        if (component.Parent is { Name: "" } && component.Name is not "VCALENDAR")
            findings.Error(component, null, $"{component.Name} stands outside of a VCALENDAR.", "3.4");
        ComponentRules.Check(component, findings);
        foreach (var line in component.Properties)
        {
            ValueRules.Check(line, findings);
            zones.Check(line);
        }
        if (component.Name == "VEVENT")
            EventCheck.Check(component, zones.Resolver, findings);
        foreach (var inner in component.Components)
            if (!findings.IsFull)
                Check(inner, zones, findings);
    }

    private static CalendarFinding OfText(CalendarProblem problem)
    {
        var warning = problem.Kind is ProblemKind.BlankLine or ProblemKind.BareLineFeed;
        var section = problem.Kind switch
        {
            ProblemKind.NotUtf8 => "3.1.4",
            ProblemKind.UnmatchedEnd or ProblemKind.MissingEnd => "3.6",
            ProblemKind.Empty => "3.4",
            _ => "3.1",
        };
        return new(
            warning ? FindingSeverity.Warning : FindingSeverity.Error, problem.Line, "", null,
            problem.Kind == ProblemKind.BareLineFeed ? "Lines end in LF instead of CRLF." : problem.Message.Replace(" (RFC 5545 section 3.1)", "", StringComparison.Ordinal),
            $"RFC 5545 section {section}");
    }
}
