using Lockstep.Server.Postgres;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Tenancy;

/// <param name="Role">The caller's own: owner, admin or member.</param>
internal sealed record WorkspaceView(Guid Id, string Name, string Slug, string Role, Instant CreatedAt);

/// <param name="Email">Null for somebody whose identity provider tells none.</param>
internal sealed record MemberView(Guid UserId, string? Email, string Role, Instant JoinedAt);

/// <param name="ExpiresAt">It can be taken up until then.</param>
internal sealed record InvitationView(Guid Id, string Email, string Role, Instant CreatedAt, Instant ExpiresAt);

/// <summary>Workspaces and their members. The rules are in the SQL functions, which decide by the caller's own role.</summary>
internal static class WorkspaceDirectory
{
    /// <returns>Null when the slug is taken.</returns>
    public static async Task<WorkspaceView?> Create(TenantSession session, string name, string slug, CancellationToken ct)
    {
        try
        {
            return (await session.Query(
                new Statement(
                    "SELECT id, name, slug, 'owner', created_at FROM lockstep.create_workspace($1, $2, $3)",
                    Guid.CreateVersion7(), name, slug),
                Workspace,
                ct)).Single();
        }
        catch (PostgresException e) when (e is { SqlState: PostgresErrorCodes.UniqueViolation, ConstraintName: "workspaces_slug_key" })
        {
            return null;
        }
    }

    public static Task<List<WorkspaceView>> List(TenantSession session, Guid? after, int limit, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT w.id, w.name, w.slug, m.role, w.created_at
            FROM   lockstep.workspaces w
            JOIN   lockstep.workspace_members m ON m.workspace_id = w.id AND m.user_id = (SELECT lockstep.current_user_id())
            WHERE  ($1::uuid IS NULL OR w.id > $1)
            ORDER  BY w.id
            LIMIT  $2
            """,
            after, limit),
        Workspace,
        ct);

    /// <returns>Null when the workspace is not the caller's.</returns>
    public static async Task<List<MemberView>?> Members(TenantSession session, Guid workspace, CancellationToken ct)
    {
        var members = await session.Query(
            new Statement(
                """
                SELECT m.user_id, p.email, m.role, m.joined_at
                FROM   lockstep.workspace_members m
                LEFT   JOIN lockstep.people(ARRAY(SELECT o.user_id FROM lockstep.workspace_members o WHERE o.workspace_id = $1)) p ON p.id = m.user_id
                WHERE  m.workspace_id = $1
                ORDER  BY m.joined_at, m.user_id
                """,
                workspace),
            row => new MemberView(row.GetGuid(0), row.GetStringOrNull(1), row.GetString(2), row.GetInstant(3)),
            ct);
        return members.Count == 0 ? null : members;
    }

    /// <returns>added, changed, removed, not_found, forbidden, unknown_user or last_owner.</returns>
    public static async Task<string> SetMember(TenantSession session, Guid workspace, Guid user, string? role, CancellationToken ct) =>
        await Text(session, new Statement("SELECT lockstep.set_member($1, $2, $3)", workspace, user, role), ct);

    /// <returns>invited, not_found or forbidden; the same whether or not anybody has the address.</returns>
    public static async Task<string> Invite(TenantSession session, Guid workspace, string email, string role, CancellationToken ct) =>
        await Text(session, new Statement("SELECT lockstep.invite_member($1, $2, $3, $4)", Guid.CreateVersion7(), workspace, email, role), ct);

    /// <summary>Invitations that nobody has taken up yet; those of a workspace that one does not administer are none.</summary>
    public static Task<List<InvitationView>> Invitations(TenantSession session, Guid workspace, CancellationToken ct) => session.Query(
        new Statement(
            """
            SELECT i.id, i.email, i.role, i.created_at, i.expires_at
            FROM   lockstep.workspace_invitations i
            WHERE  i.workspace_id = $1
            ORDER  BY i.created_at, i.id
            LIMIT  1000
            """,
            workspace),
        row => new InvitationView(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetInstant(3), row.GetInstant(4)),
        ct);

    /// <returns>withdrawn, not_found or forbidden.</returns>
    public static async Task<string> Withdraw(TenantSession session, Guid workspace, Guid invitation, CancellationToken ct) =>
        await Text(session, new Statement("SELECT lockstep.withdraw_invitation($1, $2)", workspace, invitation), ct);

    /// <summary>E-mail addresses by user, of those whom the caller may know: himself, and whom he shares a workspace with; all, for the service.</summary>
    public static async Task<IReadOnlyDictionary<Guid, string>> People(TenantSession session, IEnumerable<Guid> users, CancellationToken ct)
    {
        var asked = users.Distinct().ToArray();
        return asked.Length == 0 ? new Dictionary<Guid, string>() : (await session.Query(
            new Statement("SELECT p.id, p.email FROM lockstep.people($1) p", asked), row => (Id: row.GetGuid(0), Email: row.GetString(1)), ct))
            .ToDictionary(one => one.Id, one => one.Email);
    }

    /// <returns>deleted, not_found or forbidden.</returns>
    public static async Task<string> Delete(TenantSession session, Guid workspace, CancellationToken ct) =>
        await Text(session, new Statement("SELECT lockstep.delete_workspace($1)", workspace), ct);

    /// <returns>deleted, not_found or last_owner.</returns>
    public static async Task<string> DeleteUser(TenantSession session, Guid user, CancellationToken ct) =>
        await Text(session, new Statement("SELECT lockstep.delete_user($1)", user), ct);

    private static async Task<string> Text(TenantSession session, Statement statement, CancellationToken ct) =>
        (await session.Query(statement, row => row.GetString(0), ct)).Single();

    private static WorkspaceView Workspace(NpgsqlDataReader row) =>
        new(row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetInstant(4));
}
