namespace Lockstep.Calendaring.ICalendar;

/// <summary>How bad a <see cref="CalendarFinding"/> is.</summary>
public enum FindingSeverity
{
    /// <summary>The standard wants it otherwise; programs read it nevertheless.</summary>
    Warning,

    /// <summary>Something is lost, misread or refused by strict servers.</summary>
    Error,
}

/// <summary>One thing that a check of a calendar text found.</summary>
/// <param name="Line">The physical line, from 1; 0 when it concerns the text as a whole.</param>
/// <param name="Component">Such as VEVENT; empty for the text as a whole.</param>
/// <param name="Property">Such as RRULE; null when the component as a whole is meant, or a line that is none.</param>
/// <param name="Message">A sentence for people: what is wrong, and where it is not plain, what to write.</param>
/// <param name="Source">The document and section that decide, such as <c>RFC 5545 section 3.3.10</c>.</param>
public sealed record CalendarFinding(FindingSeverity Severity, int Line, string Component, string? Property, string Message, string Source);
