using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Lockstep.Server.Postgres;

namespace Lockstep.Server.Console.Connections;

/// <summary>A calendar, and the account that it came with.</summary>
internal sealed record ConnectedCalendar(Integration Connection, MirroredCalendar Calendar)
{
    private const int MostConnections = 50;

    public string Name => Calendar.Name.Length > 0 ? Calendar.Name : Calendar.Href;

    public static async Task<IReadOnlyList<ConnectedCalendar>> Of(TenantSession session, IntegrationStore store, CancellationToken ct)
    {
        var found = new List<ConnectedCalendar>();
        foreach (var connection in (await store.List(session, null, null, MostConnections, ct)).Where(one => one.Syncs))
            foreach (var calendar in await store.Calendars(session, connection.Id, ct))
                found.Add(new ConnectedCalendar(connection, calendar));
        return found;
    }
}
