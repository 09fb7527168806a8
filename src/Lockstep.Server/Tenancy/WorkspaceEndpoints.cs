using System.Text.RegularExpressions;
using Lockstep.Server.Http;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy.ApiTokens;
using Lockstep.Server.Tenancy.Memberships;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Tenancy;

internal sealed record NewWorkspace(string Name, string? Slug = null);

/// <param name="UserId">Either this, or <paramref name="Email"/>: then it is an invitation.</param>
/// <param name="Role">owner, admin or member.</param>
internal sealed record NewMember(string Role, Guid? UserId = null, string? Email = null);

/// <param name="Status">added, changed or invited.</param>
internal sealed record MemberAnswer(string Status);

internal static partial class WorkspaceEndpoints
{
    public static void MapTenancy(this IEndpointRouteBuilder routes)
    {
        var workspaces = routes.MapGroup("/v1/workspaces").RequireAuthorization(Policies.User).WithTags("Workspaces");
        workspaces.MapPost("", Create).WithName("createWorkspace").WithSummary("Make a workspace; you become its owner");
        workspaces.MapGet("", List).WithName("listWorkspaces").WithSummary("The workspaces you are in");
        workspaces.MapDelete("/{id:guid}", Delete).WithName("deleteWorkspace").WithSummary("Delete a workspace and everything in it");
        workspaces.MapGet("/{id:guid}/members", Members).WithName("listMembers").WithSummary("Who is in a workspace");
        workspaces.MapPost("/{id:guid}/members", Add).WithName("addMember").WithSummary("Add a member by user id, or invite one by e-mail");
        workspaces.MapDelete("/{id:guid}/members/{userId:guid}", Remove).WithName("removeMember").WithSummary("Remove a member, or leave");
        workspaces.MapGet("/{id:guid}/invitations", Invitations).WithName("listInvitations").WithSummary("Whom a workspace has invited and who has not come yet; for its admins");
        workspaces.MapDelete("/{id:guid}/invitations/{invitationId:guid}", Withdraw).WithName("withdrawInvitation").WithSummary("Take an invitation back");

        routes.MapApiTokens();
        routes.MapMemberships();
        routes.MapSignIn();
        routes.MapDelete("/v1/users/me", DeleteMe).RequireAuthorization(Policies.User).WithTags("Users")
            .WithName("deleteMe").WithSummary("Delete your user and everything you own; it cannot be undone");
    }

    internal static async Task<Results<Created<WorkspaceView>, ProblemHttpResult>> Create(
        NewWorkspace body, TenantSession session, MembershipMirror memberships, CancellationToken ct)
    {
        if (memberships.IsSource)
            return Elsewhere();
        var errors = new FieldErrors();
        var name = body.Name.Trim();
        errors.Require(name.Length is >= 1 and <= 200 && !name.Contains('\0'), "name", "A name has 1 to 200 characters.");
        errors.Require(body.Slug is null || Slug().IsMatch(body.Slug), "slug", "A slug has 3 to 63 small letters, digits and inner hyphens.");
        if (errors.Any)
            return Problems.Invalid(errors.All);
        var slug = body.Slug ?? $"{SlugOf(name)}-{Guid.CreateVersion7().ToString("N")[^8..]}";
        return await WorkspaceDirectory.Create(session, name, slug, ct) is { } workspace
            ? TypedResults.Created($"/v1/workspaces/{workspace.Id}", workspace)
            : Problems.Conflict("slug_taken", $"The slug '{slug}' belongs to another workspace. Choose another, or leave it out.");
    }

    internal static async Task<Ok<Page<WorkspaceView>>> List(
        TenantSession session, Guid? after, int? limit, CancellationToken ct)
    {
        var size = Math.Clamp(limit ?? 50, 1, 200);
        var rows = await WorkspaceDirectory.List(session, after, size + 1, ct);
        return TypedResults.Ok(new Page<WorkspaceView>(
            [.. rows.Take(size)], rows.Count > size ? rows[size - 1].Id.ToString() : null));
    }

    internal static async Task<Results<Ok<Page<MemberView>>, ProblemHttpResult>> Members(
        Guid id, TenantSession session, CancellationToken ct) =>
        await WorkspaceDirectory.Members(session, id, ct) is { } members
            ? TypedResults.Ok(new Page<MemberView>(members, null))
            : Problems.NotFound();

    internal static async Task<Results<Ok<MemberAnswer>, Accepted<MemberAnswer>, ProblemHttpResult>> Add(
        Guid id, NewMember body, TenantSession session, MembershipMirror memberships, CancellationToken ct)
    {
        if (memberships.IsSource)
            return Elsewhere();
        var errors = new FieldErrors();
        errors.Require(body.Role is "owner" or "admin" or "member", "role", "A role is owner, admin or member.");
        errors.Require(body.UserId is null != body.Email is null, "userId", "Give either userId or email.");
        errors.Require(body.Email is null || Email().IsMatch(body.Email), "email", "This is not an e-mail address.");
        if (errors.Any)
            return Problems.Invalid(errors.All);
        var answer = body.UserId is { } user
            ? await WorkspaceDirectory.SetMember(session, id, user, body.Role, ct)
            : await WorkspaceDirectory.Invite(session, id, body.Email!, body.Role, ct);
        return answer switch
        {
            "added" or "changed" => TypedResults.Ok(new MemberAnswer(answer)),
            "invited" => TypedResults.Accepted((string?)null, new MemberAnswer(answer)),
            _ => Refusal(answer),
        };
    }

    internal static async Task<Results<NoContent, ProblemHttpResult>> Remove(
        Guid id, Guid userId, TenantSession session, MembershipMirror memberships, CancellationToken ct) =>
        memberships.IsSource ? Elsewhere()
        : await WorkspaceDirectory.SetMember(session, id, userId, null, ct) is var answer and not "removed" ? Refusal(answer)
        : TypedResults.NoContent();

    internal static async Task<Results<Ok<Page<InvitationView>>, ProblemHttpResult>> Invitations(
        Guid id, TenantSession session, CancellationToken ct) =>
        await WorkspaceDirectory.Members(session, id, ct) is not { } members ? Problems.NotFound()
        : members.Find(one => one.UserId == session.Caller.RequiredUser.Value)?.Role == "member" ? Refusal("forbidden")
        : TypedResults.Ok(new Page<InvitationView>(await WorkspaceDirectory.Invitations(session, id, ct), null));

    internal static async Task<Results<NoContent, ProblemHttpResult>> Withdraw(
        Guid id, Guid invitationId, TenantSession session, MembershipMirror memberships, CancellationToken ct) =>
        memberships.IsSource ? Elsewhere()
        : await WorkspaceDirectory.Withdraw(session, id, invitationId, ct) is var answer and not "withdrawn" ? Refusal(answer)
        : TypedResults.NoContent();

    internal static async Task<Results<NoContent, ProblemHttpResult>> Delete(
        Guid id, TenantSession session, CancellationToken ct) =>
        await WorkspaceDirectory.Delete(session, id, ct) is var answer and not "deleted" ? Refusal(answer) : TypedResults.NoContent();

    internal static async Task<Results<NoContent, ProblemHttpResult>> DeleteMe(
        TenantSession session, UserDirectory users, CancellationToken ct)
    {
        var me = session.Caller.RequiredUser;
        var answer = await WorkspaceDirectory.DeleteUser(session, me.Value, ct);
        users.Forget(me);
        return answer == "deleted" ? TypedResults.NoContent() : Refusal(answer);
    }

    private static ProblemHttpResult Elsewhere() => Problems.Conflict("memberships_elsewhere",
        "Who is in which workspace is said by the operator's own service (LOCKSTEP_MEMBERSHIPS_URL). Change it there.");

    private static ProblemHttpResult Refusal(string answer) => answer switch
    {
        "forbidden" => Problems.Forbidden("role_required", "Your role in this workspace does not allow that. Ask one of its owners."),
        "unknown_user" => Problems.Invalid("userId", "Nobody here has this id. A user exists after the first request with a token; or invite by e-mail."),
        "last_owner" => Problems.Conflict("last_owner", "A workspace keeps at least one owner. Make another member its owner first."),
        _ => Problems.NotFound(),
    };

    private static string SlugOf(string name)
    {
        var slug = NotSlug().Replace(name.ToLowerInvariant(), "-").Trim('-');
        return slug.Length == 0 ? "workspace" : slug[..Math.Min(slug.Length, 50)].TrimEnd('-');
    }

    [GeneratedRegex(@"^[a-z0-9](?:[a-z0-9-]{1,61})[a-z0-9]\z")]
    private static partial Regex Slug();

    [GeneratedRegex("[^a-z0-9]+")]
    private static partial Regex NotSlug();

    [GeneratedRegex(@"^[^\s@\0]{1,64}@[^\s@\0]{1,190}\z")]
    private static partial Regex Email();
}
