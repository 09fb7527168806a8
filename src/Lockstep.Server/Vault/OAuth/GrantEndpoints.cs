using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Vault.OAuth;

/// <summary><c>/v1/credentials/{id}/oauth</c>.</summary>
internal static class GrantEndpoints
{
    public static void MapGrant(this RouteGroupBuilder credentials) =>
        credentials.MapGet("/{id:guid}/oauth", Get).WithName("getCredentialGrant")
            .WithSummary("Get the OAuth grant of a credential, without its tokens: when it expires, how its last refresh ended");

    private static async Task<Results<Ok<GrantView>, ProblemHttpResult>> Get(Guid id, TenantSession session, CancellationToken ct) =>
        await session.First(GrantRows.Get(new CredentialId(id)), GrantView.Read, ct) is { } grant ? TypedResults.Ok(grant) : Problems.NotFound();
}
