using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Npgsql;

namespace Lockstep.Server.Integrations.Repair;

/// <summary>A row of <c>lockstep.integrations</c> as it stands, whatever is in it.</summary>
/// <param name="Version">Of the row (xmin): a repair is of the row that was looked at, or of none.</param>
/// <param name="Net">Columns in which the database's own net finds a secret.</param>
/// <param name="StrangeCredential">It names a credential of another owner.</param>
/// <param name="Whole">The row as JSON.</param>
/// <param name="Admin">Who may change it: its user, or an admin of its workspace; null where the workspace has none.</param>
internal sealed record StoredIntegration(
    IntegrationId Id,
    UserId? User,
    WorkspaceId? Workspace,
    string Version,
    string Type,
    int Format,
    string Label,
    string? Username,
    string? Email,
    string Config,
    string FieldMappings,
    string Schedule,
    IReadOnlyList<string> Net,
    bool StrangeCredential,
    string Whole,
    UserId? Admin)
{
    /// <summary>As the owner of the tables, since it is of every tenant.</summary>
    public static Statement After(Guid? id, int limit) => new(
        """
        SELECT i.id, i.user_id, i.workspace_id, i.xmin::text, i.integration_type, i.config_format, i.label, i.external_username, i.external_email,
               i.config::text, i.field_mappings::text, i.sync_schedule::text,
               array_remove(ARRAY[
                   CASE WHEN lockstep.holds_secret(i.config) THEN 'config' END,
                   CASE WHEN lockstep.holds_secret(i.field_mappings) THEN 'field_mappings' END,
                   CASE WHEN lockstep.holds_secret(i.sync_schedule) THEN 'sync_schedule' END,
                   CASE WHEN lockstep.holds_secret(to_jsonb(i.label)) THEN 'label' END,
                   CASE WHEN lockstep.holds_secret(to_jsonb(i.external_username)) THEN 'external_username' END,
                   CASE WHEN lockstep.holds_secret(to_jsonb(i.external_email)) THEN 'external_email' END], NULL),
               i.credential_id IS NOT NULL AND NOT EXISTS (
                   SELECT 1 FROM lockstep.credentials c
                   WHERE  c.id = i.credential_id AND (c.user_id, c.workspace_id) IS NOT DISTINCT FROM (i.user_id, i.workspace_id)),
               to_jsonb(i)::text,
               coalesce(i.user_id, (SELECT m.user_id FROM lockstep.workspace_members m
                                    WHERE  m.workspace_id = i.workspace_id AND m.role IN ('owner', 'admin')
                                    ORDER  BY m.role DESC, m.joined_at, m.user_id LIMIT 1))
        FROM   lockstep.integrations i
        WHERE  $1::uuid IS NULL OR i.id > $1
        ORDER  BY i.id
        LIMIT  $2
        """,
        id, limit);

    public static StoredIntegration Read(NpgsqlDataReader row) => new(
        new IntegrationId(row.GetGuid(0)),
        row.GetGuidOrNull(1) is { } user ? new UserId(user) : null,
        row.GetGuidOrNull(2) is { } workspace ? new WorkspaceId(workspace) : null,
        row.GetString(3),
        row.GetString(4),
        row.GetInt16(5),
        row.GetString(6),
        row.GetStringOrNull(7),
        row.GetStringOrNull(8),
        row.GetString(9),
        row.GetString(10),
        row.GetString(11),
        row.GetFieldValue<string[]>(12),
        row.GetBoolean(13),
        row.GetString(14),
        row.GetGuidOrNull(15) is { } admin ? new UserId(admin) : null);
}
