using Lockstep.Server.Console.People;
using Lockstep.Server.Integrations;
using Lockstep.Server.Integrations.Connecting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Connections;

/// <summary>Connecting an account: what it is, sign-in, calendars, first sync; or the one form of an address or a key.</summary>
internal static class ConnectEndpoints
{
    private const string Section = "connections";

    /// <summary>Where accounts are disconnected.</summary>
    private const string Here = "under Connections";

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/connections/new", New);
        console.MapPost("/connections/find", Find);
        console.MapPost("/connections", Connect);
        console.MapPost("/connections/store", Store);
        console.MapGet("/connections/{id:guid}/first-sync", FirstSync);
    }

    private static async Task<IResult> New(ConsoleVisit visit, string? provider, CancellationToken ct) => (provider, Choice(provider)) switch
    {
        (null, _) => await visit.Page<ProvidersPage>(Section, ConnectChoice.All),
        (_, { SignsIn: true } choice) => await visit.Page<AccountPage>(Section, new AccountView(choice.Preset, "", "")),
        (_, { } choice) => await visit.Page<FieldsPage>(Section, new NewFields(FieldsView.Of(choice, ConsoleForm.Empty), "", null, await Administered.By(visit, ct))),
        _ => await visit.NotFound(),
    };

    private static async Task<IResult> Find(ConsoleVisit visit, ConsoleForm form, ConnectDoors doors, PendingAccounts pending, CancellationToken ct)
    {
        if (Choice(form["provider"]) is not { SignsIn: true } choice)
            return await visit.NotFound();
        var account = new AccountView(choice.Preset, form["url"], form["username"]);
        var (found, refusal) = await Connecting.Find(visit.Context, account, form.Secret("password"), doors, ct);
        if (found is null || form.Secret("password") is not { } password)
            return await visit.Page<AccountPage>(Section, account, refusal);
        var id = pending.Keep(visit.SignedIn.Id, choice.Id, found.Url, account.Username, password, found);
        return await visit.Page<ChoosePage>(Section, ChooseView.Of(id.ToString(), choice, account.Username, found.Calendars) with { Workspaces = await Administered.By(visit, ct) });
    }

    private static async Task<IResult> Connect(ConsoleVisit visit, ConsoleForm form, ConnectDoors doors, PendingAccounts pending, CancellationToken ct)
    {
        if (pending.Find(visit.SignedIn.Id, form["account"]) is not { } account || Choice(account.Provider) is not { } choice)
            return await visit.Page<AccountPage>(Section, new AccountView(Choice(form["provider"])?.Preset, "", form["username"]), Connecting.TooLate(visit.Context));
        var view = ChooseView.Of(form["account"], choice, account.Username, account.Found.Calendars).Chosen(form) with { Label = form["label"], Whose = Administered.Read(form) };
        var connected = await Connecting.Make(
            visit.Context, visit.Session, new CreateIntegrationRequest(choice.Type.Type, form.OrNull("label"), view.Whose, view.Config(account.Url)),
            () => Connecting.Copy(account.Password), Here, doors, ct);
        if (connected.Made is null)
            return await visit.Page<ChoosePage>(Section, view with { Workspaces = await Administered.By(visit, ct) }, connected.Refusal);
        pending.Remove(form["account"]);
        return Next(connected);
    }

    private static async Task<IResult> Store(ConsoleVisit visit, ConsoleForm form, ConnectDoors doors, CancellationToken ct)
    {
        if (Choice(form["provider"]) is not { SignsIn: false } choice)
            return await visit.NotFound();
        var view = new NewFields(FieldsView.Of(choice, form), form["label"], Administered.Read(form), await Administered.By(visit, ct));
        Task<IResult> Again(Refusal? refusal) => visit.Page<FieldsPage>(Section, view, view.Fields.InItsWords(refusal));
        if (view.Fields.Missing(form, visit.Context) is { } missing)
            return await Again(missing);
        if (view.Fields.IsFeed)
        {
            using var address = form.Secret(TypeField.Secret);
            if (visit.Read<DiscoverAnswer>(await DiscoveryEndpoints.DiscoverFeed(address, doors.Feeds, ct)) is (null, var unread))
                return await Again(unread);
        }
        var connected = await Connecting.Make(
            visit.Context, visit.Session, view.Fields.Request(form, form.OrNull("label"), view.Whose), () => form.Secret(TypeField.Secret), Here, doors, ct);
        return connected.Made is null ? await Again(connected.Refusal) : Next(connected);
    }

    private static IResult Next(Connected connected) => connected switch
    {
        { Renewed: true } => ConsoleVisit.Go($"/console/connections/{connected.Made!.Id}", connected.Syncs ? "renewed" : "kept-anew"),
        { Syncs: true } => ConsoleVisit.Go($"/console/connections/{connected.Made!.Id}/first-sync"),
        _ => ConsoleVisit.Go($"/console/connections/{connected.Made!.Id}", "kept"),
    };

    private static async Task<IResult> FirstSync(Guid id, ConsoleVisit visit, IntegrationStore store, CancellationToken ct)
    {
        var integration = new Tenancy.IntegrationId(id);
        if (await store.Get(visit.Session, integration, ct) is not { Syncs: true } connection)
            return await visit.NotFound();
        var view = await FirstSyncView.Of(visit.Session, store, connection, visit.Now, ct);
        // Not in the page: whoever reads it with a screen reader can stop it there as anywhere, and it ends by itself.
        if (!view.IsOver)
            visit.Context.Response.Headers["Refresh"] = "1";
        return await visit.Page<FirstSyncPage>(Section, view);
    }

    private static ConnectChoice? Choice(string? id) => ConnectChoice.All.FirstOrDefault(choice => choice.Id == id);
}
