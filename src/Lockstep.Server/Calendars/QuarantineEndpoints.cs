using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

internal static class QuarantineEndpoints
{
    private const int MaxLimit = 200;

    /// <summary>A text may have 4 MiB.</summary>
    private const int MaxTexts = 10;

    public static void Map(IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/integrations/{id:guid}/quarantine", List).RequireAuthorization(Policies.User).WithTags("Conflicts")
            .WithTokenScope(TokenScopes.ReadIntegrations, TokenScopes.WriteIntegrations).ProducesProblem(404).ProducesProblem(422)
            .WithName("listQuarantine").WithSummary("What the server has and could not be taken over: which resource, why, since when; texts=true with its text.");

    private static async Task<Results<Ok<Page<QuarantinedResource>>, ProblemHttpResult>> List(
        Guid id, TenantSession session, CancellationToken ct, Guid? after = null, int limit = 50, bool texts = false)
    {
        if (limit is < 1 or > MaxLimit)
            return Problems.Invalid("limit", $"From 1 to {MaxLimit}.");
        return await QuarantineStore.List(session, new IntegrationId(id), after, texts ? Math.Min(limit, MaxTexts) : limit, texts, ct) is { } page
            ? TypedResults.Ok(page)
            : Problems.NotFound();
    }
}
