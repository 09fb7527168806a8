using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

internal static class ConflictEndpoints
{
    private const int MaxLimit = 200;

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet("/v1/integrations/{id:guid}/conflicts", List).RequireAuthorization(Policies.User).WithTags("Conflicts").WithTokenScope(TokenScopes.ReadIntegrations, TokenScopes.WriteIntegrations)
            .WithName("listConflicts").WithSummary("Events that both sides had changed, newest first, with both versions.");
        routes.MapPost("/v1/conflicts/{id:guid}/restore", Restore).RequireAuthorization(Policies.User).WithTags("Conflicts").WithTokenScope(TokenScopes.ReadIntegrations, TokenScopes.WriteIntegrations)
            .WithName("restoreConflict").WithSummary("Brings the version back that lost, as a new edit.");
    }

    internal static async Task<Results<Ok<Page<ConflictView>>, ProblemHttpResult>> List(
        Guid id, TenantSession session, CancellationToken ct, Guid? after = null, int limit = 50) =>
        limit is < 1 or > MaxLimit ? Problems.Invalid("limit", $"From 1 to {MaxLimit}.")
        : await ConflictStore.List(session, new IntegrationId(id), after, limit, ct) is { } page ? TypedResults.Ok(page)
        : Problems.NotFound();

    internal static async Task<Results<Ok<EventView>, NoContent, ProblemHttpResult>> Restore(
        Guid id, TenantSession session, EventStore events, CancellationToken ct)
    {
        var outcome = await events.Restore(session, id, ct);
        return outcome is not EventOutcome.Stored { Event: var stored } ? EventEndpoints.Problem(outcome)
            : stored.Deleted ? TypedResults.NoContent()
            : TypedResults.Ok(EventView.Of(stored));
    }
}
