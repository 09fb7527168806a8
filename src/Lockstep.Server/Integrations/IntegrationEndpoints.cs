using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Connecting;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Integrations;

/// <param name="Id">The run's: its log entry gets this id.</param>
internal sealed record RunAnswer(Guid Id);

internal static class IntegrationEndpoints
{
    private const int MostPerPage = 200;
    private const int UsualPerPage = 50;
    private const int LongestWait = 60;

    public static void MapIntegrations(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/integration-types", Types).RequireAuthorization(Policies.UserOrService).WithTags("Integrations").WithTokenScope(TokenScopes.ReadIntegrations, TokenScopes.WriteIntegrations)
            .WithName("listIntegrationTypes").WithSummary("What can be connected, with hints for known providers");
        var group = routes.MapGroup("/v1/integrations").RequireAuthorization(Policies.User).WithTags("Integrations").WithTokenScope(TokenScopes.ReadIntegrations, TokenScopes.WriteIntegrations).ProducesProblem(401);
        group.MapPost("", Create).WithName("createIntegration").WithSummary("Connect an account; the secret goes into the vault")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        group.MapGet("", List).WithName("listIntegrations").WithSummary("The connected accounts").ProducesProblem(422);
        group.MapGet("/{id:guid}", Get).WithName("getIntegration").WithSummary("One connected account with its calendars").ProducesProblem(404);
        group.MapPatch("/{id:guid}", Update).WithName("updateIntegration").WithSummary("Change what is given; another host needs the secret again")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422);
        group.MapDelete("/{id:guid}", Delete).WithName("deleteIntegration")
            .WithSummary("Disconnect: deletes its secret and what was mirrored; the remote calendar stays").ProducesProblem(403).ProducesProblem(404);
        group.MapPost("/{id:guid}/sync", Sync).WithMetadata(new EndsWithServer()).WithName("syncIntegration").WithSummary("Sync now; wait=30 waits so many seconds for the result")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422).ProducesProblem(429);
        group.MapGet("/{id:guid}/sync-log", Log).WithName("listSyncLog").WithSummary("What the runs did, newest first").ProducesProblem(404).ProducesProblem(422);
        group.MapPost("/{id:guid}/confirm-deletions", Confirm).WithName("confirmDeletions")
            .WithSummary("Let the next run delete that many events at once").ProducesProblem(404).ProducesProblem(409).ProducesProblem(422);
        routes.MapDiscovery(group);
        routes.MapConnectSessions();
    }

    internal static Ok<IntegrationTypeList> Types() => TypedResults.Ok(IntegrationTypes.All);

    internal static async Task<Results<Created<IntegrationView>, ProblemHttpResult>> Create(
        CreateIntegrationRequest request, TenantSession session, IntegrationStore store, SqlVault sqlVault, AccountUrls addresses, CancellationToken ct)
    {
        using var secret = request.Secret;
        if (request.VaultSecretId is { } named && !await sqlVault.MayName(session.Caller, named, request.WorkspaceId, ct))
            return Problems.NotFound();
        var errors = new FieldErrors();
        // A feed or a receiver is named whole; a calendar account also by its domain.
        if (IntegrationTypes.Find(request.IntegrationType) is null or { Kind: ConfigKind.Caldav })
            request = request with { Config = await addresses.Whole(request.Config, errors, ct) };
        if (errors.Any)
            return Problems.Invalid(errors.All);
        return await store.Create(session, request, ct) switch
        {
            IntegrationOutcome.Done done => TypedResults.Created(
                $"/v1/integrations/{done.Integration.Id}", IntegrationView.Of(done.Integration, done.Calendars)),
            var refused => IntegrationProblems.Of(refused),
        };
    }

    internal static async Task<Results<Ok<Page<IntegrationView>>, ProblemHttpResult>> List(
        TenantSession session, IntegrationStore store, CancellationToken ct, Guid? workspaceId = null, Guid? after = null, int limit = UsualPerPage)
    {
        if (limit is < 1 or > MostPerPage)
            return Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostPerPage}.");
        var found = await store.List(
            session, after is { } last ? new IntegrationId(last) : null, workspaceId is { } workspace ? new WorkspaceId(workspace) : null, limit + 1, ct);
        return TypedResults.Ok(new Page<IntegrationView>(
            [.. found.Take(limit).Select(integration => IntegrationView.Of(integration, []))],
            found.Count > limit ? found[limit - 1].Id.ToString() : null));
    }

    internal static async Task<Results<Ok<IntegrationView>, ProblemHttpResult>> Get(
        Guid id, TenantSession session, IntegrationStore store, CancellationToken ct) =>
        await store.Get(session, new IntegrationId(id), ct) is { } integration
            ? TypedResults.Ok(IntegrationView.Of(integration, await store.Calendars(session, integration.Id, ct)))
            : Problems.NotFound();

    internal static async Task<Results<Ok<IntegrationView>, ProblemHttpResult>> Update(
        Guid id, UpdateIntegrationRequest request, TenantSession session, IntegrationStore store, SqlVault sqlVault, AccountUrls addresses, CancellationToken ct)
    {
        using var secret = request.Secret;
        if (request.VaultSecretId is { } named
            && (await store.Get(session, new IntegrationId(id), ct) is not { } current || !await sqlVault.MayName(session.Caller, named, current.Workspace?.Value, ct)))
            return Problems.NotFound();
        var errors = new FieldErrors();
        request = request with { Config = await addresses.Whole(request.Config, errors, ct) };
        if (errors.Any)
            return Problems.Invalid(errors.All);
        return await store.Update(session, new IntegrationId(id), request, ct) switch
        {
            IntegrationOutcome.Done done => TypedResults.Ok(IntegrationView.Of(done.Integration, done.Calendars)),
            var refused => IntegrationProblems.Of(refused),
        };
    }

    internal static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, TenantSession session, IntegrationStore store, CancellationToken ct) =>
        await store.Delete(session, new IntegrationId(id), ct) is { } refused ? IntegrationProblems.Of(refused) : TypedResults.NoContent();

    internal static async Task<Results<Ok<SyncLogEntry>, Accepted<RunAnswer>, ProblemHttpResult>> Sync(
        Guid id, TenantSession session, IntegrationStore store, HttpResponse response, TimeProvider time, CancellationToken ct, int wait = 0)
    {
        if (wait is < 0 or > LongestWait)
            return Problems.Invalid("wait", $"is {wait}; it goes from 0 to {LongestWait} seconds.");
        var integration = new IntegrationId(id);
        var asked = await store.RequestRun(session, integration, ct);
        if (asked is not RunRequest.Promised promised)
            return IntegrationProblems.Of(asked, response, time);
        if (await store.Await(session, integration, promised.Run, TimeSpan.FromSeconds(wait), ct) is { } entry)
            return TypedResults.Ok(entry);
        return wait > 0 && await store.PauseOf(session, integration, ct) is { } paused
            ? IntegrationProblems.Of(paused, response, time)
            : TypedResults.Accepted($"/v1/integrations/{id}/sync-log", new RunAnswer(promised.Run));
    }

    internal static async Task<Results<Ok<Page<SyncLogEntry>>, ProblemHttpResult>> Log(
        Guid id, TenantSession session, IntegrationStore store, CancellationToken ct, Guid? after = null, int limit = UsualPerPage)
    {
        if (limit is < 1 or > MostPerPage)
            return Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostPerPage}.");
        if (await store.Get(session, new IntegrationId(id), ct) is null)
            return Problems.NotFound();
        var entries = await store.Log(session, new IntegrationId(id), after, limit + 1, ct);
        return TypedResults.Ok(new Page<SyncLogEntry>(
            [.. entries.Take(limit)], entries.Count > limit ? entries[limit - 1].Id.ToString() : null));
    }

    internal static async Task<Results<Ok<IntegrationView>, ProblemHttpResult>> Confirm(
        Guid id, ConfirmDeletionsRequest request, TenantSession session, IntegrationStore store, CancellationToken ct)
    {
        if (request.Count < 1)
            return Problems.Invalid("count", "is how many events may be deleted at once: at least 1, as the message of the integration says.");
        var integration = new IntegrationId(id);
        if (await store.Get(session, integration, ct) is not { } current)
            return Problems.NotFound();
        if (await store.ConfirmDeletions(session, integration, request.Count, ct))
            return TypedResults.Ok(IntegrationView.Of((await store.Get(session, integration, ct))!, await store.Calendars(session, integration, ct)));
        return current.Pause?.Reason == PauseReasons.MassDelete
            ? IntegrationProblems.NotAdmin()
            : Problems.Conflict("nothing_to_confirm", "No deletions of this integration wait for a confirmation.");
    }
}
