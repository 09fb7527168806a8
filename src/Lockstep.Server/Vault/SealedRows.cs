using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using Lockstep.Server.Vault.OAuth;
using NodaTime;
using Npgsql;

namespace Lockstep.Server.Vault;

/// <summary>The statements that touch ciphertext. Each does its deed and writes its audit line in one.</summary>
internal static class SealedRows
{
    /// <summary>Stores a sealed credential; answers with the columns of <see cref="CredentialView.Read"/>.</summary>
    public static Statement Insert(CredentialId id, Tenant owner, NewCredential credential, SealedColumns value, Caller caller) => new(
        """
        WITH made AS (
            INSERT INTO lockstep.credentials
                   (id, user_id, workspace_id, scope, name, provider, type, encrypted_value, data_key_id, key_version, format,
                    masked_value, description, expires_at, metadata, created_by, key_provider, key_id, pending_rewrap)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::uuid, $10, $11, $12, $13, $14, $15::jsonb, $16, $17, $18, $19)
            RETURNING id, name, provider, type, scope, workspace_id, masked_value, description, metadata, expires_at, is_active,
                      last_used_at, rotated_at, version, created_by, created_at, updated_at, user_id),
        audit AS (
            SELECT lockstep.record_activity(m.user_id, m.workspace_id, 'CREDENTIAL_CREATED', 'credential', m.id,
                       jsonb_build_object('name', m.name, 'provider', m.provider, 'type', m.type, 'scope', m.scope, 'version', m.version)) AS seq
            FROM   made m)
        SELECT m.id, m.name, m.provider, m.type, m.scope, m.workspace_id, m.masked_value, m.description, m.metadata, m.expires_at, m.is_active,
               m.last_used_at, m.rotated_at, m.version, m.created_by, m.created_at, m.updated_at, a.seq
        FROM   made m, audit a
        """,
        id.Value, owner.User?.Value, owner.Workspace?.Value, credential.Scope.ToString(), credential.Name, credential.Provider,
        credential.Type.ToString(), value.Text, value.DataKey, value.KeyVersion, value.Format,
        MaskedValue.Of(credential.Type, credential.Value), credential.Description, credential.ExpiresAt,
        credential.Metadata?.GetRawText() ?? "{}", caller.Person?.Value, value.Provider, value.KeyId, value.Pending);

    /// <summary>Reads a sealed value with the key that sealed it, and audits the access, or that it was refused.</summary>
    /// <param name="version">A former one within its grace; null for the current one.</param>
    /// <param name="auditedVersion">No line is written for this version; null writes one for every version.</param>
    /// <param name="asItIs">An OAuth token that is due to be refreshed is released as long as it has not expired.</param>
    /// <remarks>A grant counts beside the current version alone. A token that is held back is neither an access nor a refusal: it is refreshed, and read again.</remarks>
    public static Statement Access(CredentialId id, string purpose, Instant now, int? version, int? auditedVersion, bool asItIs) => new(
        """
        WITH found AS (
            SELECT c.id, c.user_id, c.workspace_id, coalesce($5::integer, c.version) AS version,
                   CASE WHEN NOT c.is_active THEN 'revoked'
                        WHEN c.expires_at <= $3 THEN 'expired'
                        WHEN $5::integer IS NULL OR $5::integer = c.version THEN 'open'
                        WHEN v.version IS NULL THEN 'unknown_version'
                        WHEN v.grace_until > $3 THEN 'open'
                        ELSE 'version_retired' END AS state,
                   v.version IS NOT NULL AS is_former,
                   CASE WHEN v.version IS NULL THEN c.encrypted_value ELSE v.encrypted_value END AS encrypted_value,
                   CASE WHEN v.version IS NULL THEN c.key_provider ELSE v.key_provider END AS key_provider,
                   CASE WHEN v.version IS NULL THEN c.key_id ELSE v.key_id END AS key_id,
                   CASE WHEN v.version IS NULL THEN c.key_version ELSE v.key_version END AS key_version,
                   CASE WHEN v.version IS NULL THEN c.format ELSE v.format END AS format,
                   CASE WHEN v.version IS NULL THEN c.data_key_id ELSE v.data_key_id END AS data_key_id
            FROM   lockstep.credentials c
            LEFT   JOIN lockstep.credential_versions v ON v.credential_id = c.id AND v.version = $5::integer
            WHERE  c.id = $1
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)),
        seen AS (
            SELECT f.id, f.user_id, f.workspace_id, f.version, f.state, f.encrypted_value, f.key_provider, f.key_id, f.key_version, f.format,
                   k.id AS data_key, k.version AS data_key_version, k.provider AS wrapped_by, k.key_version AS wrapped_under, k.wrapped_key,
                   f.is_former, g.credential_id IS NOT NULL AS has_grant, g.has_refresh_token, g.state AS grant_state, g.failure_code,
                   g.expires_at AS token_expires_at, g.retry_at,
                   f.state = 'open' AND coalesce(g.state = 'refresh_failed' OR g.expires_at <= $3
                       OR (NOT $6::boolean AND g.has_refresh_token AND g.refresh_at <= $3 AND coalesce(g.retry_at <= clock_timestamp(), true)),
                       false) AS held
            FROM   found f
            LEFT   JOIN lockstep.data_keys k ON k.id = f.data_key_id
            LEFT   JOIN lockstep.oauth_grants g ON g.credential_id = f.id AND g.version = f.version AND NOT f.is_former),
        audit AS (
            SELECT lockstep.record_activity(s.user_id, s.workspace_id,
                       CASE s.state WHEN 'open' THEN 'CREDENTIAL_ACCESSED' ELSE 'CREDENTIAL_REFUSED' END, 'credential', s.id,
                       jsonb_strip_nulls(jsonb_build_object('purpose', $2::text, 'version', s.version, 'reason', nullif(s.state, 'open')))) AS seq
            FROM   seen s
            WHERE  NOT s.held AND (s.state <> 'open' OR s.version IS DISTINCT FROM $4::integer)),
        used AS (
            UPDATE lockstep.credentials c
            SET    last_used_at = $3
            FROM   seen s
            WHERE  c.id = s.id AND s.state = 'open' AND NOT s.held
            AND    (c.last_used_at IS NULL OR c.last_used_at <= $3::timestamptz - interval '1 minute'))
        SELECT s.user_id, s.workspace_id, s.version, s.state,
               s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format,
               s.data_key, s.data_key_version, s.wrapped_by, s.wrapped_under, s.wrapped_key,
               s.is_former, s.has_grant, s.held, s.has_refresh_token, s.grant_state, s.failure_code, s.token_expires_at, s.retry_at, a.seq
        FROM   seen s
        LEFT   JOIN audit a ON true
        """,
        id.Value, purpose, now, auditedVersion, version, asItIs);

    /// <summary>Audits a reveal that was refused before anything was looked at.</summary>
    public static Statement Refuse(CredentialId id, string purpose, string reason) => new(
        """
        SELECT lockstep.record_activity(c.user_id, c.workspace_id, 'CREDENTIAL_REFUSED', 'credential', c.id,
                   jsonb_build_object('purpose', $2::text, 'version', c.version, 'reason', $3::text))
        FROM   lockstep.credentials c
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        """,
        id.Value, purpose, reason);

    /// <summary>What sealing the next value needs: owner, type and current version.</summary>
    public static Statement Head(CredentialId id) => new(
        """
        SELECT c.user_id, c.workspace_id, c.version, c.is_active, c.type
        FROM   lockstep.credentials c
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        """,
        id.Value);

    /// <summary>A former value and the data key that sealed it.</summary>
    public static Statement Former(CredentialId id, int version) => new(
        """
        SELECT v.encrypted_value, v.key_provider, v.key_id, v.key_version, v.format, k.id, k.version, k.provider, k.key_version, k.wrapped_key
        FROM   lockstep.credentials c
        JOIN   lockstep.credential_versions v ON v.credential_id = c.id AND v.version = $2
        LEFT   JOIN lockstep.data_keys k ON k.id = v.data_key_id
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        """,
        id.Value, version);

    /// <summary>Puts the next value in place of version <paramref name="current"/>, keeps that one, and audits; no row when another version is current.</summary>
    /// <param name="graceUntil">Until then the replaced value is revealed to who asks for its version.</param>
    /// <remarks>FOR NO KEY UPDATE waits for a concurrent change and then looks again, so of many at once exactly one finds the version it expects.</remarks>
    public static Statement Replace(CredentialId id, int current, SealedColumns value, string masked, Instant now, string action, int? rolledBackTo, Instant? graceUntil) => new(
        """
        WITH head AS (
            SELECT c.id, c.version, c.encrypted_value, c.key_provider, c.key_id, c.data_key_id, c.key_version, c.format, c.masked_value,
                   coalesce(c.rotated_at, c.created_at) AS valid_from
            FROM   lockstep.credentials c
            WHERE  c.id = $1 AND c.version = $2 AND c.is_active
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)
            FOR    NO KEY UPDATE),
        kept AS (
            INSERT INTO lockstep.credential_versions
                   (credential_id, version, encrypted_value, key_provider, key_id, data_key_id, key_version, format, masked_value, valid_from, created_at,
                    grace_until)
            SELECT h.id, h.version, h.encrypted_value, h.key_provider, h.key_id, h.data_key_id, h.key_version, h.format, h.masked_value, h.valid_from, $8, $14::timestamptz
            FROM   head h),
        pruned AS (
            DELETE FROM lockstep.credential_versions v USING head h WHERE v.credential_id = h.id AND v.version <= h.version - 10),
        put AS (
            UPDATE lockstep.credentials c
            SET    encrypted_value = $3, data_key_id = $4::uuid, key_version = $5, format = $6, masked_value = $7, rotated_at = $8,
                   version = h.version + 1, key_provider = $11, key_id = $12, pending_rewrap = $13
            FROM   head h
            WHERE  c.id = h.id
            RETURNING c.id, c.name, c.provider, c.type, c.scope, c.workspace_id, c.masked_value, c.description, c.metadata, c.expires_at,
                      c.is_active, c.last_used_at, c.rotated_at, c.version, c.created_by, c.created_at, c.updated_at, c.user_id),
        audit AS (
            SELECT lockstep.record_activity(p.user_id, p.workspace_id, $9, 'credential', p.id,
                       jsonb_strip_nulls(jsonb_build_object('version', p.version, 'valueOfVersion', $10::integer, 'graceUntil', $14::timestamptz))) AS seq
            FROM   put p)
        SELECT p.id, p.name, p.provider, p.type, p.scope, p.workspace_id, p.masked_value, p.description, p.metadata, p.expires_at, p.is_active,
               p.last_used_at, p.rotated_at, p.version, p.created_by, p.created_at, p.updated_at, a.seq
        FROM   put p, audit a
        """,
        id.Value, current, value.Text, value.DataKey, value.KeyVersion, value.Format, masked, now, action, rolledBackTo, value.Provider,
        value.KeyId, value.Pending, graceUntil);
}

/// <summary>A row of <see cref="SealedRows.Access"/>.</summary>
/// <param name="State"><see cref="Open"/>, or why the value is not released.</param>
/// <param name="IsFormer">Another version is current.</param>
/// <param name="Grant">Null for a plain value, and for a former one.</param>
internal sealed record SealedRow(Tenant Owner, int Version, string State, SealedRead Sealed, bool IsFormer, GrantState? Grant)
{
    public const string Open = "open";

    public static SealedRow Read(NpgsqlDataReader row) => new(
        OwnerOf(row), row.GetInt32(2), row.GetString(3), SealedRead.Read(row, 4), row.GetBoolean(14), GrantState.Read(row, 15));

    public static Tenant OwnerOf(NpgsqlDataReader row) => new(
        row.GetGuidOrNull(0) is { } user ? new UserId(user) : null, row.GetGuidOrNull(1) is { } workspace ? new WorkspaceId(workspace) : null);
}

/// <summary>A row of <see cref="SealedRows.Head"/>.</summary>
internal sealed record HeadRow(Tenant Owner, int Version, bool IsActive, CredentialType Type)
{
    public static HeadRow Read(NpgsqlDataReader row) => new(
        SealedRow.OwnerOf(row), row.GetInt32(2), row.GetBoolean(3), Enum.Parse<CredentialType>(row.GetString(4)));
}
