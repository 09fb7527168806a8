using System.Security.Cryptography;
using System.Text;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Tenancy.Memberships;

/// <summary>What services of the operator send as <c>x-service-key</c>; null: the endpoint is not there.</summary>
internal sealed record ServiceKey(string? Value)
{
    /// <summary>In constant time, whatever the lengths.</summary>
    public bool Is(string offered) => Value is not null && CryptographicOperations.FixedTimeEquals(
        SHA256.HashData(Encoding.UTF8.GetBytes(Value)), SHA256.HashData(Encoding.UTF8.GetBytes(offered)));

    public override string ToString() => "***";
}

/// <param name="UserId">As it was asked for.</param>
internal sealed record MembershipsView(string UserId, IReadOnlyList<MembershipView> Memberships);

/// <param name="OrganizationId">The workspace as the sync protocols call it.</param>
internal sealed record MembershipView(string OrganizationId, string Role);

/// <summary>Who is where, for other services of the operator: the mana protocol's internal endpoint.</summary>
internal static class MembershipsEndpoint
{
    public static void MapMemberships(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/api/v1/internal/users/{userId}/memberships", Get).WithTags("Sync (mana)")
            .WithName("memberships").WithSummary("The workspaces of a user, for other services; x-service-key is LOCKSTEP_SERVICE_KEY");
        routes.MapPost("/api/v1/internal/users/{userId}/memberships/invalidate", Invalidate).WithTags("Sync (mana)")
            .WithName("invalidateMemberships").WithSummary("The memberships of a user have changed at LOCKSTEP_MEMBERSHIPS_URL: ask there now");
    }

    private static async Task<Results<Ok<MembershipsView>, ProblemHttpResult>> Get(
        string userId, [FromHeader(Name = "x-service-key")] string? key, ServiceKey expected, Database database, CancellationToken ct)
    {
        if (Refusal(userId, key, expected) is { } refusal)
            return refusal;
        var rows = await database.For(Caller.Service).Query(
            new Statement("SELECT m.organization_id, m.role FROM lockstep.memberships_of($1) m", userId),
            row => new MembershipView(row.GetString(0), row.GetString(1)), ct);
        return TypedResults.Ok(new MembershipsView(userId, rows));
    }

    private static async Task<Results<NoContent, ProblemHttpResult>> Invalidate(
        string userId, [FromHeader(Name = "x-service-key")] string? key, ServiceKey expected, MembershipMirror mirror, CancellationToken ct)
    {
        if (Refusal(userId, key, expected) is { } refusal)
            return refusal;
        await mirror.Invalidate(userId, ct);
        return TypedResults.NoContent();
    }

    private static ProblemHttpResult? Refusal(string userId, string? key, ServiceKey expected) =>
        expected.Value is null ? Problems.NotFound()
        : key is null || !expected.Is(key) ? Problems.Of(401, "service_key_invalid", "Send the operator's LOCKSTEP_SERVICE_KEY as x-service-key.")
        : userId.Contains('\0', StringComparison.Ordinal) || userId.Length > 500 ? Problems.Invalid("userId", "A user's id, or the subject of its tokens.")
        : null;
}
