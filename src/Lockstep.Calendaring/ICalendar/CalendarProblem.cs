namespace Lockstep.Calendaring.ICalendar;

/// <summary>What kind of thing is wrong with a calendar text.</summary>
public enum ProblemKind
{
    /// <summary>The text is larger than <see cref="CalendarLimits.MaxBytes"/>; nothing of it was read.</summary>
    TooLarge,

    /// <summary>There are more content lines than <see cref="CalendarLimits.MaxLines"/>; nothing of it was read.</summary>
    TooManyLines,

    /// <summary>One content line is longer than <see cref="CalendarLimits.MaxLineBytes"/>; it is kept, not read.</summary>
    LineTooLong,

    /// <summary>Components are nested deeper than <see cref="CalendarLimits.MaxDepth"/>; the inner ones are kept, not read.</summary>
    TooDeep,

    /// <summary>A line is not <c>name *(;param) : value</c> (RFC 5545 section 3.1); it is kept, not read.</summary>
    BadLine,

    /// <summary>A blank line stands between content lines; it is kept.</summary>
    BlankLine,

    /// <summary>Lines end in a bare LF instead of CRLF (RFC 5545 section 3.1).</summary>
    BareLineFeed,

    /// <summary>Bytes are not UTF-8; values on such lines are read as Latin-1.</summary>
    NotUtf8,

    /// <summary>An END has no BEGIN; it is kept as a line.</summary>
    UnmatchedEnd,

    /// <summary>A component has no END; it ends where its parent does.</summary>
    MissingEnd,

    /// <summary>There is no component at all.</summary>
    Empty,

    /// <summary>A property that is needed is not there.</summary>
    MissingProperty,

    /// <summary>A value is not of its type (RFC 5545 section 3.3).</summary>
    BadValue,

    /// <summary>A TZID could not be resolved; another zone was used.</summary>
    UnknownZone,

    /// <summary>A recurrence rule asks for something that is not supported (RFC 7529 calendars).</summary>
    Unsupported,

    /// <summary>Expanding took more work than its budget: occurrences may be missing.</summary>
    BudgetExhausted,
}

/// <summary>One thing that is wrong with a calendar text, and where.</summary>
/// <param name="Line">The physical line, from 1; 0 when it concerns the text as a whole.</param>
/// <param name="Message">A sentence for people. It names properties, never their content.</param>
public sealed record CalendarProblem(ProblemKind Kind, int Line, string Message);
