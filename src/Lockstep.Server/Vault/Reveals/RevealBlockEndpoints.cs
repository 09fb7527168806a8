using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Vault.Reveals;

/// <summary><c>/v1/reveal-blocks</c>. No API token gets in here.</summary>
internal static class RevealBlockEndpoints
{
    public static void MapRevealBlocks(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/reveal-blocks").RequireAuthorization(Policies.UserOrService).WithTags("Credentials").ProducesProblem(401);
        group.MapGet("", List).WithName("listRevealBlocks").WithSummary("Who was stopped for revealing too many different credentials, newest first");
        group.MapDelete("/{id:guid}", Release).WithName("releaseRevealBlock").WithSummary("Let somebody else reveal again before the time is over")
            .ProducesProblem(403).ProducesProblem(404);
    }

    private static async Task<Ok<Page<RevealBlockView>>> List(TenantSession session, CancellationToken ct) =>
        TypedResults.Ok(new Page<RevealBlockView>(await BulkReads.List(session, ct), null));

    private static async Task<Results<NoContent, ProblemHttpResult>> Release(Guid id, TenantSession session, CancellationToken ct) =>
        await BulkReads.Release(session, id, ct) switch
        {
            "released" => TypedResults.NoContent(),
            "own_block" => Problems.Forbidden("own_block", "Nobody releases himself. Ask another admin of the workspace, or the operator, or wait."),
            _ => Problems.NotFound(),
        };
}
