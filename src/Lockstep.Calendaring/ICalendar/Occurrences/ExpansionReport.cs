using NodaTime;

namespace Lockstep.Calendaring.ICalendar;

/// <summary>What went wrong while a document was expanded; filled while the occurrences are read.</summary>
public sealed class ExpansionReport
{
    private readonly List<CalendarProblem> problems = [];

    /// <summary>Unknown zones, unreadable values, exhausted budgets. At most 100.</summary>
    public IReadOnlyList<CalendarProblem> Problems => problems;

    /// <summary>
    /// Set when a rule was too much work: occurrences that start at or after this may be missing, so this time on must
    /// not be called free.
    /// </summary>
    public Instant? CompleteUntil { get; private set; }

    /// <summary>
    /// True when an event could not be read at all, or one of its rules or dates could not: it may lack occurrences, and
    /// its time must not be called free.
    /// </summary>
    public bool IsIncomplete { get; private set; }

    internal void Add(ProblemKind kind, int line, string message, bool incomplete)
    {
        IsIncomplete |= incomplete;
        if (problems.Count < 100)
            problems.Add(new CalendarProblem(kind, line, message));
    }

    internal void Stop(Instant at, int line)
    {
        if (CompleteUntil is null || at < CompleteUntil)
            CompleteUntil = at;
        Add(ProblemKind.BudgetExhausted, line, "The event repeats too often to be expanded in full.", incomplete: true);
    }
}
