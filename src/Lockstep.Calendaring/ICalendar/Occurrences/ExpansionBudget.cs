namespace Lockstep.Calendaring.ICalendar;

/// <summary>What expanding several documents for one question may cost together. Not for use by several threads at once.</summary>
/// <param name="steps">About one day looked at or one instance made each.</param>
/// <param name="occurrences">Occurrences handed out.</param>
/// <param name="ct">Heeded within the expansion, also where no occurrence is found.</param>
public sealed class ExpansionBudget(int steps, int occurrences, CancellationToken ct)
{
    private int left = occurrences;

    /// <summary>True from when something had to be left out: what was asked must not be called free.</summary>
    public bool IsExhausted => left < 0 || Work.IsExhausted;

    internal WorkBudget Work { get; } = new(steps, null, ct);

    /// <summary>Spends steps on work outside the expansion, such as reading a document.</summary>
    /// <returns>False when there is nothing left: stop.</returns>
    public bool Spend(int cost) => Work.Spend(cost) && !IsExhausted;

    internal bool TakeOccurrence() => left >= 0 && --left >= 0;
}
