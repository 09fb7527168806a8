using Lockstep.Calendaring.Caldav;
using Lockstep.Server.Calendars;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Integrations.Caldav;

/// <summary>What one run works with.</summary>
/// <param name="RequireLease">Throws when the run may not write any more; asked before each transaction and each write to the server.</param>
/// <param name="Deletions">How many deletions at once were agreed to; shared by the calendars of the run.</param>
/// <param name="Now">Of the begin of the run.</param>
internal sealed record SyncTools(
    CaldavClient Client, CalendarMirror Mirror, TenantSession Session, Action RequireLease, DeletionAllowance Deletions, Instant Now)
{
    /// <returns>How many events changed here; the calendar may be gone meanwhile, then none.</returns>
    public async Task<int> Apply(MirroredCalendar calendar, RemotePage page, CancellationToken ct)
    {
        RequireLease();
        return (await Mirror.ApplyPage(Session, calendar.Id, page, ct))?.Pulled ?? 0;
    }
}

/// <summary>How many suspicious deletions are still allowed.</summary>
internal sealed class DeletionAllowance(int confirmed)
{
    private int left = confirmed;

    /// <summary>Takes them from what was agreed to, where that is needed.</summary>
    /// <param name="known">How many there were, with those that went before.</param>
    /// <param name="earlier">How many of the same calendar went shortly before.</param>
    /// <returns>False when somebody has to agree first.</returns>
    public bool Allows(int deletions, int known, int earlier = 0)
    {
        if (deletions == 0 || !SyncPlan.IsSuspicious(deletions + earlier, known, 0))
            return true;
        if (deletions > left)
            return false;
        left -= deletions;
        return true;
    }
}

/// <summary>What came of reading or writing one calendar.</summary>
/// <param name="Items">Events read or written.</param>
/// <param name="Failure">Null when all went well.</param>
/// <param name="EndsTheRun">The other calendars need not be tried.</param>
internal record CalendarResult(int Items, SyncFailure? Failure = null, bool EndsTheRun = false)
{
    public static CalendarResult Failed(int items, CaldavFailure failure) => new(items, failure.ToSyncFailure(), failure.EndsTheRun());
}
