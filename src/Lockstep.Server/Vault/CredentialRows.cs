using System.Text.Json;
using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using NodaTime;

namespace Lockstep.Server.Vault;

/// <summary>The statements that touch no ciphertext: they need no key.</summary>
internal static class CredentialRows
{
    public static Statement Get(CredentialId id) => new(
        """
        SELECT c.id, c.name, c.provider, c.type, c.scope, c.workspace_id, c.masked_value, c.description, c.metadata, c.expires_at, c.is_active,
               c.last_used_at, c.rotated_at, c.version, c.created_by, c.created_at, c.updated_at
        FROM   lockstep.credentials c
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        """,
        id.Value);

    /// <summary>One more than the page holds, oldest first.</summary>
    public static Statement List(Caller caller, CredentialFilter filter, Instant now) => new(
        """
        SELECT c.id, c.name, c.provider, c.type, c.scope, c.workspace_id, c.masked_value, c.description, c.metadata, c.expires_at, c.is_active,
               c.last_used_at, c.rotated_at, c.version, c.created_by, c.created_at, c.updated_at
        FROM   lockstep.credentials c
        WHERE  (c.user_id = $1::uuid
                OR c.workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[])
                OR ($1::uuid IS NULL AND c.scope = 'SYSTEM'))
        AND    ($2::text IS NULL OR c.provider = $2)
        AND    ($3::text IS NULL OR c.type = $3)
        AND    ($4::text IS NULL OR c.scope = $4)
        AND    ($5::uuid IS NULL OR c.workspace_id = $5)
        AND    ($6::uuid IS NULL OR c.id > $6)
        AND    ($8::text IS NULL OR c.name = $8)
        AND    ($9::boolean IS NULL OR c.is_active = $9)
        AND    ($10::boolean IS NULL OR coalesce(c.expires_at <= $11, false) = $10)
        AND    ($12::timestamptz IS NULL OR c.expires_at < $12)
        ORDER  BY c.id
        LIMIT  $7
        """,
        caller.User?.Value, filter.Provider, filter.Type?.ToString(), filter.Scope?.ToString(), filter.Workspace?.Value, filter.After?.Value,
        filter.Limit + 1, filter.Name, filter.Active, filter.Expired, now, filter.ExpiresBefore);

    public static Statement Update(CredentialId id, CredentialChanges changes) => new(
        """
        WITH put AS (
            UPDATE lockstep.credentials c
            SET    name = coalesce($2::text, c.name),
                   description = CASE WHEN $3 THEN $4::text ELSE c.description END,
                   expires_at = CASE WHEN $5 THEN $6::timestamptz ELSE c.expires_at END,
                   metadata = coalesce($7::jsonb, c.metadata)
            WHERE  c.id = $1
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)
            RETURNING c.id, c.name, c.provider, c.type, c.scope, c.workspace_id, c.masked_value, c.description, c.metadata, c.expires_at,
                      c.is_active, c.last_used_at, c.rotated_at, c.version, c.created_by, c.created_at, c.updated_at, c.user_id),
        audit AS (
            SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'CREDENTIAL_UPDATED', 'credential', p.id,
                       jsonb_build_object('fields', $8::jsonb)) AS seq
            FROM   put p)
        SELECT p.id, p.name, p.provider, p.type, p.scope, p.workspace_id, p.masked_value, p.description, p.metadata, p.expires_at, p.is_active,
               p.last_used_at, p.rotated_at, p.version, p.created_by, p.created_at, p.updated_at, a.seq
        FROM   put p, audit a
        """,
        id.Value, changes.Name, changes.SetDescription, changes.Description, changes.SetExpiresAt, changes.ExpiresAt,
        changes.Metadata?.GetRawText(), JsonSerializer.Serialize(FieldsOf(changes)));

    /// <summary>Idempotent: only the first revocation is audited.</summary>
    public static Statement Revoke(CredentialId id, Instant now) => new(
        """
        WITH head AS (
            SELECT c.id, c.is_active
            FROM   lockstep.credentials c
            WHERE  c.id = $1
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)
            FOR    NO KEY UPDATE),
        put AS (
            UPDATE lockstep.credentials c
            SET    is_active = false, revoked_at = coalesce(c.revoked_at, $2)
            FROM   head h
            WHERE  c.id = h.id
            RETURNING c.id, c.name, c.provider, c.type, c.scope, c.workspace_id, c.masked_value, c.description, c.metadata, c.expires_at,
                      c.is_active, c.last_used_at, c.rotated_at, c.version, c.created_by, c.created_at, c.updated_at, c.user_id,
                      h.is_active AS was_active),
        audit AS (
            SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'CREDENTIAL_REVOKED', 'credential', p.id,
                       jsonb_build_object('version', p.version)) AS seq
            FROM   put p
            WHERE  p.was_active)
        SELECT p.id, p.name, p.provider, p.type, p.scope, p.workspace_id, p.masked_value, p.description, p.metadata, p.expires_at, p.is_active,
               p.last_used_at, p.rotated_at, p.version, p.created_by, p.created_at, p.updated_at, a.seq
        FROM   put p
        LEFT   JOIN audit a ON true
        """,
        id.Value, now);

    /// <summary>Fails with <c>integrations_credential_fkey</c> while an integration signs in with it.</summary>
    public static Statement Delete(CredentialId id) => new(
        """
        WITH gone AS (
            DELETE FROM lockstep.credentials c
            WHERE  c.id = $1
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)
            RETURNING c.id, c.user_id, c.workspace_id, c.name, c.provider, c.version),
        audit AS (
            SELECT lockstep.record_activity(g.user_id, g.workspace_id, 'CREDENTIAL_DELETED', 'credential', g.id,
                       jsonb_build_object('name', g.name, 'provider', g.provider, 'version', g.version)) AS seq
            FROM   gone g)
        SELECT g.id::text, a.seq
        FROM   gone g, audit a
        """,
        id.Value);

    /// <summary>Who signs in with it, as its owner calls them.</summary>
    public static Statement UsedBy(CredentialId id) => new(
        """
        SELECT i.label || ' (' || i.id::text || ')'
        FROM   lockstep.integrations i
        WHERE  i.credential_id = $1
        ORDER  BY i.id
        """,
        id.Value);

    /// <summary>The current value first, then the kept ones, newest first.</summary>
    public static Statement Versions(CredentialId id) => new(
        """
        SELECT c.version, c.masked_value, coalesce(c.rotated_at, c.created_at), NULL::timestamptz, NULL::timestamptz
        FROM   lockstep.credentials c
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        UNION  ALL
        SELECT v.version, v.masked_value, v.valid_from, v.created_at, v.grace_until
        FROM   lockstep.credentials c
        JOIN   lockstep.credential_versions v ON v.credential_id = c.id
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        ORDER  BY 1 DESC
        """,
        id.Value);

    /// <summary>Everything of one tenant; no number when it is not the caller's.</summary>
    public static Statement RevokeAll(Tenant tenant, string reason) => new(
        "SELECT r.revoked FROM lockstep.revoke_tenant($1::uuid, $2::uuid, $3) AS r (revoked) WHERE r.revoked IS NOT NULL",
        tenant.User?.Value, tenant.Workspace?.Value, reason);

    private static IEnumerable<string> FieldsOf(CredentialChanges changes)
    {
        if (changes.Name is not null)
            yield return "name";
        if (changes.SetDescription)
            yield return "description";
        if (changes.SetExpiresAt)
            yield return "expiresAt";
        if (changes.Metadata is not null)
            yield return "metadata";
    }
}
