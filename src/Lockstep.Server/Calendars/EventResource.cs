using System.Text;
using Lockstep.Calendaring.ICalendar;
using Lockstep.Server.Http;
using NodaTime;

namespace Lockstep.Server.Calendars;

/// <summary>An iCalendar resource that somebody hands in, checked; stored as it is, but without METHOD.</summary>
internal sealed record EventResource(string Ics, EventFacts Facts)
{
    private const int MaxFindings = 20;

    /// <returns>Null, and by line what is wrong among the errors, when it cannot be kept as one event.</returns>
    public static EventResource? Read(byte[] bytes, FieldErrors errors)
    {
        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            errors.Add("ics", "The text is not UTF-8. Send it as text/calendar; charset=utf-8.");
            return null;
        }
        var document = CalendarDocument.Parse(text);
        if (EventFacts.Read(text, out var problem) is not { } facts)
            errors.Add("ics", problem ?? "It is no event.");
        else if (document.Calendar is null)
            errors.Add("ics", "The event stands outside of a VCALENDAR (RFC 5545 section 3.4).");
        Unreadable(document, errors);
        if (errors.Any)
            return null;
        // A resource on a CalDAV server has none (RFC 4791 section 4.1); an invitation that came by mail does.
        return document.Calendar!.RemoveProperty("METHOD") == 0
            ? new EventResource(text, EventFacts.Read(text, out _)!)
            : new EventResource(document.ToString(), EventFacts.Read(document.ToString(), out _)!);
    }

    /// <summary>What would lose lines or occurrences. What is only against the standard is read as people mean it, and kept.</summary>
    private static void Unreadable(CalendarDocument document, FieldErrors errors)
    {
        var report = new ExpansionReport();
        _ = Occurrences.Expand(document, new Interval(null, null), DateTimeZone.Utc, report).Any();
        var problems = document.Problems.Where(problem => problem.Kind is not (ProblemKind.BlankLine or ProblemKind.BareLineFeed))
            .Concat(report.IsIncomplete ? report.Problems.Where(problem => problem.Kind is ProblemKind.BadValue or ProblemKind.MissingProperty) : []);
        var findings = CalendarCheck.Of(document).Where(finding => finding.Severity == FindingSeverity.Error).ToLookup(finding => finding.Line);
        foreach (var problem in problems.Take(MaxFindings))
            errors.Add("ics", findings[problem.Line].FirstOrDefault() is { } finding
                ? $"Line {finding.Line}: {finding.Message} ({finding.Source})"
                : $"Line {problem.Line}: {problem.Message}");
    }
}
