namespace Lockstep.Calendaring.ICalendar;

/// <summary>How much work expanding may take. One unit is about one day looked at or one instance made.</summary>
/// <param name="units">Shared by everything that is given this budget.</param>
/// <param name="parent">A wider budget that is spent as well, or null.</param>
/// <param name="ct">Heeded with every spending: nothing long goes on without one.</param>
internal sealed class WorkBudget(int units, WorkBudget? parent = null, CancellationToken ct = default)
{
    private int left = units;

    public bool IsExhausted => left <= 0 || parent is { IsExhausted: true };

    /// <returns>False when there is nothing left: stop.</returns>
    public bool Spend(int cost)
    {
        ct.ThrowIfCancellationRequested();
        if (left <= 0)
            return false;
        left -= cost;
        return parent is null || parent.Spend(cost);
    }
}
