using Lockstep.Server.Tenancy;
using Lockstep.Server.Tenancy.Memberships;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Lockstep.Server.Console.People;

/// <param name="Typed">The name of the workspace that was to be made.</param>
internal sealed record WorkspacesView(IReadOnlyList<WorkspaceView> Items, string Typed);

/// <param name="Invited">Who has not come yet; empty for who does not administer it.</param>
/// <param name="Me">Who looks at it.</param>
internal sealed record MembersView(WorkspaceView Workspace, IReadOnlyList<MemberView> Members, IReadOnlyList<InvitationView> Invited, UserId Me, string Email)
{
    public bool IsAdmin => Workspace.Role is "owner" or "admin";

    public bool IsOwner => Workspace.Role == "owner";
}

/// <summary>Workspaces and who is in them.</summary>
internal static class WorkspacePages
{
    private const string Section = "workspaces";
    private const int Most = 200;

    public static void Map(IEndpointRouteBuilder console)
    {
        console.MapGet("/workspaces", List);
        console.MapPost("/workspaces", Make);
        console.MapGet("/workspaces/{id:guid}", Show);
        console.MapPost("/workspaces/{id:guid}/invite", Invite);
        console.MapPost("/workspaces/{id:guid}/members/{user:guid}/role", ChangeRole);
        console.MapPost("/workspaces/{id:guid}/members/{user:guid}/remove", Remove);
        console.MapPost("/workspaces/{id:guid}/invitations/{user:guid}/withdraw", Withdraw);
        console.MapPost("/workspaces/{id:guid}/delete", Delete);
    }

    private static async Task<IResult> List(ConsoleVisit visit, CancellationToken ct) =>
        await visit.Page<WorkspacesPage>(Section, new WorkspacesView(await WorkspaceDirectory.List(visit.Session, null, Most, ct), ""));

    private static async Task<IResult> Make(ConsoleVisit visit, ConsoleForm form, MembershipMirror memberships, CancellationToken ct)
    {
        var (made, refusal) = visit.Read<WorkspaceView>(await WorkspaceEndpoints.Create(new NewWorkspace(form["name"]), visit.Session, memberships, ct));
        return made is null
            ? await visit.Page<WorkspacesPage>(Section, new WorkspacesView(await WorkspaceDirectory.List(visit.Session, null, Most, ct), form["name"]), refusal)
            : Back(made.Id, "workspace-made");
    }

    private static Task<IResult> Show(Guid id, ConsoleVisit visit, CancellationToken ct) => Draw(id, visit, null, "", ct);

    private static async Task<IResult> Draw(Guid id, ConsoleVisit visit, Refusal? refusal, string email, CancellationToken ct) =>
        (await WorkspaceDirectory.List(visit.Session, null, Most, ct)).Find(one => one.Id == id) is { } workspace
        && await WorkspaceDirectory.Members(visit.Session, id, ct) is { } members
            ? await visit.Page<WorkspacePage>(Section, new MembersView(
                workspace, members, await WorkspaceDirectory.Invitations(visit.Session, id, ct), visit.Session.Caller.RequiredUser, email), refusal)
            : await visit.NotFound();

    private static async Task<IResult> Invite(Guid id, ConsoleVisit visit, ConsoleForm form, MembershipMirror memberships, CancellationToken ct) =>
        visit.Refused(await WorkspaceEndpoints.Add(id, new NewMember(form["role"], null, form["email"]), visit.Session, memberships, ct)) is { } refusal
            ? await Draw(id, visit, refusal, form["email"], ct)
            : Back(id, "invited");

    private static async Task<IResult> ChangeRole(Guid id, Guid user, ConsoleVisit visit, ConsoleForm form, MembershipMirror memberships, CancellationToken ct) =>
        visit.Refused(await WorkspaceEndpoints.Add(id, new NewMember(form["role"], user), visit.Session, memberships, ct)) is { } refusal
            ? await Draw(id, visit, refusal, "", ct)
            : Back(id, "member-changed");

    private static async Task<IResult> Remove(Guid id, Guid user, ConsoleVisit visit, MembershipMirror memberships, CancellationToken ct) =>
        visit.Refused(await WorkspaceEndpoints.Remove(id, user, visit.Session, memberships, ct)) is { } refusal ? await Draw(id, visit, refusal, "", ct)
        : user == visit.Session.Caller.RequiredUser.Value ? ConsoleVisit.Go("/console/workspaces", "member-removed")
        : Back(id, "member-removed");

    /// <param name="user">The invitation; who it is for has no id yet.</param>
    private static async Task<IResult> Withdraw(Guid id, Guid user, ConsoleVisit visit, MembershipMirror memberships, CancellationToken ct) =>
        visit.Refused(await WorkspaceEndpoints.Withdraw(id, user, visit.Session, memberships, ct)) is { } refusal
            ? await Draw(id, visit, refusal, "", ct)
            : Back(id, "invitation-withdrawn");

    /// <summary>Everything in it goes with it: asks for the name.</summary>
    private static async Task<IResult> Delete(Guid id, ConsoleVisit visit, ConsoleForm form, CancellationToken ct)
    {
        if ((await WorkspaceDirectory.List(visit.Session, null, Most, ct)).Find(one => one.Id == id) is not { } workspace)
            return await visit.NotFound();
        if (!string.Equals(form["name"], workspace.Name.Trim(), StringComparison.OrdinalIgnoreCase))
            return await Draw(id, visit, Refusal.Of(422, "name_differs", $"This cannot be undone: type its name, {workspace.Name}. Nothing was changed.", visit.Context), "", ct);
        return visit.Refused(await WorkspaceEndpoints.Delete(id, visit.Session, ct)) is { } refusal
            ? await Draw(id, visit, refusal, "", ct)
            : ConsoleVisit.Go("/console/workspaces", "workspace-deleted");
    }

    private static IResult Back(Guid id, string said) => ConsoleVisit.Go($"/console/workspaces/{id}", said);
}
