using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Tenancy.ApiTokens;

/// <param name="WorkspaceId">Makes it the workspace's; left out it is yours and acts as you.</param>
/// <param name="ExpiresAt">Left out it does not expire.</param>
/// <param name="CredentialIds">The only credentials that it reaches; left out, all of its owner's.</param>
/// <param name="Providers">The only providers whose credentials it reaches; left out, all.</param>
internal sealed record NewApiToken(
    string Name,
    IReadOnlyList<string> Scopes,
    Guid? WorkspaceId = null,
    Instant? ExpiresAt = null,
    IReadOnlyList<Guid>? CredentialIds = null,
    IReadOnlyList<string>? Providers = null);

/// <param name="Hint">The last four characters of the token.</param>
/// <param name="WorkspaceId">Null for a user's.</param>
/// <param name="LastUsedAt">To the minute.</param>
internal sealed record ApiTokenView(
    Guid Id,
    string Name,
    string Hint,
    Guid? WorkspaceId,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<Guid>? CredentialIds,
    IReadOnlyList<string>? Providers,
    Guid? CreatedBy,
    Instant CreatedAt,
    Instant? ExpiresAt,
    Instant? LastUsedAt,
    Instant? RevokedAt)
{
    public static ApiTokenView Read(NpgsqlDataReader row) => new(
        row.GetGuid(0),
        row.GetString(1),
        row.GetString(2),
        row.GetGuidOrNull(3),
        row.GetFieldValue<string[]>(4),
        row.IsDBNull(5) ? null : row.GetFieldValue<Guid[]>(5),
        row.IsDBNull(6) ? null : row.GetFieldValue<string[]>(6),
        row.GetGuidOrNull(7),
        row.GetInstant(8),
        row.GetInstantOrNull(9),
        row.GetInstantOrNull(10),
        row.GetInstantOrNull(11));
}

/// <summary>A class, not a record: a record would print the token.</summary>
internal sealed class NewApiTokenAnswer(string token, ApiTokenView apiToken)
{
    /// <summary>Told this once; only its hash is kept.</summary>
    public string Token => token;

    public ApiTokenView ApiToken => apiToken;
}

/// <summary><c>/v1/api-tokens</c>. No API token gets in here.</summary>
internal static class ApiTokenEndpoints
{
    private const int MostPerPage = 200;
    private const int UsualPerPage = 50;

    public static void MapApiTokens(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/api-tokens").RequireAuthorization(Policies.User).WithTags("API tokens").ProducesProblem(401).ProducesProblem(403);
        group.MapPost("", Create).WithName("createApiToken").WithSummary("Make an API token for a service; the answer is the only one that holds it")
            .ProducesProblem(404).ProducesProblem(409).ProducesProblem(422);
        group.MapGet("", List).WithName("listApiTokens").WithSummary("Your API tokens and those of workspaces you administer, without the tokens").ProducesProblem(422);
        group.MapDelete("/{id:guid}", Revoke).WithName("revokeApiToken").WithSummary("Revoke an API token for good").ProducesProblem(404);
    }

    private static async Task<Results<Created<NewApiTokenAnswer>, ProblemHttpResult>> Create(
        NewApiToken request, TenantSession session, ApiTokenStore tokens, HttpResponse response, CancellationToken ct)
    {
        response.Headers.CacheControl = "no-store";
        return await tokens.Create(session, request, ct) switch
        {
            CreateTokenOutcome.Created { Made: var made } => TypedResults.Created($"/v1/api-tokens/{made.Token.Id}", new NewApiTokenAnswer(made.Text, made.Token)),
            CreateTokenOutcome.Invalid invalid => Problems.Invalid(invalid.Errors),
            CreateTokenOutcome.TooMany => Problems.Conflict(
                "too_many_tokens", $"There are {ApiTokenStore.MostPerOwner} live tokens of this owner already. Revoke one that is no longer used."),
            _ => Problems.NotFound(),
        };
    }

    private static async Task<Results<Ok<Page<ApiTokenView>>, ProblemHttpResult>> List(
        TenantSession session, CancellationToken ct, Guid? workspaceId = null, Guid? after = null, int limit = UsualPerPage) =>
        limit is < 1 or > MostPerPage
            ? Problems.Invalid("limit", $"is {limit}; it goes from 1 to {MostPerPage}.")
            : TypedResults.Ok(await ApiTokenStore.List(session, workspaceId, after, limit, ct));

    private static async Task<Results<NoContent, ProblemHttpResult>> Revoke(
        Guid id, TenantSession session, ApiTokenStore tokens, CancellationToken ct) =>
        await tokens.Revoke(session, id, ct) ? TypedResults.NoContent() : Problems.NotFound();
}
