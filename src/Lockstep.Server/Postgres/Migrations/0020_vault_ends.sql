-- How a run ends whose secret was changed meanwhile.

DROP FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision);
DROP FUNCTION lockstep.retrieve_for_integration(uuid, text);

-- The SQL vault's schema has the name that holds here, as in 0013.
DO $migration$
DECLARE
    home text := CASE WHEN EXISTS (SELECT 1 FROM pg_namespace n WHERE n.nspname = 'vault' AND pg_get_userbyid(n.nspowner) = 'lockstep_owner')
                      THEN 'vault' ELSE 'lockstep_vault' END;
BEGIN
    EXECUTE regexp_replace($statements$

CREATE FUNCTION lockstep.retrieve_for_integration(p_integration uuid, p_key text) RETURNS TABLE (secret text, version integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept vault.secrets;
BEGIN
    IF p_key <> '' THEN
        PERFORM set_config('lockstep.vault_key', p_key, true);
    END IF;
    SELECT s.* INTO kept FROM lockstep.integrations i JOIN vault.secrets s ON s.id = i.vault_secret_id WHERE i.id = p_integration;
    IF kept.id IS NULL THEN
        RETURN;
    END IF;
    PERFORM lockstep.log_vault_access(kept.id, p_integration);
    RETURN QUERY SELECT lockstep.open_vault_secret(kept.id, kept.version, kept.key_fingerprint, kept.sealed), kept.version;
END $$;
COMMENT ON FUNCTION lockstep.retrieve_for_integration(uuid, text) IS
    'The secret that an integration names and its version, for its run, logged with the integration''s id; no row when it is gone. p_key: the root key of the set-up by setting, else empty. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.is_secret_still(
    p_integration uuid, p_credential uuid, p_vault_secret uuid, p_version integer, p_config_version integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named lockstep.integrations;
    newest integer;
BEGIN
    SELECT i.* INTO named FROM lockstep.integrations i WHERE i.id = p_integration;
    IF named.credential_id IS DISTINCT FROM p_credential OR named.vault_secret_id IS DISTINCT FROM p_vault_secret
       OR named.config_version <> p_config_version THEN
        RETURN false;
    END IF;
    IF p_version IS NULL THEN
        RETURN true;
    END IF;
    -- Whoever rotates has locked the secret and will look at the integration, which the caller has locked: to wait for him would be a deadlock, and
    -- not to lock would miss a rotation that has not committed yet. A secret that is locked counts as changed: the next run, at once, finds out.
    IF p_credential IS NOT NULL THEN
        SELECT c.version INTO newest FROM lockstep.credentials c WHERE c.id = p_credential FOR SHARE SKIP LOCKED;
    ELSE
        SELECT s.version INTO newest FROM vault.secrets s WHERE s.id = p_vault_secret FOR SHARE SKIP LOCKED;
    END IF;
    RETURN newest IS NOT DISTINCT FROM p_version;
END $$;
COMMENT ON FUNCTION lockstep.is_secret_still(uuid, uuid, uuid, integer, integer) IS
    'Whether an integration, which the caller has locked, signs in with this version of this secret still, and as its configuration then said. SECURITY DEFINER: for finish_work alone, no role may execute it.';

CREATE FUNCTION lockstep.finish_work(
    p_integration uuid, p_fence bigint, p_run uuid, p_direction text, p_pushed integer, p_pulled integer, p_error text, p_error_code text,
    p_duration_ms integer, p_next_seconds double precision, p_pause_reason text, p_pause_seconds double precision,
    p_credential uuid DEFAULT NULL, p_vault_secret uuid DEFAULT NULL, p_secret_version integer DEFAULT NULL, p_config_version integer DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_at lockstep.integrations;
    verdict  boolean := coalesce(p_pause_reason IN ('unauthorized', 'credential_revoked'), false);
    overtaken boolean;
    stopped   boolean;
BEGIN
    SELECT i.* INTO found_at FROM lockstep.integrations i
    WHERE  i.id = p_integration AND i.lease_fence = p_fence AND i.lease_owner IS NOT NULL
    FOR    NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What was found out about a secret that is not the integration's any more says nothing of the one that is.
    overtaken := verdict AND p_config_version IS NOT NULL
        AND NOT lockstep.is_secret_still(p_integration, p_credential, p_vault_secret, p_secret_version, p_config_version);
    -- Work is never claimed in such a pause: the secret was revoked, or its grant refused, while the run was going on, which cannot end that.
    stopped := NOT verdict AND found_at.paused_until IS NULL
        AND coalesce(found_at.paused_reason IN ('unauthorized', 'credential_revoked'), false);
    UPDATE lockstep.integrations i
    SET    lease_owner = NULL,
           lease_until = NULL,
           current_run = NULL,
           status = CASE WHEN NOT i.enabled THEN 'disabled' WHEN overtaken OR stopped THEN i.status WHEN p_error IS NULL THEN 'active' ELSE 'error' END,
           last_sync_at = CASE WHEN p_error IS NULL THEN clock_timestamp() ELSE i.last_sync_at END,
           last_sync_error = CASE WHEN overtaken OR stopped THEN i.last_sync_error ELSE p_error END,
           last_sync_error_code = CASE WHEN overtaken OR stopped THEN i.last_sync_error_code ELSE p_error_code END,
           failures = CASE WHEN overtaken THEN i.failures WHEN p_error IS NULL THEN 0 ELSE i.failures + 1 END,
           confirmed_deletions = CASE WHEN p_error IS NULL THEN NULL ELSE i.confirmed_deletions END,
           paused_reason = CASE WHEN overtaken OR stopped THEN i.paused_reason ELSE p_pause_reason END,
           paused_until = CASE WHEN overtaken OR stopped THEN i.paused_until
                               WHEN p_pause_reason IS NOT NULL THEN clock_timestamp() + make_interval(secs => p_pause_seconds) END,
           -- Somebody asked again while this run was going on: what he changed may have come too late for it.
           next_sync_at = CASE WHEN overtaken OR i.requested_run IS NOT NULL THEN clock_timestamp()
                               ELSE clock_timestamp() + make_interval(secs => p_next_seconds) END
    WHERE  i.id = p_integration;
    INSERT INTO lockstep.sync_log
        (id, integration_id, user_id, workspace_id, direction, items_pushed, items_pulled, error, error_code, duration_ms)
    VALUES (p_run, p_integration, found_at.user_id, found_at.workspace_id, p_direction, p_pushed, p_pulled, p_error, p_error_code, p_duration_ms);
    DELETE FROM lockstep.sync_log l
    WHERE  l.integration_id = p_integration
    AND    l.occurred_at < (SELECT o.occurred_at FROM lockstep.sync_log o
                            WHERE o.integration_id = p_integration ORDER BY o.occurred_at DESC OFFSET 199 LIMIT 1)
    AND    l.id NOT IN (SELECT e.id FROM lockstep.sync_log e
                        WHERE e.integration_id = p_integration AND e.error IS NOT NULL ORDER BY e.occurred_at DESC LIMIT 5);
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer) IS
    'Ends a lease: writes the log line, the status, the pause (without seconds: until something changes) and when to look again. A pause for a secret counts only for the version that the run signed in with (p_secret_version; NULL: it got none), and a pause that came meanwhile stays. False, and nothing written, when the lease was lost. SECURITY DEFINER: service only.';

    $statements$, '\mvault\.', home || '.', 'g');
END $migration$;

REVOKE ALL ON FUNCTION lockstep.retrieve_for_integration(uuid, text), lockstep.is_secret_still(uuid, uuid, uuid, integer, integer),
    lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.retrieve_for_integration(uuid, text),
    lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer)
    TO lockstep_service;

-- A credential that had expired and is given more time is as good as a new one: the pause of its integrations ends.
DROP TRIGGER follow_credential ON lockstep.credentials;
CREATE TRIGGER follow_credential AFTER UPDATE ON lockstep.credentials FOR EACH ROW
    WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active OR OLD.version IS DISTINCT FROM NEW.version OR OLD.expires_at IS DISTINCT FROM NEW.expires_at)
    EXECUTE FUNCTION lockstep.follow_credential();
