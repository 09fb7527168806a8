-- OAuth 2 grants: what is not secret of a credential that holds an access token and what refreshes it, and the lease of whoever refreshes.

CREATE TABLE lockstep.oauth_grants (
    credential_id     uuid        CONSTRAINT oauth_grants_pkey PRIMARY KEY
                                  CONSTRAINT oauth_grants_credential_fkey REFERENCES lockstep.credentials (id) ON DELETE CASCADE,
    version           integer     NOT NULL CONSTRAINT oauth_grants_version_check CHECK (version >= 1),
    token_endpoint    text,
    client_id         text,
    scope             text,
    auth_style        text        NOT NULL DEFAULT 'basic' CONSTRAINT oauth_grants_auth_style_check CHECK (auth_style IN ('basic', 'post')),
    has_refresh_token boolean     NOT NULL,
    expires_at        timestamptz,
    refresh_at        timestamptz,
    refreshed_at      timestamptz,
    state             text        NOT NULL DEFAULT 'active' CONSTRAINT oauth_grants_state_check
                                  CHECK (state IN ('active', 'unavailable', 'malformed', 'misconfigured', 'refresh_failed')),
    failure_code      text,
    failed_at         timestamptz,
    failures          integer     NOT NULL DEFAULT 0,
    retry_at          timestamptz,
    lease             uuid,
    lease_until       timestamptz,
    CONSTRAINT oauth_grants_refresh_check CHECK (
        NOT has_refresh_token OR (token_endpoint IS NOT NULL AND client_id IS NOT NULL AND refresh_at IS NOT NULL))
);
COMMENT ON TABLE lockstep.oauth_grants IS
    'Beside a credential whose sealed value holds an access token, a refresh token and a client secret. It counts only while version is the credential''s: rotating to a plain value leaves it behind.';
COMMENT ON COLUMN lockstep.oauth_grants.expires_at IS 'Of the access token; NULL: the token endpoint did not say.';
COMMENT ON COLUMN lockstep.oauth_grants.refresh_at IS 'From then on the access token is refreshed before it is released.';
COMMENT ON COLUMN lockstep.oauth_grants.state IS 'How the last refresh ended. refresh_failed: the refresh token was refused, and only a new grant helps; the others are tried again from retry_at on.';
COMMENT ON COLUMN lockstep.oauth_grants.lease IS 'The fence: whoever refreshes ends with this value or not at all. Another takes over once lease_until has passed.';

ALTER TABLE lockstep.oauth_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.oauth_grants FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.oauth_grants FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
-- Whoever sees the credential; row-level security of credentials decides inside the sub-select, the narrowing to one integration too.
CREATE POLICY oauth_grants_read ON lockstep.oauth_grants FOR SELECT TO authenticated, service_role, lockstep_app, lockstep_service
    USING (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
CREATE POLICY oauth_grants_make ON lockstep.oauth_grants FOR INSERT TO lockstep_app, lockstep_service
    WITH CHECK (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
CREATE POLICY oauth_grants_change ON lockstep.oauth_grants FOR UPDATE TO lockstep_app, lockstep_service
    USING (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
CREATE POLICY integration_narrows ON lockstep.oauth_grants AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR credential_id = (SELECT lockstep.integrations_credential()));
GRANT SELECT ON lockstep.oauth_grants TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT INSERT ON lockstep.oauth_grants TO lockstep_app, lockstep_service;
GRANT UPDATE (version, token_endpoint, client_id, scope, auth_style, has_refresh_token, expires_at, refresh_at, refreshed_at, state, failure_code,
              failed_at, failures, retry_at, lease, lease_until)
    ON lockstep.oauth_grants TO lockstep_app, lockstep_service;

-- The end of a refresh is the service login's: whoever began it may have lost his rights meanwhile, and a rotated refresh token must not be lost with them.
CREATE FUNCTION lockstep.finish_refresh(
    p_credential uuid, p_lease uuid, p_version integer, p_encrypted_value text, p_key_provider text, p_data_key uuid, p_key_id text,
    p_key_version integer, p_format text, p_pending boolean, p_expires_at timestamptz, p_refresh_at timestamptz, p_now timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held lockstep.credentials;
    was  text;
BEGIN
    -- The credential first, as everybody who changes it: a rotation at the same time comes before or after, never between.
    SELECT c.* INTO held FROM lockstep.credentials c WHERE c.id = p_credential AND c.version = p_version AND c.is_active FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT g.state INTO was FROM lockstep.oauth_grants g
    WHERE  g.credential_id = p_credential AND g.version = p_version AND g.lease = p_lease
    FOR    NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE lockstep.credentials c
    SET    encrypted_value = p_encrypted_value, key_provider = p_key_provider, data_key_id = p_data_key, key_id = p_key_id,
           key_version = p_key_version, format = p_format, pending_rewrap = p_pending, rotated_at = p_now, version = p_version + 1
    WHERE  c.id = p_credential;
    UPDATE lockstep.oauth_grants g
    SET    version = p_version + 1, expires_at = p_expires_at, refresh_at = p_refresh_at, refreshed_at = p_now,
           state = 'active', failure_code = NULL, failed_at = NULL, failures = 0, retry_at = NULL, lease = NULL, lease_until = NULL
    WHERE  g.credential_id = p_credential;
    PERFORM lockstep.record_activity(held.user_id, held.workspace_id, 'CREDENTIAL_REFRESHED', 'credential', held.id,
                jsonb_strip_nulls(jsonb_build_object('version', p_version + 1, 'expiresAt', p_expires_at,
                    'recoveredFrom', nullif(was, 'active'))));
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.finish_refresh(uuid, uuid, integer, text, text, uuid, text, integer, text, boolean, timestamptz, timestamptz, timestamptz) IS
    'Puts refreshed tokens in place, ends the lease and writes the audit line, all or nothing; false, and nothing written, when the fence is another''s, the value was rotated, or the credential is revoked or gone. SECURITY DEFINER: service login only; takes ciphertext alone.';

CREATE FUNCTION lockstep.fail_refresh(
    p_credential uuid, p_lease uuid, p_version integer, p_state text, p_code text, p_retry_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    held lockstep.credentials;
    was  text;
BEGIN
    SELECT c.* INTO held FROM lockstep.credentials c WHERE c.id = p_credential AND c.version = p_version AND c.is_active FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT g.state INTO was FROM lockstep.oauth_grants g
    WHERE  g.credential_id = p_credential AND g.version = p_version AND g.lease = p_lease
    FOR    NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE lockstep.oauth_grants g
    SET    state = p_state, failure_code = p_code, failed_at = clock_timestamp(), failures = g.failures + 1,
           retry_at = clock_timestamp() + make_interval(secs => p_retry_seconds), lease = NULL, lease_until = NULL
    WHERE  g.credential_id = p_credential;
    -- Told once: what lasts is the state, not the number of attempts.
    IF p_state IN ('refresh_failed', 'misconfigured') AND was <> p_state THEN
        PERFORM lockstep.record_activity(held.user_id, held.workspace_id, 'CREDENTIAL_REFRESH_FAILED', 'credential', held.id,
                    jsonb_build_object('version', p_version, 'state', p_state, 'reason', p_code, 'name', held.name, 'provider', held.provider));
    END IF;
    IF p_state = 'refresh_failed' THEN
        UPDATE lockstep.integrations i
        SET    status = CASE WHEN i.enabled THEN 'error' ELSE i.status END,
               last_sync_error = 'The service no longer accepts the OAuth grant of this integration. Connect the account again.',
               last_sync_error_code = 'refresh_failed',
               paused_reason = 'credential_revoked',
               paused_until = NULL
        WHERE  i.credential_id = p_credential;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.fail_refresh(uuid, uuid, integer, text, text, double precision) IS
    'Ends the lease of a refresh that brought no token: notes why and when to try again; a refused refresh token is told in the audit and stops the integrations that use it, until the value changes. False when the fence is another''s. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.finish_refresh(uuid, uuid, integer, text, text, uuid, text, integer, text, boolean, timestamptz, timestamptz, timestamptz),
    lockstep.fail_refresh(uuid, uuid, integer, text, text, double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.finish_refresh(uuid, uuid, integer, text, text, uuid, text, integer, text, boolean, timestamptz, timestamptz, timestamptz),
    lockstep.fail_refresh(uuid, uuid, integer, text, text, double precision) TO lockstep_service;
