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

-- A user who revokes everything of his may have had more than his own in hand: the webhooks of his workspaces are told once, as their audit is.
CREATE OR REPLACE FUNCTION lockstep.webhook_event(p_action text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE p_action
               WHEN 'CREDENTIAL_CREATED'           THEN 'credential.created'
               WHEN 'CREDENTIAL_ROTATED'           THEN 'credential.rotated'
               WHEN 'CREDENTIAL_ROLLED_BACK'       THEN 'credential.rotated'
               WHEN 'CREDENTIAL_EXPIRING'          THEN 'credential.expiring'
               WHEN 'CREDENTIAL_REVOKED'           THEN 'credential.revoked'
               WHEN 'CREDENTIAL_DELETED'           THEN 'credential.deleted'
               WHEN 'CREDENTIAL_REFRESH_FAILED'    THEN 'credential.refresh_failed'
               WHEN 'CREDENTIAL_RECOVERED'         THEN 'credential.recovered'
               WHEN 'CREDENTIAL_REFRESH_RECOVERED' THEN 'credential.recovered'
               WHEN 'MEMBER_CREDENTIALS_REVOKED'   THEN 'member.credentials_revoked'
               WHEN 'BULK_READ_BLOCKED'            THEN 'credential.bulk_read_blocked'
           END;
END $$;

CREATE OR REPLACE FUNCTION lockstep.tell_webhooks() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told text := lockstep.webhook_event(NEW.action);
    body text;
    c    record;
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM lockstep.webhooks w
        WHERE  (w.user_id = NEW.user_id OR w.workspace_id = NEW.workspace_id) AND w.is_active AND told = ANY (w.events)) THEN
        RETURN NULL;
    END IF;
    -- What describes it, as the deed leaves it; a deleted one by what the line kept. Columns by name: no value, sealed or masked, can slip in.
    SELECT d.name, d.provider, d.type, d.scope, d.version, d.expires_at INTO c
    FROM   lockstep.credentials d
    WHERE  NEW.entity_type = 'credential' AND d.id = NEW.entity_id;
    body := jsonb_build_object(
        'type', told,
        'timestamp', to_char(NEW.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'data', jsonb_strip_nulls(jsonb_build_object(
            'activityId', NEW.id,
            'actor', NEW.actor,
            'userId', NEW.user_id,
            'workspaceId', NEW.workspace_id,
            'credentialId', CASE WHEN NEW.entity_type = 'credential' THEN NEW.entity_id END,
            'memberId', CASE WHEN NEW.entity_type = 'user' THEN NEW.entity_id END,
            'credentials', NEW.details -> 'credentials',
            'name', coalesce(c.name, NEW.details ->> 'name'),
            'provider', coalesce(c.provider, NEW.details ->> 'provider'),
            'credentialType', c.type,
            'scope', c.scope,
            'version', coalesce(c.version::text, NEW.details ->> 'version')::integer,
            'expiresAt', to_char(c.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'expiresWithinSeconds', NEW.details -> 'withinSeconds',
            'reason', NEW.details -> 'reason',
            'blockedActor', NEW.details -> 'blockedActor',
            'distinctCredentials', NEW.details -> 'distinctCredentials',
            'retryAt', NEW.details -> 'retryAt')))::text;
    INSERT INTO lockstep.webhook_deliveries (webhook_id, event, body)
    SELECT w.id, told, body
    FROM   lockstep.webhooks w
    WHERE  (w.user_id = NEW.user_id OR w.workspace_id = NEW.workspace_id) AND w.is_active AND told = ANY (w.events);
    RETURN NULL;
END $$;

DROP TRIGGER tell_webhooks ON lockstep.activity_log;
-- An access costs no more than the comparison of its action.
CREATE TRIGGER tell_webhooks AFTER INSERT ON lockstep.activity_log FOR EACH ROW
    WHEN (NEW.action <> 'CREDENTIAL_ACCESSED'
          AND (NEW.action IN ('BULK_READ_BLOCKED', 'MEMBER_CREDENTIALS_REVOKED') OR starts_with(NEW.action, 'CREDENTIAL_')))
    EXECUTE FUNCTION lockstep.tell_webhooks();

-- The keys of webhooks are sealed by data keys too: new data keys take them over, and they go with a data key that is shredded or given up.
ALTER TABLE lockstep.webhook_secrets
    DROP CONSTRAINT webhook_secrets_data_key_fkey,
    ADD CONSTRAINT webhook_secrets_data_key_fkey FOREIGN KEY (data_key_id) REFERENCES lockstep.data_keys (id) ON DELETE CASCADE
        DEFERRABLE INITIALLY DEFERRED;

DROP FUNCTION lockstep.values_to_reseal(uuid, integer, integer);
CREATE FUNCTION lockstep.values_to_reseal(p_after uuid, p_after_version integer, p_limit integer) RETURNS TABLE (
    id uuid, version integer, user_id uuid, workspace_id uuid,
    encrypted_value text, key_provider text, key_id text, key_version integer, format text,
    from_id uuid, from_version integer, from_provider text, from_key_version text, from_wrapped text,
    to_id uuid, to_version integer, to_provider text, to_key_version text, to_wrapped text, field text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT s.id, s.version, o.user_id, o.workspace_id, s.encrypted_value, 'data_key', NULL::text, s.key_version, s.format,
           o.id, o.version, o.provider, o.key_version, o.wrapped_key,
           n.id, n.version, n.provider, n.key_version, n.wrapped_key, s.field
    FROM  (SELECT c.id, c.version, c.encrypted_value, c.key_version, c.format, c.data_key_id, 'value' AS field
           FROM   lockstep.credentials c
           WHERE  c.data_key_id IN (SELECT r.id FROM lockstep.data_keys r WHERE r.state = 'retired')
           UNION  ALL
           SELECT v.credential_id, v.version, v.encrypted_value, v.key_version, v.format, v.data_key_id, 'value'
           FROM   lockstep.credential_versions v
           WHERE  v.data_key_id IN (SELECT r.id FROM lockstep.data_keys r WHERE r.state = 'retired')
           UNION  ALL
           SELECT w.webhook_id, w.version, w.encrypted_value, w.key_version, w.format, w.data_key_id, 'webhook_secret'
           FROM   lockstep.webhook_secrets w
           WHERE  w.data_key_id IN (SELECT r.id FROM lockstep.data_keys r WHERE r.state = 'retired')) s
    JOIN   lockstep.data_keys o ON o.id = s.data_key_id
    JOIN   lockstep.data_keys n ON n.tenant = o.tenant AND n.state = 'active'
    WHERE  p_after IS NULL OR (s.id, s.version) > (p_after, p_after_version)
    ORDER  BY s.id, s.version
    LIMIT  p_limit;
END $$;
COMMENT ON FUNCTION lockstep.values_to_reseal(uuid, integer, integer) IS
    'Values of all tenants, former ones and keys of webhooks too, under a retired data key, with that key and the active one, both wrapped. SECURITY DEFINER: service login only; ciphertext alone.';
REVOKE ALL ON FUNCTION lockstep.values_to_reseal(uuid, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.values_to_reseal(uuid, integer, integer) TO lockstep_service;

CREATE OR REPLACE FUNCTION lockstep.replace_sealed_values(
    p_ids uuid[], p_versions integer[], p_before text[], p_sealed text[], p_data_keys uuid[], p_key_versions integer[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT * FROM unnest(p_ids, p_versions, p_before, p_sealed, p_data_keys, p_key_versions) AS n (id, version, before, sealed, data_key, key_version)),
    present AS (
        UPDATE lockstep.credentials c
        SET    encrypted_value = n.sealed, data_key_id = n.data_key, key_version = n.key_version
        FROM   n
        WHERE  c.id = n.id AND c.version = n.version AND c.encrypted_value = n.before
        RETURNING c.id),
    former AS (
        UPDATE lockstep.credential_versions v
        SET    encrypted_value = n.sealed, data_key_id = n.data_key, key_version = n.key_version
        FROM   n
        WHERE  v.credential_id = n.id AND v.version = n.version AND v.encrypted_value = n.before
        RETURNING v.credential_id),
    signing AS (
        UPDATE lockstep.webhook_secrets w
        SET    encrypted_value = n.sealed, data_key_id = n.data_key, key_version = n.key_version
        FROM   n
        WHERE  w.webhook_id = n.id AND w.version = n.version AND w.encrypted_value = n.before
        RETURNING w.webhook_id)
    SELECT (SELECT count(*) FROM present) + (SELECT count(*) FROM former) + (SELECT count(*) FROM signing)
$$;

CREATE OR REPLACE FUNCTION lockstep.drop_retired_keys() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped bigint;
BEGIN
    DELETE FROM lockstep.data_keys k
    WHERE  k.state = 'retired'
    AND    NOT EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.data_key_id = k.id)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.credential_versions v WHERE v.data_key_id = k.id)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.webhook_secrets w WHERE w.data_key_id = k.id)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.audit_keys a WHERE a.data_key_id = k.id);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END $$;
