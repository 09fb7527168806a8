using System.Security.Cryptography;
using Lockstep.Crypto;
using Lockstep.Server.Console.People;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Connections;

/// <summary>Connecting an account: provider, sign-in, calendars, first sync.</summary>
internal static class ConnectEndpoints
{
    private const string Section = "connections";

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/connections/new", New);
        console.MapPost("/connections/find", Find);
        console.MapPost("/connections", Connect);
        console.MapGet("/connections/{id:guid}/first-sync", FirstSync);
    }

    private static Task<IResult> New(ConsoleVisit visit, string? provider) => provider switch
    {
        null => visit.Page<ProvidersPage>(Section, ByPassword),
        "other" => visit.Page<AccountPage>(Section, new AccountView(null, "", "")),
        _ => Preset(provider) is { } preset ? visit.Page<AccountPage>(Section, Empty(preset)) : visit.NotFound(),
    };

    private static async Task<IResult> Find(
        ConsoleVisit visit, ConsoleForm form, AccountUrls addresses, CaldavClients clients, PendingAccounts pending, CancellationToken ct)
    {
        var preset = Preset(form["provider"]);
        var view = new AccountView(preset, form["url"], form["username"]);
        var url = view.AsksForAddress ? view.Url : preset!.Url;
        // The endpoint disposes the one that it gets.
        var password = form.Secret("password");
        var (found, refusal) = visit.Read<DiscoverAnswer>(await DiscoveryEndpoints.Discover(
            new DiscoverRequest(url, view.Username, form.Secret("password")), addresses, clients, visit.Context.Response, ct));
        if (found is null || password is null)
        {
            password?.Dispose();
            return await visit.Page<AccountPage>(Section, view, refusal);
        }
        var usable = found.Calendars.Where(calendar => calendar.Components.Count == 0 || calendar.Components.Contains("VEVENT")).ToList();
        if (usable.Count == 0)
        {
            password.Dispose();
            return await visit.Page<AccountPage>(Section, view, Refusal.Of(
                422, "no_calendars", "Signing in worked, but this account has no calendar for events. Make one there, in its own calendar app, and try again.", visit.Context));
        }
        var id = pending.Keep(visit.SignedIn.Id, preset?.Id ?? "other", found.Url, view.Username, password, found with { Calendars = usable });
        return await visit.Page<ChoosePage>(Section, Choice(id.ToString(), preset, view.Username, usable) with { Workspaces = await Administered.By(visit, ct) });
    }

    private static async Task<IResult> Connect(
        ConsoleVisit visit, ConsoleForm form, IntegrationStore store, SqlVault sqlVault, AccountUrls addresses, PendingAccounts pending, CancellationToken ct)
    {
        if (pending.Find(visit.SignedIn.Id, form["account"]) is not { } account)
        {
            return await visit.Page<AccountPage>(Section, new AccountView(Preset(form["provider"]), "", form["username"]), Refusal.Of(
                409, "wizard_expired", "This took longer than ten minutes, and the password was not kept. Type it once more.", visit.Context));
        }
        var (write, read) = (form["write"], form.All("read").ToHashSet(StringComparer.Ordinal));
        var request = new CreateIntegrationRequest(
            IntegrationTypes.Caldav,
            form.OrNull("label"),
            Administered.Read(form),
            new ConfigRequest(account.Url, account.Username, write, [.. read.Where(href => href != write)]),
            Copy(account.Password));
        var (made, refusal) = visit.Read<IntegrationView>(await IntegrationEndpoints.Create(request, visit.Session, store, sqlVault, addresses, ct));
        if (made is null)
        {
            var view = Choice(form["account"], Preset(account.Provider), account.Username, account.Found.Calendars) with
            {
                Write = write,
                Read = read,
                Label = form["label"],
                Whose = Administered.Read(form),
                Workspaces = await Administered.By(visit, ct),
            };
            return await visit.Page<ChoosePage>(Section, view, refusal);
        }
        pending.Remove(form["account"]);
        return ConsoleVisit.Go($"/console/connections/{made.Id}/first-sync");
    }

    private static async Task<IResult> FirstSync(Guid id, ConsoleVisit visit, IntegrationStore store, CancellationToken ct)
    {
        var integration = new Tenancy.IntegrationId(id);
        if (await store.Get(visit.Session, integration, ct) is not { } connection)
            return await visit.NotFound();
        var view = await FirstSyncView.Of(visit.Session, store, connection, visit.Now, ct);
        // Not in the page: whoever reads it with a screen reader can stop it there as anywhere, and it ends by itself.
        if (!view.IsOver)
            visit.Context.Response.Headers["Refresh"] = "1";
        return await visit.Page<FirstSyncPage>(Section, view);
    }

    internal static ChooseView Choice(string id, ProviderPreset? preset, string username, IReadOnlyList<DiscoveredCalendar> calendars) => new(
        id, preset?.Id ?? "other", username, preset?.Name ?? "", calendars,
        calendars.FirstOrDefault(calendar => !calendar.ReadOnly)?.Href,
        calendars.Select(calendar => calendar.Href).ToHashSet(StringComparer.Ordinal));

    /// <summary>Google takes OAuth tokens alone, which nobody types.</summary>
    private static readonly IReadOnlyList<ProviderPreset> ByPassword = [.. IntegrationTypes.All.Items[0].Presets.Where(preset => preset.Id != "google")];

    private static ProviderPreset? Preset(string id) => ByPassword.FirstOrDefault(preset => preset.Id == id);

    private static AccountView Empty(ProviderPreset preset) => new AccountView(preset, "", "") is { AsksForAddress: true } asks ? asks with { Url = preset.Url } : new(preset, "", "");

    internal static Secret Copy(Secret secret)
    {
        var bytes = secret.RevealBytes();
        try
        {
            return Secret.FromBytes(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }
}
