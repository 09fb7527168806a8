using Lockstep.Server.Postgres;
using Lockstep.Server.Tenancy;
using Lockstep.Server.Vault.Keys;
using NodaTime;

namespace Lockstep.Server.Vault.OAuth;

/// <summary>The statements on <c>oauth_grants</c>. A row counts only while its version is the credential's.</summary>
internal static class GrantRows
{
    /// <summary>Puts the grant beside the value that the same transaction has just stored; a grant that failed before has recovered, which is audited.</summary>
    public static Statement Put(CredentialId id, NewGrant grant) => new(
        """
        WITH former AS (
            SELECT g.state FROM lockstep.oauth_grants g WHERE g.credential_id = $1 AND g.state = 'refresh_failed'),
        put AS (
            INSERT INTO lockstep.oauth_grants
                   (credential_id, version, token_endpoint, client_id, scope, auth_style, has_refresh_token, expires_at, refresh_at)
            SELECT c.id, c.version, $2::text, $3::text, $4::text, $5, $6, $7::timestamptz, $8
            FROM   lockstep.credentials c
            WHERE  c.id = $1
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)
            ON CONFLICT (credential_id) DO UPDATE
            SET    version = EXCLUDED.version, token_endpoint = EXCLUDED.token_endpoint, client_id = EXCLUDED.client_id, scope = EXCLUDED.scope,
                   auth_style = EXCLUDED.auth_style, has_refresh_token = EXCLUDED.has_refresh_token, expires_at = EXCLUDED.expires_at,
                   refresh_at = EXCLUDED.refresh_at, refreshed_at = NULL, state = 'active', failure_code = NULL, failed_at = NULL, failures = 0,
                   retry_at = NULL, lease = NULL, lease_until = NULL
            RETURNING credential_id, version),
        audit AS (
            SELECT lockstep.record_activity(c.user_id, c.workspace_id, 'CREDENTIAL_RECOVERED', 'credential', c.id,
                       jsonb_build_object('version', p.version)) AS seq
            FROM   put p
            JOIN   lockstep.credentials c ON c.id = p.credential_id
            CROSS  JOIN former f)
        SELECT p.credential_id, a.seq
        FROM   put p
        LEFT   JOIN audit a ON true
        """,
        id.Value, grant.TokenEndpoint, grant.ClientId, grant.Scope, StyleText(grant.Style), grant.CanRefresh, grant.ExpiresAt, grant.RefreshAt);

    /// <summary>Claims the refresh for whoever brings <paramref name="lease"/>, in one statement, and reads what it needs; or tells how things stand.</summary>
    /// <remarks>Of many at once exactly one finds no lease: the others wait for its row and look again.</remarks>
    public static Statement Claim(CredentialId id, Guid lease, double seconds, Instant now) => new(
        """
        WITH seen AS (
            SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_provider, c.key_id, c.key_version, c.format,
                   k.id AS data_key, k.version AS data_key_version, k.provider AS wrapped_by, k.key_version AS wrapped_under, k.wrapped_key,
                   g.token_endpoint, g.client_id, g.scope, g.auth_style, g.failures,
                   NOT g.has_refresh_token OR g.state = 'refresh_failed' OR g.refresh_at > $4 OR coalesce(g.retry_at > clock_timestamp(), false) AS settled
            FROM   lockstep.credentials c
            JOIN   lockstep.oauth_grants g ON g.credential_id = c.id AND g.version = c.version
            LEFT   JOIN lockstep.data_keys k ON k.id = c.data_key_id
            WHERE  c.id = $1 AND c.is_active
            AND    lockstep.owns_credential(c.user_id, c.workspace_id)),
        claimed AS (
            UPDATE lockstep.oauth_grants g
            SET    lease = $2, lease_until = clock_timestamp() + make_interval(secs => $3)
            FROM   seen s
            WHERE  g.credential_id = s.id AND g.version = s.version AND NOT s.settled
            AND    g.has_refresh_token AND g.state <> 'refresh_failed' AND g.refresh_at <= $4
            AND    coalesce(g.retry_at <= clock_timestamp(), true)
            AND    coalesce(g.lease_until <= clock_timestamp(), true)
            RETURNING g.credential_id)
        SELECT s.user_id, s.workspace_id, s.version, s.settled, d.credential_id IS NOT NULL,
               s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format,
               s.data_key, s.data_key_version, s.wrapped_by, s.wrapped_under, s.wrapped_key,
               s.token_endpoint, s.client_id, s.scope, s.auth_style, s.failures
        FROM   seen s
        LEFT   JOIN claimed d ON true
        """,
        id.Value, lease, seconds, now);

    /// <summary>Makes a token of this version due, unless it was refreshed within five minutes: then something else than its age is wrong with it.</summary>
    public static Statement Doubt(CredentialId id, int version, Instant now) => new(
        """
        UPDATE lockstep.oauth_grants g
        SET    refresh_at = $3
        FROM   lockstep.credentials c
        WHERE  c.id = $1 AND c.version = $2
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        AND    g.credential_id = c.id AND g.version = c.version AND g.has_refresh_token AND g.refresh_at > $3
        AND    coalesce(g.refreshed_at <= $3::timestamptz - interval '5 minutes', true)
        """,
        id.Value, version, now);

    /// <summary>Answers with true when the tokens stand and are audited. For the service login.</summary>
    public static Statement Finish(CredentialId id, Guid lease, int version, SealedColumns value, TokenLifetime life, Instant now) => new(
        """
        SELECT lockstep.finish_refresh($1, $2, $3, $4, $5, $6::uuid, $7::text, $8, $9, $10, $11::timestamptz, $12, $13)
        """,
        id.Value, lease, version, value.Text, value.Provider, value.DataKey, value.KeyId, value.KeyVersion, value.Format, value.Pending,
        life.ExpiresAt, life.RefreshAt, now);

    /// <summary>Answers with true when the failure was noted. For the service login.</summary>
    public static Statement Fail(CredentialId id, Guid lease, int version, string state, string code, double retrySeconds) => new(
        """
        SELECT lockstep.fail_refresh($1, $2, $3, $4, $5, $6)
        """,
        id.Value, lease, version, state, code, retrySeconds);

    public static Statement Get(CredentialId id) => new(
        """
        SELECT g.token_endpoint, g.client_id, g.scope, g.auth_style, g.has_refresh_token, g.expires_at, g.refresh_at, g.refreshed_at, g.state,
               g.failure_code, g.failed_at, g.retry_at
        FROM   lockstep.credentials c
        JOIN   lockstep.oauth_grants g ON g.credential_id = c.id AND g.version = c.version
        WHERE  c.id = $1
        AND    lockstep.owns_credential(c.user_id, c.workspace_id)
        """,
        id.Value);

    public static string StyleText(AuthStyle style) => style == AuthStyle.Post ? "post" : "basic";

    public static AuthStyle StyleOf(string text) => text == "post" ? AuthStyle.Post : AuthStyle.Basic;
}
