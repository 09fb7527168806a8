-- Calendar sync: since when a resource is set aside, and a run that failed for a part only is no failure of the account.

ALTER TABLE lockstep.calendar_objects ADD COLUMN quarantined_at timestamptz;
COMMENT ON COLUMN lockstep.calendar_objects.quarantined_at IS 'Since when it is quarantined, however often it was asked for since; null where it is not, and for tasks and the like, which are well.';
UPDATE lockstep.calendar_objects SET quarantined_at = updated_at WHERE state = 'quarantined' AND reason <> 'It holds no event (VEVENT).';
CREATE INDEX calendar_objects_quarantined_idx ON lockstep.calendar_objects (calendar_id, id) WHERE state = 'quarantined' AND quarantined_at IS NOT NULL;

DROP FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer);
CREATE FUNCTION lockstep.finish_work(
    p_integration uuid, p_fence bigint, p_run uuid, p_direction text, p_pushed integer, p_pulled integer, p_error text, p_error_code text,
    p_duration_ms integer, p_next_seconds double precision, p_pause_reason text, p_pause_seconds double precision,
    p_credential uuid DEFAULT NULL, p_vault_secret uuid DEFAULT NULL, p_secret_version integer DEFAULT NULL, p_config_version integer DEFAULT NULL,
    p_partial boolean DEFAULT false)
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
           -- In part: the account answers. The next real failure begins its backoff anew, and edits made here go out promptly.
           failures = CASE WHEN overtaken THEN i.failures WHEN p_error IS NULL OR p_partial THEN 0 ELSE i.failures + 1 END,
           -- What was agreed to has been used; a later loss of as many is asked about again.
           confirmed_deletions = CASE WHEN p_error IS NULL OR p_partial THEN NULL ELSE i.confirmed_deletions END,
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
COMMENT ON FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer, boolean) IS
    'Ends a lease: writes the log line, the status, the pause (without seconds: until something changes) and when to look again. A pause for a secret counts only for the version that the run signed in with (p_secret_version; NULL: it got none), and a pause that came meanwhile stays. p_partial: only some calendars or events failed. False, and nothing written, when the lease was lost. SECURITY DEFINER: service only.';
REVOKE ALL ON FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer, boolean) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision, uuid, uuid, integer, integer, boolean) TO lockstep_service;
