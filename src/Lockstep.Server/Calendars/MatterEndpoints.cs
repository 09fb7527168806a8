using Lockstep.Server.Detection;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Calendars;

/// <param name="Reference">A file number or the like.</param>
/// <param name="WorkspaceId">Whose matter it is, when not the caller's own.</param>
internal sealed record NewMatter(string Title, string? Reference = null, Guid? WorkspaceId = null);

internal static class MatterEndpoints
{
    private const int MaxLimit = 500;

    public static void Map(IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/matters").RequireAuthorization(Policies.User).WithTags("Matters").WithTokenScope(TokenScopes.ReadEvents, TokenScopes.WriteEvents);
        group.MapPost("", Create).WithName("createMatter").WithSummary("Makes a case or project that events may belong to.");
        group.MapGet("", List).WithName("listMatters").WithSummary("Matters, newest first.");
        group.MapGet("{id:guid}/timeline", Timeline).WithName("getMatterTimeline")
            .WithSummary("What happened to the events of a matter: added, changed, removed, in conflict.");
    }

    private static async Task<Results<Created<MatterView>, ProblemHttpResult>> Create(NewMatter body, TenantSession session, CancellationToken ct)
    {
        var errors = new FieldErrors();
        errors.Require(body.Title.Trim().Length is >= 1 and <= 500 && !body.Title.Contains('\0', StringComparison.Ordinal), "title", "From 1 to 500 characters.");
        errors.Require(body.Reference is null or { Length: >= 1 and <= 200 } && body.Reference?.Contains('\0', StringComparison.Ordinal) is not true,
            "reference", "From 1 to 200 characters, or left out.");
        errors.RefuseSecrets("title", body.Title);
        errors.RefuseSecrets("reference", body.Reference);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        return await MatterStore.Create(session, body.Title.Trim(), body.Reference, body.WorkspaceId is { } id ? new WorkspaceId(id) : null, ct) is { } matter
            ? TypedResults.Created($"/v1/matters/{matter.Id}/timeline", matter)
            : Problems.Invalid("workspaceId", "There is no such workspace. Take an id from GET /v1/workspaces, or leave it out.");
    }

    private static async Task<Results<Ok<Page<MatterView>>, ProblemHttpResult>> List(
        TenantSession session, CancellationToken ct, Guid? after = null, int limit = 100) =>
        limit is >= 1 and <= MaxLimit
            ? TypedResults.Ok(await MatterStore.List(session, after, limit, ct))
            : Problems.Invalid("limit", $"From 1 to {MaxLimit}.");

    private static async Task<Results<Ok<Page<TimelineView>>, ProblemHttpResult>> Timeline(
        Guid id, TenantSession session, CancellationToken ct, long after = 0, int limit = 100) =>
        limit is < 1 or > MaxLimit ? Problems.Invalid("limit", $"From 1 to {MaxLimit}.")
        : await MatterStore.Timeline(session, new MatterId(id), after, limit, ct) is { } page ? TypedResults.Ok(page)
        : Problems.NotFound();
}
