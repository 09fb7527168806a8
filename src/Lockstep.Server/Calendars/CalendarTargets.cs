using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Calendars;

/// <summary>A calendar that a new event may go to.</summary>
internal sealed record CalendarTarget(CalendarId Id, Tenant Owner, string Href, bool ReadOnly);

/// <summary>Finds where a new event goes.</summary>
internal static class CalendarTargets
{
    /// <param name="calendar">Our id or the href; null for the default: the only write target of the owner's integrations.</param>
    /// <returns>Null when there is none, or more than one to choose from.</returns>
    public static async Task<CalendarTarget?> Find(TenantTransaction transaction, string? calendar, WorkspaceId? workspace, CancellationToken ct)
    {
        var found = await transaction.Query(
            calendar is null ? Default(transaction.Caller.RequiredUser, workspace) : Named(calendar, workspace), Read, ct);
        return found.Count == 1 ? found[0] : null;
    }

    private static Statement Named(string calendar, WorkspaceId? workspace) => new(
        """
        SELECT c.id, c.user_id, c.workspace_id, c.href, c.read_only
        FROM   lockstep.calendars c
        WHERE  (c.id = $1 OR c.href = $2)
        AND    ($3::uuid IS NULL OR c.workspace_id = $3)
        ORDER  BY c.id
        LIMIT  1
        """, Guid.TryParse(calendar, out var id) ? id : Guid.Empty, calendar, workspace?.Value);

    private static Statement Default(UserId user, WorkspaceId? workspace) => new(
        """
        SELECT c.id, c.user_id, c.workspace_id, c.href, c.read_only
        FROM   lockstep.calendars c
        JOIN   lockstep.integrations i ON i.id = c.integration_id AND i.enabled
        WHERE  c.is_write_target
        AND    CASE WHEN $2::uuid IS NULL THEN c.user_id = $1 ELSE c.workspace_id = $2 END
        LIMIT  2
        """, user.Value, workspace?.Value);

    private static CalendarTarget Read(NpgsqlDataReader row) => new(
        new CalendarId(row.GetGuid(0)),
        new Tenant(
            row.GetGuidOrNull(1) is { } user ? new UserId(user) : null,
            row.GetGuidOrNull(2) is { } workspace ? new WorkspaceId(workspace) : null),
        row.GetString(3),
        row.GetBoolean(4));
}
