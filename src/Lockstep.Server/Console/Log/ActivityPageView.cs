using Lockstep.Server.Activity;

namespace Lockstep.Server.Console.Log;

/// <summary>A page of the audit, and what it is filtered by, as it was typed.</summary>
internal sealed record ActivityPageView(
    IReadOnlyList<ActivityView> Items, string? Next, IReadOnlyDictionary<Guid, string> People, string Action, string From, string To, string Entity)
{
    public bool IsFiltered => Action.Length + From.Length + To.Length + Entity.Length > 0;
}
