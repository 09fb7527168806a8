using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.OAuth;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Vault;

/// <summary><c>/v1/credentials</c>.</summary>
internal static class CredentialEndpoints
{
    private const int MostPerPage = 200;
    private const int UsualPerPage = 50;

    public static void MapCredentials(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/credentials").RequireAuthorization(Policies.UserOrService).WithTags("Credentials").WithTokenScope(TokenScopes.ReadMetadata, TokenScopes.WriteCredentials)
            .AddEndpointFilter((context, next) =>
            {
                // On refusals too: nothing of the vault belongs into a cache.
                context.HttpContext.Response.Headers.CacheControl = "no-store";
                return next(context);
            })
            .ProducesProblem(401).ProducesProblem(404);
        group.MapPost("", Store).WithName("storeCredential").WithSummary("Store a credential")
            .ProducesProblem(403).ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        group.MapGet("", List).WithName("listCredentials").WithSummary("List credentials, without their values").ProducesProblem(422);
        group.MapGet("/{id:guid}", Get).WithName("getCredential").WithSummary("Get a credential, without its value");
        group.MapPatch("/{id:guid}", Update).WithName("updateCredential").WithSummary("Change what describes a credential")
            .ProducesProblem(409).ProducesProblem(422);
        group.MapDelete("/{id:guid}", Delete).WithName("deleteCredential").WithSummary("Delete a credential and its former values").ProducesProblem(409);
        group.MapPost("/{id:guid}/reveal", Reveal).WithName("revealCredential").WithSummary("Reveal the value; the activity log names you and the purpose")
            .WithTokenScope(TokenScopes.Reveal)
            .ProducesProblem(409).ProducesProblem(422).ProducesProblem(429).ProducesProblem(502).ProducesProblem(503);
        group.MapPost("/{id:guid}/rotate", Rotate).WithName("rotateCredential").WithSummary("Replace the value; the former one is kept")
            .ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        group.MapPost("/{id:guid}/revoke", Revoke).WithName("revokeCredential").WithSummary("Revoke for good");
        group.MapPost("/{id:guid}/rollback", Rollback).WithName("rollbackCredential").WithSummary("Make a former value current again, as a new version")
            .ProducesProblem(409).ProducesProblem(422).ProducesProblem(503);
        group.MapGet("/{id:guid}/versions", Versions).WithName("listCredentialVersions").WithSummary("List the current and the kept former values, masked");
        group.MapGrant();
        routes.MapPost("/v1/workspaces/{id:guid}/revoke-credentials", RevokeOfWorkspace).RequireAuthorization(Policies.UserOrService).WithTags("Credentials")
            .WithName("revokeWorkspaceCredentials").WithSummary("Revoke every credential of a workspace at once; its admins are told in its activity")
            .ProducesProblem(401).ProducesProblem(404).ProducesProblem(422);
        routes.MapPost("/v1/users/me/revoke-credentials", RevokeOfUser).RequireAuthorization(Policies.User).WithTags("Credentials")
            .WithName("revokeMyCredentials").WithSummary("Revoke every credential of yours at once; the admins of your workspaces are told")
            .ProducesProblem(401).ProducesProblem(422);
    }

    internal static async Task<Results<Ok<RevokeAllAnswer>, ProblemHttpResult>> RevokeOfWorkspace(
        Guid id, RevokeAllRequest request, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        await RevokeAll(Tenant.Of(new WorkspaceId(id)), request, session, vault, ct);

    internal static async Task<Results<Ok<RevokeAllAnswer>, ProblemHttpResult>> RevokeOfUser(
        RevokeAllRequest request, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        await RevokeAll(Tenant.Of(session.Caller.RequiredUser), request, session, vault, ct);

    internal static async Task<Results<Ok<RevokeAllAnswer>, ProblemHttpResult>> RevokeAll(
        Tenant tenant, RevokeAllRequest request, TenantSession session, CredentialVault vault, CancellationToken ct)
    {
        if (CredentialRules.CheckReason(request.Reason) is { Any: true } errors)
            return Problems.Invalid(errors.All);
        return await vault.RevokeAll(session, tenant, request.Reason ?? "no reason given", ct) is { } revoked
            ? TypedResults.Ok(new RevokeAllAnswer(revoked))
            : Problems.NotFound();
    }

    internal static async Task<Results<Created<CredentialView>, ProblemHttpResult>> Store(
        StoreCredentialRequest request, TenantSession session, CredentialVault vault, GrantRules grants, CancellationToken ct)
    {
        using var given = grants.Read(request.Value, request.OAuth);
        return await vault.Store(session, request.ToCredential(given), ct) switch
        {
            StoreOutcome.Stored stored => TypedResults.Created($"/v1/credentials/{stored.Credential.Id}", stored.Credential),
            var refused => CredentialProblems.Of(refused),
        };
    }

    internal static async Task<Results<Ok<Page<CredentialView>>, ProblemHttpResult>> List(
        TenantSession session,
        CredentialVault vault,
        CancellationToken ct,
        string? provider = null,
        CredentialType? type = null,
        CredentialScope? scope = null,
        Guid? workspaceId = null,
        Guid? after = null,
        int limit = UsualPerPage,
        string? name = null,
        bool? active = null,
        bool? expired = null,
        string? expiresBefore = null)
    {
        var errors = new FieldErrors();
        errors.Require(limit is >= 1 and <= MostPerPage, "limit", $"is {limit}; it goes from 1 to {MostPerPage}.");
        var before = QueryTime.Read(errors, "expiresBefore", expiresBefore);
        if (errors.Any)
            return Problems.Invalid(errors.All);
        var filter = new CredentialFilter(
            provider, type, scope,
            workspaceId is { } workspace ? new WorkspaceId(workspace) : null,
            after is { } last ? new CredentialId(last) : null,
            limit,
            name, active, expired, before);
        return TypedResults.Ok(await vault.List(session, filter, ct));
    }

    internal static async Task<Results<Ok<CredentialView>, ProblemHttpResult>> Get(
        Guid id, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        await vault.Get(session, new CredentialId(id), ct) is { } credential ? TypedResults.Ok(credential) : Problems.NotFound();

    internal static async Task<Results<Ok<CredentialView>, ProblemHttpResult>> Update(
        Guid id, UpdateCredentialRequest request, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        Answer(await vault.Update(session, new CredentialId(id), request.ToChanges(), ct));

    internal static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        await vault.Delete(session, new CredentialId(id), ct) switch
        {
            DeleteOutcome.Deleted => TypedResults.NoContent(),
            var refused => CredentialProblems.Of(refused),
        };

    internal static async Task<Results<Ok<RevealAnswer>, ProblemHttpResult>> Reveal(
        Guid id, RevealRequest request, TenantSession session, CredentialVault vault, HttpResponse response, CancellationToken ct)
    {
        var outcome = await vault.Reveal(session, new CredentialId(id), request.Purpose, request.Version, ct);
        if (outcome is not RevealOutcome.Revealed revealed)
            return CredentialProblems.Of(outcome, response);
        response.RegisterForDispose(revealed.Value);
        return TypedResults.Ok(new RevealAnswer(revealed.Value, revealed.Version, revealed.ExpiresAt));
    }

    internal static async Task<Results<Ok<CredentialView>, ProblemHttpResult>> Rotate(
        Guid id, RotateRequest request, TenantSession session, CredentialVault vault, GrantRules grants, CancellationToken ct)
    {
        using var given = grants.Read(request.Value, request.OAuth);
        return Answer(await vault.Rotate(session, new CredentialId(id), given.Value, given.Grant, request.ExpectedVersion, request.GraceSeconds, ct));
    }

    internal static async Task<Results<Ok<CredentialView>, ProblemHttpResult>> Revoke(
        Guid id, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        Answer(await vault.Revoke(session, new CredentialId(id), ct));

    internal static async Task<Results<Ok<CredentialView>, ProblemHttpResult>> Rollback(
        Guid id, RollbackRequest request, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        Answer(await vault.Rollback(session, new CredentialId(id), request.Version, ct));

    internal static async Task<Results<Ok<CredentialVersionsAnswer>, ProblemHttpResult>> Versions(
        Guid id, TenantSession session, CredentialVault vault, CancellationToken ct) =>
        await vault.Versions(session, new CredentialId(id), ct) is { Count: > 0 } versions
            ? TypedResults.Ok(new CredentialVersionsAnswer(versions))
            : Problems.NotFound();

    private static Results<Ok<CredentialView>, ProblemHttpResult> Answer(ChangeOutcome outcome) =>
        outcome is ChangeOutcome.Changed changed ? TypedResults.Ok(changed.Credential) : CredentialProblems.Of(outcome);
}
