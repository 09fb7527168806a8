using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Activity;

/// <summary><c>/v1/activity</c>.</summary>
internal static class ActivityEndpoints
{
    private const int MostPerPage = 200;
    private const int UsualPerPage = 50;

    public static void MapActivity(this IEndpointRouteBuilder routes) =>
        routes.MapGroup("/v1/activity").RequireAuthorization(Policies.UserOrService).WithTags("Activity")
            .MapGet("", List).WithName("listActivity").WithSummary("Who did what to which secret or connection, newest first")
            .ProducesProblem(401).ProducesProblem(422);

    private static async Task<Results<Ok<Page<ActivityView>>, ProblemHttpResult>> List(
        TenantSession session,
        CancellationToken ct,
        string? action = null,
        Guid? entityId = null,
        long? after = null,
        int limit = UsualPerPage) =>
        limit is < 1 or > MostPerPage
            ? Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostPerPage}.")
            : TypedResults.Ok(await ActivityLog.List(session, new ActivityFilter(action, entityId, after, limit), ct));
}
