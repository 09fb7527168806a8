using System.Text.Json;
using Lockstep.Server.Http;
using Lockstep.Server.Integrations.Caldav;
using Lockstep.Server.Integrations.Types;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;

namespace Lockstep.Server.Integrations;

/// <summary>The statements on <c>lockstep.integrations</c>. Each deed writes its audit line in the same statement.</summary>
internal static class IntegrationRows
{
    /// <param name="id">Null: all of them, after <paramref name="after"/>.</param>
    public static Statement Read(IntegrationId? id, IntegrationId? after, WorkspaceId? workspace, int limit) => new(
        """
        SELECT i.id, i.user_id, i.workspace_id, i.integration_type, i.label, i.enabled, i.status, i.config::text, i.config_version,
               i.field_mappings::text, i.sync_schedule::text, i.credential_id, i.credential_owned, i.paused_reason, i.paused_until,
               i.confirmed_deletions, i.last_sync_at, i.last_sync_error, i.last_sync_error_code, i.next_sync_at, i.created_at, i.updated_at,
               i.vault_secret_id, i.failures, i.config_format
        FROM   lockstep.integrations i
        WHERE  ($1::uuid IS NULL OR i.id = $1)
        AND    ($2::uuid IS NULL OR i.id > $2)
        AND    ($3::uuid IS NULL OR i.workspace_id = $3)
        AND    (i.user_id = lockstep.current_user_id() OR i.workspace_id = ANY (lockstep.visible_workspaces()))
        ORDER  BY i.id
        LIMIT  $4
        """,
        id?.Value, after?.Value, workspace?.Value, limit);

    public static Statement Insert(IntegrationId id, UserId? user, NewIntegration wanted, CredentialId? credential, bool ownsCredential, Guid? vaultSecret) => new(
        """
        WITH made AS (
            INSERT INTO lockstep.integrations
                (id, user_id, workspace_id, integration_type, label, external_username, config, field_mappings, sync_schedule,
                 credential_id, credential_owned, vault_secret_id, config_format)
            VALUES ($1, $2::uuid, $3::uuid, $4, $5, $6, $7::jsonb, $8::jsonb, $9::jsonb, $10::uuid, $11, $12::uuid, $13)
            RETURNING id, user_id, workspace_id, integration_type, label),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'INTEGRATION_CREATED', 'integration', m.id,
                       jsonb_build_object('integrationType', m.integration_type, 'label', m.label)) AS seq
            FROM   made m)
        SELECT m.id, a.seq
        FROM   made m, audit a
        """,
        id.Value, user?.Value, wanted.Workspace?.Value, wanted.Type, wanted.Label, wanted.Config.Account, Json(wanted.Config),
        Json(wanted.FieldMappings), Json(wanted.Schedule), credential?.Value, ownsCredential, vaultSecret, (short)ConfigReader.Newest);

    /// <summary>Whatever changed, the worker looks at once; a pause that the change may have ended ends, also one for a secret that a run has put only now.</summary>
    public static Statement Update(Integration changed, bool endPause) => new(
        """
        WITH made AS (
            UPDATE lockstep.integrations i
            SET    label = $2,
                   enabled = $3,
                   external_username = $4,
                   config = $5::jsonb,
                   config_format = $12,
                   config_version = i.config_version + CASE WHEN i.config = $5::jsonb THEN 0 ELSE 1 END,
                   field_mappings = $6::jsonb,
                   sync_schedule = $7::jsonb,
                   credential_id = $8,
                   credential_owned = $9,
                   vault_secret_id = $11::uuid,
                   paused_reason = CASE WHEN $10 OR (i.paused_reason IN ('unauthorized', 'credential_revoked') AND
                       (i.credential_id, i.vault_secret_id, i.external_username) IS DISTINCT FROM ($8::uuid, $11::uuid, $4::text)) THEN NULL ELSE i.paused_reason END,
                   paused_until = CASE WHEN $10 THEN NULL ELSE i.paused_until END,
                   failures = CASE WHEN $10 THEN 0 ELSE i.failures END,
                   next_sync_at = now()
            WHERE  i.id = $1
            RETURNING i.id, i.user_id, i.workspace_id, i.label, i.enabled),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'INTEGRATION_UPDATED', 'integration', m.id,
                       jsonb_build_object('label', m.label, 'enabled', m.enabled)) AS seq
            FROM   made m)
        SELECT m.id, a.seq
        FROM   made m, audit a
        """,
        changed.Id.Value, changed.Label, changed.Enabled, changed.Config.Account, Json(changed.Config), Json(changed.FieldMappings),
        Json(changed.Schedule), changed.Credential?.Value, changed.OwnsCredential, endPause, changed.VaultSecret,
        (short)ConfigReader.Newest);

    public static Statement Delete(IntegrationId id) => new(
        """
        WITH gone AS (
            DELETE FROM lockstep.integrations i
            WHERE  i.id = $1
            RETURNING i.id, i.user_id, i.workspace_id, i.integration_type, i.label, i.credential_id, i.credential_owned),
        audit AS (
            SELECT lockstep.record_activity(g.user_id, g.workspace_id, 'INTEGRATION_DELETED', 'integration', g.id,
                       jsonb_build_object('integrationType', g.integration_type, 'label', g.label)) AS seq
            FROM   gone g)
        SELECT CASE WHEN g.credential_owned THEN g.credential_id END, a.seq
        FROM   gone g, audit a
        """,
        id.Value);

    /// <summary>Promises <paramref name="run"/>, or tells the run that was promised before, and makes the integration due.</summary>
    public static Statement RequestRun(IntegrationId id, Guid run) => new(
        """
        UPDATE lockstep.integrations i
        SET    requested_run = coalesce(i.requested_run, $2),
               next_sync_at = now()
        WHERE  i.id = $1
        AND    i.enabled
        AND    (i.paused_reason IS NULL OR i.paused_until <= now())
        RETURNING i.requested_run
        """,
        id.Value, run);

    public static Statement ConfirmDeletions(IntegrationId id, int count) => new(
        """
        WITH made AS (
            UPDATE lockstep.integrations i
            SET    confirmed_deletions = $2,
                   paused_reason = NULL,
                   paused_until = NULL,
                   next_sync_at = now()
            WHERE  i.id = $1
            AND    i.paused_reason = 'mass_delete'
            RETURNING i.id, i.user_id, i.workspace_id),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'INTEGRATION_DELETIONS_CONFIRMED', 'integration', m.id,
                       jsonb_build_object('count', $2)) AS seq
            FROM   made m)
        SELECT m.id, a.seq
        FROM   made m, audit a
        """,
        id.Value, count);

    /// <summary>Writes back what the first sync chose, unless its owner chose meanwhile.</summary>
    public static Statement SetCalendars(IntegrationId id, int configVersion, CaldavConfig config) => new(
        """
        UPDATE lockstep.integrations i
        SET    config = $3::jsonb, config_format = $4
        WHERE  i.id = $1
        AND    i.config_version = $2
        """,
        id.Value, configVersion, Json(config), (short)ConfigReader.Newest);

    public static Statement Log(IntegrationId id, Guid? run, Guid? before, int limit) => new(
        """
        SELECT l.id, l.occurred_at, l.direction, l.items_pushed, l.items_pulled, l.error, l.error_code, l.duration_ms
        FROM   lockstep.sync_log l
        WHERE  l.integration_id = $1
        AND    ($2::uuid IS NULL OR l.id = $2)
        AND    ($3::uuid IS NULL OR l.occurred_at < (SELECT o.occurred_at FROM lockstep.sync_log o WHERE o.id = $3 AND o.integration_id = $1))
        ORDER  BY l.occurred_at DESC, l.id DESC
        LIMIT  $4
        """,
        id.Value, run, before, limit);

    private static string Json<T>(T value) => JsonSerializer.Serialize(value, StrictJson.Options);
}
