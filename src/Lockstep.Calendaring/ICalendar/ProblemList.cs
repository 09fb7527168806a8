namespace Lockstep.Calendaring.ICalendar;

/// <summary>Collects problems up to a limit; the last one then says how many more there were.</summary>
internal sealed class ProblemList(int max)
{
    private readonly List<CalendarProblem> problems = [];
    private int more;

    public IReadOnlyList<CalendarProblem> List =>
        more == 0 ? problems : [.. problems, new CalendarProblem(problems[^1].Kind, 0, $"{more} more problems are not listed.")];

    public void Add(ProblemKind kind, int line, string message)
    {
        if (problems.Count < max)
            problems.Add(new CalendarProblem(kind, line, message));
        else
            more++;
    }
}
