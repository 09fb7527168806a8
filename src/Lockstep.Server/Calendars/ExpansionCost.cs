using Lockstep.Calendaring.ICalendar;

namespace Lockstep.Server.Calendars;

/// <summary>What one question may cost, however many events it takes in and whoever wrote them.</summary>
internal static class ExpansionCost
{
    private const int Steps = 400_000;
    private const int MaxOccurrences = 50_000;

    /// <summary>Characters of a resource that are read for one step.</summary>
    private const int CharactersPerStep = 100;

    public static ExpansionBudget Budget(CancellationToken ct) => new(Steps, MaxOccurrences, ct);

    /// <returns>Null when the budget is exhausted: nothing is known of the event.</returns>
    public static CalendarDocument? Read(string ics, ExpansionBudget budget) =>
        budget.Spend(1 + (ics.Length / CharactersPerStep)) ? CalendarDocument.Parse(ics) : null;
}
