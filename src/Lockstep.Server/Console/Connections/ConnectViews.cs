using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Postgres;
using NodaTime;

namespace Lockstep.Server.Console.Connections;

/// <param name="Provider">Null: any CalDAV server.</param>
/// <param name="Url">As it was typed.</param>
internal sealed record AccountView(ProviderPreset? Provider, string Url, string Username)
{
    private const string Server = "https://HOST";

    /// <summary>The account's owner has to say where it is.</summary>
    public bool AsksForAddress => Provider is null || Provider.Url.StartsWith(Server, StringComparison.Ordinal);

    /// <summary>Where to look. Of what everybody can run the name of the server is enough: the rest of the address is known.</summary>
    public string Address => !AsksForAddress ? Provider!.Url : Provider is not null && Origin(Url) is { } server ? server + Provider.Url[Server.Length..] : Url;

    public string Hint => Provider?.Hint
        ?? "With the user name and password that your calendar app uses there. If the account has two-factor sign-in, make an app password for this.";

    public string AddressHint => Provider is { } one
        ? $"Where your {one.Name} is, such as calendar.example.com, or the whole address that it shows for calendar apps."
        : "A domain such as example.com, your e-mail address, or a whole address such as https://dav.example.com/";

    /// <returns>Null for an address that says more than a server.</returns>
    private static string? Origin(string typed) =>
        !typed.Contains('@', StringComparison.Ordinal)
        && Uri.TryCreate(typed.Contains("://", StringComparison.Ordinal) ? typed : $"https://{typed}", UriKind.Absolute, out var url)
        && url is { Scheme: "https" or "http", AbsolutePath: "/", Query: "", Fragment: "" }
            ? url.GetLeftPart(UriPartial.Authority)
            : null;
}

/// <param name="Id">Of the pending account.</param>
/// <param name="Write">Where new events go.</param>
internal sealed record ChooseView(string Id, string Provider, string Username, string Label, IReadOnlyList<DiscoveredCalendar> Calendars, string? Write, IReadOnlySet<string> Read)
{
    public Guid? Whose { get; init; }

    /// <summary>That the account may be connected for.</summary>
    public IReadOnlyList<Tenancy.WorkspaceView> Workspaces { get; init; } = [];

    /// <summary>Everything ticked.</summary>
    public static ChooseView Of(string id, ConnectChoice choice, string username, IReadOnlyList<DiscoveredCalendar> calendars) => new(
        id, choice.Id, username, choice.Preset?.Name ?? "", calendars,
        calendars.FirstOrDefault(calendar => !calendar.ReadOnly)?.Href,
        calendars.Select(calendar => calendar.Href).ToHashSet(StringComparer.Ordinal));

    public ChooseView Chosen(ConsoleForm form) => this with { Write = form["write"], Read = form.All("read").ToHashSet(StringComparer.Ordinal) };

    /// <param name="url">That answered.</param>
    public ConfigRequest Config(string url) => new(url, Username, Write, [.. Read.Where(href => href != Write)]);
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
