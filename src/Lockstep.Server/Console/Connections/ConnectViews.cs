using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Console.Connections;

/// <param name="Provider">Null: any CalDAV server.</param>
internal sealed record AccountView(ProviderPreset? Provider, string Url, string Username)
{
    /// <summary>The account's owner has to say where it is.</summary>
    public bool AsksForAddress => Provider is null || Provider.Url.Contains("HOST", StringComparison.Ordinal) || Provider.Url.Contains("USER", StringComparison.Ordinal);
}

/// <param name="Id">Of the pending account.</param>
/// <param name="Write">Where new events go.</param>
internal sealed record ChooseView(string Id, string Provider, string Username, string Label, IReadOnlyList<DiscoveredCalendar> Calendars, string? Write, IReadOnlySet<string> Read)
{
    public Guid? Whose { get; init; }

    /// <summary>That the account may be connected for.</summary>
    public IReadOnlyList<Tenancy.WorkspaceView> Workspaces { get; init; } = [];
}

/// <param name="Calendars">Empty while they are being found.</param>
/// <param name="Trouble">Why it does not go on by itself; null while it does.</param>
internal sealed record FirstSyncView(Integration Connection, IReadOnlyList<MirrorCount> Calendars, SyncLogEntry? Finished, string? Trouble)
{
    public long Objects => Calendars.Sum(calendar => calendar.Objects);

    public int Read => Calendars.Count(calendar => calendar.IsRead);

    /// <summary>The page asks again by itself until then.</summary>
    public bool IsOver => Finished is not null || Trouble is not null;

    /// <summary>Its owner has to do something; else it is tried again by itself.</summary>
    public bool NeedsOwner => Connection.Pause is { Until: null };

    public static async Task<FirstSyncView> Of(TenantSession session, IntegrationStore store, Integration connection, Instant now, CancellationToken ct)
    {
        var log = await store.Log(session, connection.Id, null, 1, ct);
        var counts = await MirrorCount.Of(session, connection.Id, ct);
        var trouble = connection.IsPaused(now) ? connection.LastSyncError ?? "The calendar server asked to wait." : log is [{ Error: { } error }] ? error : null;
        return new FirstSyncView(connection, counts, log is [{ Error: null } entry] ? entry : null, trouble);
    }
}
