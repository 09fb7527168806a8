using System.Globalization;
using Lockstep.Server.Calendars;
using Lockstep.Server.Integrations;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.Connections;

/// <summary>What is connected, and what can be done with it: each deed is the API's endpoint, called with this session.</summary>
internal static class ConnectionEndpoints
{
    private const string Section = "connections";
    private const int Most = 200;
    private const int Charted = 60;
    private const int Conflicts = 20;

    /// <summary>The API says which call mends it; here it is a form of this page.</summary>
    private const string Stopped = "It is stopped, and nothing is sent before that changes. The page says below what it waits for: as a rule, another password.";

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/connections", List);
        console.MapGet("/connections/{id:guid}", Show);
        console.MapPost("/connections/{id:guid}/sync", Sync);
        console.MapPost("/connections/{id:guid}/enabled", Enable);
        console.MapPost("/connections/{id:guid}/password", Password);
        console.MapPost("/connections/{id:guid}/confirm-deletions", Confirm);
        console.MapPost("/connections/{id:guid}/remove", Remove);
        console.MapPost("/connections/{id:guid}/conflicts/{conflict:guid}/restore", Restore);
    }

    private static async Task<IResult> List(ConsoleVisit visit, IntegrationStore store, CancellationToken ct) =>
        await visit.Page<ConnectionsPage>(Section, await store.List(visit.Session, null, null, Most, ct));

    private static Task<IResult> Show(Guid id, ConsoleVisit visit, IntegrationStore store, CancellationToken ct) => Draw(id, visit, store, null, ct);

    private static async Task<IResult> Draw(Guid id, ConsoleVisit visit, IntegrationStore store, Refusal? refusal, CancellationToken ct)
    {
        var integration = new IntegrationId(id);
        if (refusal is { Status: 404 } || await store.Get(visit.Session, integration, ct) is not { } connection)
            return await visit.NotFound();
        return await visit.Page<ConnectionPage>(Section, new ConnectionView(
            connection,
            await store.Calendars(visit.Session, integration, ct),
            await MirrorCount.Of(visit.Session, integration, ct),
            await store.Log(visit.Session, integration, null, Charted, ct),
            (await ConflictStore.List(visit.Session, integration, null, Conflicts, ct))?.Items ?? []), refusal);
    }

    private static async Task<IResult> Sync(Guid id, ConsoleVisit visit, IntegrationStore store, TimeProvider time, CancellationToken ct) =>
        visit.Refused(await IntegrationEndpoints.Sync(id, visit.Session, store, visit.Context.Response, time, ct, wait: 5)) is { } refusal
            ? await Draw(id, visit, store, refusal.Code == "integration_paused" ? refusal with { Detail = Stopped } : refusal, ct)
            : Back(id, "sync-asked");

    private static async Task<IResult> Enable(
        Guid id, ConsoleVisit visit, ConsoleForm form, IntegrationStore store, SqlVault sqlVault, AccountUrls addresses, CancellationToken ct)
    {
        var enabled = form["enabled"] == "true";
        var answer = await IntegrationEndpoints.Update(id, new UpdateIntegrationRequest(Enabled: enabled), visit.Session, store, sqlVault, addresses, ct);
        return visit.Refused(answer) is { } refusal ? await Draw(id, visit, store, refusal, ct) : Back(id, enabled ? "resumed" : "paused");
    }

    private static async Task<IResult> Password(
        Guid id, ConsoleVisit visit, ConsoleForm form, IntegrationStore store, SqlVault sqlVault, AccountUrls addresses, CancellationToken ct)
    {
        if (form.Secret("password") is not { } secret)
            return await Draw(id, visit, store, Refusal.Of(422, "invalid_request", "Nothing was typed, so nothing was changed.", visit.Context), ct);
        var answer = await IntegrationEndpoints.Update(id, new UpdateIntegrationRequest(Secret: secret), visit.Session, store, sqlVault, addresses, ct);
        return visit.Read<IntegrationView>(answer) is (null, { } refusal)
            ? await Draw(id, visit, store, refusal, ct)
            : Back(id, visit.Read<IntegrationView>(answer).Value is { } changed && IntegrationTypes.Find(changed.IntegrationType) is { Syncs: false } ? "kept-anew" : "password-changed");
    }

    private static async Task<IResult> Confirm(Guid id, ConsoleVisit visit, ConsoleForm form, IntegrationStore store, CancellationToken ct)
    {
        var count = int.TryParse(form["count"], NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : 0;
        var answer = await IntegrationEndpoints.Confirm(id, new ConfirmDeletionsRequest(count), visit.Session, store, ct);
        return visit.Refused(answer) is { } refusal ? await Draw(id, visit, store, refusal, ct) : Back(id, "deletions-confirmed");
    }

    /// <summary>Asks for the name, so that nobody removes the wrong one by a slip.</summary>
    private static async Task<IResult> Remove(Guid id, ConsoleVisit visit, ConsoleForm form, IntegrationStore store, CancellationToken ct)
    {
        if (await store.Get(visit.Session, new IntegrationId(id), ct) is not { } connection)
            return await visit.NotFound();
        if (!string.Equals(form["name"], connection.Label.Trim(), StringComparison.OrdinalIgnoreCase))
            return await Draw(id, visit, store, Refusal.Of(422, "name_differs", $"To disconnect it, type its name: {connection.Label}. Nothing was changed.", visit.Context), ct);
        return visit.Refused(await IntegrationEndpoints.Delete(id, visit.Session, store, ct)) is { } refusal
            ? await Draw(id, visit, store, refusal, ct)
            : ConsoleVisit.Go("/console/connections", "removed");
    }

    private static async Task<IResult> Restore(Guid id, Guid conflict, ConsoleVisit visit, IntegrationStore store, EventStore events, CancellationToken ct) =>
        visit.Refused(await ConflictEndpoints.Restore(conflict, visit.Session, events, ct)) is { } refusal
            ? await Draw(id, visit, store, refusal, ct)
            : Back(id, "restored");

    private static IResult Back(Guid id, string said) => ConsoleVisit.Go($"/console/connections/{id}", said);
}
