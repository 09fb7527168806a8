using System.Globalization;
using Lockstep.Server.Console.People;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Lockstep.Server.Vault.OAuth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using NodaTime.Text;

namespace Lockstep.Server.Console.Secrets;

/// <summary>Credentials: each deed is the API's endpoint, called with this session, so that the same rules and the same audit hold.</summary>
internal static class CredentialPages
{
    private const string Section = "credentials";
    private const int PerPage = 50;

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/credentials", List);
        console.MapGet("/credentials/new", New);
        console.MapPost("/credentials", Store);
        console.MapGet("/credentials/{id:guid}", Show);
        console.MapPost("/credentials/{id:guid}/reveal", Reveal);
        console.MapPost("/credentials/{id:guid}/rotate", Rotate);
        console.MapPost("/credentials/{id:guid}/describe", Describe);
        console.MapPost("/credentials/{id:guid}/rollback", Rollback);
        console.MapPost("/credentials/{id:guid}/revoke", Revoke);
        console.MapPost("/credentials/{id:guid}/delete", Delete);
    }

    private static async Task<IResult> List(ConsoleVisit visit, CredentialVault vault, string? name, string? provider, string? state, Guid? after, CancellationToken ct)
    {
        var filter = new CredentialFilter(
            provider is { Length: > 0 } ? provider : null, null, null, null, after is { } last ? new CredentialId(last) : null, PerPage,
            name is { Length: > 0 } ? name : null,
            state switch { "active" => true, "revoked" => false, _ => null },
            state switch { "expired" => true, "active" => false, _ => null },
            state == "expiring" ? visit.Now + Duration.FromDays(14) : null);
        var page = await vault.List(visit.Session, filter, ct);
        return await visit.Page<CredentialListPage>(Section, new CredentialListView(page.Items, page.Next, name ?? "", provider ?? "", state ?? ""));
    }

    private static async Task<IResult> New(ConsoleVisit visit, CancellationToken ct) =>
        await visit.Page<NewCredentialPage>(Section, new NewCredentialView("", "", "API_KEY", "", "", null, await Administered.By(visit, ct)));

    private static async Task<IResult> Store(ConsoleVisit visit, ConsoleForm form, CredentialVault vault, GrantRules grants, CancellationToken ct)
    {
        var view = new NewCredentialView(form["name"], form["provider"], form["type"], form["description"], form["expires"], Administered.Read(form), await Administered.By(visit, ct));
        if (!Enum.TryParse<CredentialType>(view.Type, out var type) || !Day(view.ExpiresOn, out var expires))
            return await visit.Page<NewCredentialPage>(Section, view, BadDay(visit));
        var request = new StoreCredentialRequest(view.Name, view.Provider, type, form.Secret("value"), Scope: view.Whose is null ? null : CredentialScope.WORKSPACE,
            WorkspaceId: view.Whose, Description: form.OrNull("description"), ExpiresAt: expires);
        using var secret = request.Value;
        var (stored, refusal) = visit.Read<CredentialView>(await CredentialEndpoints.Store(request, visit.Session, vault, grants, ct));
        return stored is null ? await visit.Page<NewCredentialPage>(Section, view, refusal) : Back(stored.Id, "stored");
    }

    private static Task<IResult> Show(Guid id, ConsoleVisit visit, CredentialVault vault, CancellationToken ct) => Draw(id, visit, vault, null, ct);

    private static async Task<IResult> Draw(Guid id, ConsoleVisit visit, CredentialVault vault, Refusal? refusal, CancellationToken ct, string? value = null) =>
        refusal is { Status: 404 } || await vault.Get(visit.Session, new CredentialId(id), ct) is not { } credential
            ? await visit.NotFound()
            : await visit.Page<CredentialPage>(Section, new CredentialPageView(
                credential, await Administered.Name(visit, credential.WorkspaceId, ct), await vault.Versions(visit.Session, new CredentialId(id), ct), value), refusal);

    /// <summary>Shows the value once, in the answer to this form; a minute later the page without it is loaded.</summary>
    private static async Task<IResult> Reveal(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct)
    {
        var answer = await CredentialEndpoints.Reveal(id, new RevealRequest(form["purpose"]), visit.Session, vault, visit.Context.Response, ct);
        var (revealed, refusal) = visit.Read<RevealAnswer>(answer);
        if (revealed is null)
            return await Draw(id, visit, vault, refusal, ct);
        visit.Context.Response.Headers["Refresh"] = $"60; url=/console/credentials/{id}";
        return await Draw(id, visit, vault, null, ct, revealed.Value.RevealText());
    }

    private static async Task<IResult> Rotate(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, GrantRules grants, CancellationToken ct)
    {
        using var secret = form.Secret("value");
        var version = int.TryParse(form["version"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (int?)null;
        var grace = int.TryParse(form["grace"], NumberStyles.None, CultureInfo.InvariantCulture, out var hours) && hours is > 0 and <= 720 ? hours * 3600 : (int?)null;
        return visit.Refused(await CredentialEndpoints.Rotate(id, new RotateRequest(secret, null, version, grace), visit.Session, vault, grants, ct)) is { } refusal
            ? await Draw(id, visit, vault, refusal, ct)
            : Back(id, "rotated");
    }

    private static async Task<IResult> Describe(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct)
    {
        if (!Day(form["expires"], out var expires))
            return await Draw(id, visit, vault, BadDay(visit), ct);
        var request = new UpdateCredentialRequest { Name = form.OrNull("name"), Description = form.OrNull("description"), ExpiresAt = expires };
        return visit.Refused(await CredentialEndpoints.Update(id, request, visit.Session, vault, ct)) is { } refusal
            ? await Draw(id, visit, vault, refusal, ct)
            : Back(id, "described");
    }

    private static async Task<IResult> Rollback(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct)
    {
        _ = int.TryParse(form["version"], NumberStyles.None, CultureInfo.InvariantCulture, out var version);
        return visit.Refused(await CredentialEndpoints.Rollback(id, new RollbackRequest(version), visit.Session, vault, ct)) is { } refusal
            ? await Draw(id, visit, vault, refusal, ct)
            : Back(id, "rolled-back");
    }

    private static async Task<IResult> Revoke(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct) =>
        await Named(id, visit, form, vault, ct) is { } stopped ? stopped
        : visit.Refused(await CredentialEndpoints.Revoke(id, visit.Session, vault, ct)) is { } refusal ? await Draw(id, visit, vault, refusal, ct)
        : Back(id, "revoked");

    private static async Task<IResult> Delete(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct) =>
        await Named(id, visit, form, vault, ct) is { } stopped ? stopped
        : visit.Refused(await CredentialEndpoints.Delete(id, visit.Session, vault, ct)) is { } refusal ? await Draw(id, visit, vault, refusal, ct)
        : ConsoleVisit.Go("/console/credentials", "deleted");

    /// <summary>What cannot be undone asks for the name.</summary>
    /// <returns>Null to go on.</returns>
    private static async Task<IResult?> Named(Guid id, ConsoleVisit visit, ConsoleForm form, CredentialVault vault, CancellationToken ct) =>
        await vault.Get(visit.Session, new CredentialId(id), ct) is not { } credential ? await visit.NotFound()
        : string.Equals(form["name"], credential.Name.Trim(), StringComparison.OrdinalIgnoreCase) ? null
        : await Draw(id, visit, vault, Refusal.Of(422, "name_differs", $"This cannot be undone: type its name, {credential.Name}. Nothing was changed.", visit.Context), ct);

    private static IResult Back(Guid id, string said) => ConsoleVisit.Go($"/console/credentials/{id}", said);

    /// <summary>The end of that day, UTC; nothing for an empty field.</summary>
    private static bool Day(string text, out Instant? end)
    {
        end = null;
        if (text.Length == 0)
            return true;
        var parsed = LocalDatePattern.Iso.Parse(text);
        if (parsed.Success)
            end = parsed.Value.PlusDays(1).AtMidnight().InUtc().ToInstant() - Duration.FromSeconds(1);
        return parsed.Success;
    }

    private static Refusal BadDay(ConsoleVisit visit) => Refusal.Of(422, "invalid_request", "The day of expiry is not a day. Write it 2027-03-31, or leave it empty. Nothing was stored.", visit.Context);
}
