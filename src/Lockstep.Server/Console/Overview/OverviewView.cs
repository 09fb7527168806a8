using Lockstep.Server.Activity;
using Lockstep.Server.Booking;
using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Lockstep.Server.Vault;
using NodaTime;

namespace Lockstep.Server.Console.Overview;

/// <summary>What the first page answers: what is connected, is anything wrong, what next.</summary>
/// <param name="Next">Events of the coming days; null when there are too many to say.</param>
/// <param name="Expiring">Credentials that have expired or soon will.</param>
internal sealed record OverviewView(
    IReadOnlyList<Integration> Connections,
    IReadOnlyList<ConnectionConflicts> Conflicts,
    IReadOnlyList<EventView>? Next,
    IReadOnlyList<CredentialView> Expiring,
    Provider? Provider,
    IReadOnlyList<ActivityView> Activity,
    IReadOnlyDictionary<Guid, string> People,
    DateTimeZone Zone)
{
    public bool HasHours => Provider?.Settings?.WorkingHours is not null;

    public bool IsPublic => Provider is { IsPublic: true };

    /// <summary>A key that is kept for other software is no calendar.</summary>
    public bool HasCalendars => Connections.Any(one => one.Syncs);

    public bool IsSetUp => HasCalendars && HasHours && IsPublic;

    public IEnumerable<Integration> Broken => Connections.Where(one => one.Enabled && (one.Status == "error" || one.Pause is not null));
}

/// <summary>How many conflicts of a connection were not looked at: those of the last week whose loser was not brought back.</summary>
internal sealed record ConnectionConflicts(Integration Connection, int Count);
