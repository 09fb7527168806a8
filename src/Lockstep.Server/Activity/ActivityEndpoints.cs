using System.Globalization;
using Lockstep.Server.Activity.Chain;
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

    public static void MapActivity(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/activity").RequireAuthorization(Policies.UserOrService).WithTags("Activity")
            .WithTokenScope(TokenScopes.ReadActivity).ProducesProblem(401).ProducesProblem(422);
        group.MapGet("", List).WithName("listActivity").WithSummary("Who did what to which secret or connection, newest first");
        group.MapGet("/checkpoints", Checkpoints).RequireAuthorization(Policies.Service).WithName("listCheckpoints")
            .WithSummary("Signed checkpoints of the audit, oldest first, to be kept elsewhere").ProducesProblem(403);
    }

    internal static async Task<Results<Ok<Page<ActivityView>>, ProblemHttpResult>> List(
        TenantSession session,
        CancellationToken ct,
        string? action = null,
        string? entityType = null,
        Guid? entityId = null,
        Guid? workspaceId = null,
        string? from = null,
        string? to = null,
        long? after = null,
        int limit = UsualPerPage)
    {
        var errors = new FieldErrors();
        errors.Require(limit is >= 1 and <= MostPerPage, "limit", $"is {limit}; it goes from 1 to {MostPerPage}.");
        var since = QueryTime.Read(errors, "from", from);
        var until = QueryTime.Read(errors, "to", to);
        return errors.Any
            ? Problems.Invalid(errors.All)
            : TypedResults.Ok(await ActivityLog.List(session, new ActivityFilter(action, entityType, entityId, workspaceId, since, until, after, limit), ct));
    }

    internal static async Task<Results<Ok<Page<Checkpoint>>, ProblemHttpResult>> Checkpoints(
        AuditChain chain, CancellationToken ct, long after = 0, int limit = UsualPerPage)
    {
        if (limit is < 1 or > MostPerPage)
            return Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostPerPage}.");
        var found = await chain.Checkpoints(after, limit + 1, ct);
        return TypedResults.Ok(found.Count > limit
            ? new Page<Checkpoint>(found[..limit], found[limit - 1].Position.ToString(CultureInfo.InvariantCulture))
            : new Page<Checkpoint>(found, null));
    }
}
