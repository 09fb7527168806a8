using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;

namespace Lockstep.Server.Vault.Webhooks;

/// <summary>The statements on webhooks, each with its audit line. The address is not in the audit: its path may be a secret.</summary>
internal static class WebhookRows
{
    public static Statement Insert(Guid id, Tenant owner, NewWebhook wanted, Caller caller, int most) => new(
        """
        WITH made AS (
            INSERT INTO lockstep.webhooks (id, user_id, workspace_id, url, events, created_by)
            SELECT $1, $2::uuid, $3::uuid, $4, $5::text[], $6::uuid
            WHERE  (SELECT count(*) FROM lockstep.webhooks w WHERE w.user_id = $2::uuid OR w.workspace_id = $3::uuid) < $7
            RETURNING id, url, events, workspace_id, is_active, disabled_reason, failing_since, created_at, updated_at, user_id),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'WEBHOOK_CREATED', 'webhook', m.id, jsonb_build_object('events', m.events)) AS seq
            FROM   made m)
        SELECT m.id, m.url, m.events, m.workspace_id, m.is_active, m.disabled_reason, m.failing_since, m.created_at, m.updated_at, a.seq
        FROM   made m, audit a
        """,
        id, owner.User?.Value, owner.Workspace?.Value, wanted.Url, wanted.Events.Distinct(StringComparer.Ordinal).ToArray(), caller.User?.Value, most);

    /// <summary>After <see cref="Insert"/> or <see cref="NextVersion"/>, in their transaction.</summary>
    public static Statement InsertSecret(Guid webhook, int version, SealedColumns key) => new(
        """
        INSERT INTO lockstep.webhook_secrets (webhook_id, version, encrypted_value, key_provider, key_id, data_key_id, key_version, format, pending_rewrap)
        VALUES ($1, $2, $3, $4, $5, $6::uuid, $7, $8, $9)
        """,
        webhook, version, key.Text, key.Provider, key.KeyId, key.DataKey, key.KeyVersion, key.Format, key.Pending);

    public static Statement NextVersion(Guid id, int current) => new(
        """
        WITH put AS (
            UPDATE lockstep.webhooks w
            SET    secret_version = $2 + 1
            WHERE  w.id = $1 AND w.secret_version = $2
            RETURNING id, url, events, workspace_id, is_active, disabled_reason, failing_since, created_at, updated_at, user_id),
        audit AS (
            SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'WEBHOOK_SECRET_ROTATED', 'webhook', p.id) AS seq
            FROM   put p)
        SELECT p.id, p.url, p.events, p.workspace_id, p.is_active, p.disabled_reason, p.failing_since, p.created_at, p.updated_at, a.seq
        FROM   put p, audit a
        """,
        id, current);

    public static Statement EndSecrets(Guid webhook, int through, double seconds) => new(
        """
        UPDATE lockstep.webhook_secrets s
        SET    valid_until = clock_timestamp() + make_interval(secs => $3)
        WHERE  s.webhook_id = $1 AND s.version <= $2 AND s.valid_until IS NULL
        """,
        webhook, through, seconds);

    public static Statement Head(Guid id) => new(
        "SELECT w.user_id, w.workspace_id, w.secret_version FROM lockstep.webhooks w WHERE w.id = $1", id);

    public static Statement Get(Guid id) => new(
        """
        SELECT w.id, w.url, w.events, w.workspace_id, w.is_active, w.disabled_reason, w.failing_since, w.created_at, w.updated_at
        FROM   lockstep.webhooks w
        WHERE  w.id = $1
        """,
        id);

    /// <summary>Oldest first; there are few.</summary>
    public static Statement List(Guid? workspace) => new(
        """
        SELECT w.id, w.url, w.events, w.workspace_id, w.is_active, w.disabled_reason, w.failing_since, w.created_at, w.updated_at
        FROM   lockstep.webhooks w
        WHERE  ($1::uuid IS NULL OR w.workspace_id = $1)
        ORDER  BY w.id
        LIMIT  1000
        """,
        workspace);

    public static Statement Update(Guid id, WebhookChanges changes) => new(
        """
        WITH put AS (
            UPDATE lockstep.webhooks w
            SET    url = coalesce($2::text, w.url),
                   events = coalesce($3::text[], w.events),
                   is_active = coalesce($4::boolean, w.is_active),
                   disabled_reason = CASE WHEN $4::boolean IS NULL THEN w.disabled_reason END,
                   failing_since = CASE WHEN $4::boolean THEN NULL ELSE w.failing_since END
            WHERE  w.id = $1
            RETURNING id, url, events, workspace_id, is_active, disabled_reason, failing_since, created_at, updated_at, user_id),
        audit AS (
            SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'WEBHOOK_UPDATED', 'webhook', p.id,
                       jsonb_strip_nulls(jsonb_build_object('url', CASE WHEN $2::text IS NOT NULL THEN 'changed' END, 'events', $3::text[], 'isActive', $4::boolean))) AS seq
            FROM   put p)
        SELECT p.id, p.url, p.events, p.workspace_id, p.is_active, p.disabled_reason, p.failing_since, p.created_at, p.updated_at, a.seq
        FROM   put p, audit a
        """,
        id, changes.Url, changes.Events?.Distinct(StringComparer.Ordinal).ToArray(), changes.IsActive);

    public static Statement Delete(Guid id) => new(
        """
        WITH gone AS (
            DELETE FROM lockstep.webhooks w
            WHERE  w.id = $1
            RETURNING w.id, w.user_id, w.workspace_id),
        audit AS (
            SELECT lockstep.record_activity(g.user_id, g.workspace_id, 'WEBHOOK_DELETED', 'webhook', g.id) AS seq
            FROM   gone g)
        SELECT g.id::text, a.seq
        FROM   gone g, audit a
        """,
        id);

    /// <summary>No row when there is no such webhook, or it is switched off.</summary>
    public static Statement Test(Guid id, string body) => new(
        """
        INSERT INTO lockstep.webhook_deliveries (webhook_id, event, body)
        SELECT w.id, 'webhook.test', $2
        FROM   lockstep.webhooks w
        WHERE  w.id = $1 AND w.is_active
        RETURNING id::text
        """,
        id, body);

    /// <summary>Newest first.</summary>
    public static Statement Deliveries(Guid webhook, int limit) => new(
        """
        SELECT d.id, d.event, d.state, d.attempts, d.last_status, d.last_error, d.created_at, d.last_attempt_at,
               CASE WHEN d.state = 'pending' THEN d.next_attempt_at END, d.delivered_at
        FROM   lockstep.webhook_deliveries d
        WHERE  d.webhook_id = $1
        ORDER  BY d.created_at DESC
        LIMIT  $2
        """,
        webhook, limit);
}
