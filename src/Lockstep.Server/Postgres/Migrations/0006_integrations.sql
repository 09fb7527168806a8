-- Connected outside services: what is wanted, what the worker found, and who is working on it now. Never a secret.

CREATE TABLE lockstep.integrations (
    id                  uuid        CONSTRAINT integrations_pkey PRIMARY KEY,
    user_id             uuid        CONSTRAINT integrations_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id        uuid        CONSTRAINT integrations_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    integration_type    text        NOT NULL CONSTRAINT integrations_type_check CHECK (integration_type ~ '^[a-z][a-z0-9_-]{0,49}$'),
    label               text        NOT NULL CONSTRAINT integrations_label_check CHECK (length(label) BETWEEN 1 AND 200),
    enabled             boolean     NOT NULL DEFAULT true,
    status              text        NOT NULL DEFAULT 'active'
                                    CONSTRAINT integrations_status_check CHECK (status IN ('active', 'disabled', 'error')),
    external_username   text,
    external_email      text,
    config              jsonb       NOT NULL DEFAULT '{}',
    config_version      integer     NOT NULL DEFAULT 1,
    field_mappings      jsonb       NOT NULL DEFAULT '{"version": 1, "mappings": []}',
    sync_schedule       jsonb       NOT NULL DEFAULT '{"intervalSeconds": 60}',
    credential_id       uuid        CONSTRAINT integrations_credential_fkey REFERENCES lockstep.credentials (id),
    vault_secret_id     uuid,
    credential_owned    boolean     NOT NULL DEFAULT false,
    last_sync_at        timestamptz,
    last_sync_error     text,
    last_sync_error_code text,
    next_sync_at        timestamptz NOT NULL DEFAULT now(),
    paused_until        timestamptz,
    paused_reason       text,
    confirmed_deletions integer,
    failures            integer     NOT NULL DEFAULT 0,
    requested_run       uuid,
    current_run         uuid,
    lease_owner         text,
    lease_until         timestamptz,
    lease_fence         bigint      NOT NULL DEFAULT 0,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT integrations_owner_check CHECK (num_nonnulls(user_id, workspace_id) = 1),
    CONSTRAINT integrations_account_key UNIQUE NULLS NOT DISTINCT (user_id, workspace_id, integration_type, external_username)
) WITH (fillfactor = 80);
COMMENT ON TABLE lockstep.integrations IS
    'A connected outside service of a user or a workspace; its secret is a credential. enabled is the owner''s wish, status what the worker found.';
COMMENT ON COLUMN lockstep.integrations.credential_owned IS 'The credential was made from the secret given with the integration, and goes with it.';
COMMENT ON COLUMN lockstep.integrations.paused_reason IS 'Set: no work, until paused_until, or without one until something changes (a new secret, a confirmation).';
COMMENT ON COLUMN lockstep.integrations.confirmed_deletions IS 'How many remote or local deletions at once the owner has agreed to; used up by the next run.';
COMMENT ON COLUMN lockstep.integrations.requested_run IS 'The id that the next run gets, promised to whoever asked for it; current_run is that of the run going on.';
COMMENT ON COLUMN lockstep.integrations.lease_fence IS 'Rises with every claim; a result with an older one comes from a node that lost its lease and is not taken.';
CREATE INDEX integrations_workspace_idx ON lockstep.integrations (workspace_id);
CREATE INDEX integrations_credential_idx ON lockstep.integrations (credential_id);
CREATE INDEX integrations_due_idx ON lockstep.integrations (next_sync_at) WHERE enabled;
-- The row also moves with every run; updated_at tells of what its owner changed.
CREATE TRIGGER touch BEFORE UPDATE OF label, enabled, external_username, external_email, config, field_mappings, sync_schedule,
    credential_id, vault_secret_id ON lockstep.integrations FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE FUNCTION lockstep.holds_secret(p_value jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE node (name, value) AS (
        SELECT ''::text, p_value
        UNION ALL
        SELECT child.name, child.value
        FROM   node
        CROSS  JOIN LATERAL (
                   SELECT o.key, o.value FROM jsonb_each(CASE WHEN jsonb_typeof(node.value) = 'object' THEN node.value ELSE '{}' END) o
                   UNION ALL
                   SELECT node.name, a.value FROM jsonb_array_elements(CASE WHEN jsonb_typeof(node.value) = 'array' THEN node.value ELSE '[]' END) a
               ) child (name, value))
    SELECT coalesce(bool_or(
               (n.text <> '' AND lower(regexp_replace(n.name, '[-_ ]', '', 'g')) ~
                   '^(pass|password|passwd|passphrase|secret|clientsecret|token|accesstoken|refreshtoken|authtoken|apikey|privatekey|authorization|apppassword)$')
               OR n.text ~ '^(sk_live_|sk_test_|rk_live_|sk-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{20}|github_pat_|glpat-|xox[abeprs]-|AKIA[0-9A-Z]{16}$|hvs\.|ya29\.)'
               OR n.text ~ '^-----BEGIN [A-Z ]*PRIVATE KEY-----'
               OR n.text ~ '^eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$'
               OR n.text ~ '^(Basic|Bearer) [A-Za-z0-9+/=._~-]{8,}$'
               OR n.text ~ '^[a-z][a-z0-9+.-]*://[^/@:?#]*:[^/@?#]+@'
           ), false)
    FROM  (SELECT name, CASE WHEN jsonb_typeof(value) = 'string' THEN value #>> '{}' ELSE '' END FROM node) n (name, text)
$$;
COMMENT ON FUNCTION lockstep.holds_secret(jsonb) IS
    'Whether a JSON value holds what looks like a secret: a string under a telling name, or one that begins as a known key, token or private key does, or a URL with a password.';

-- Foreign keys do not look at row-level security: without this an id of another tenant's credential would be taken.
CREATE FUNCTION lockstep.check_integration() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_user      uuid;
    owner_workspace uuid;
BEGIN
    IF jsonb_typeof(NEW.config) <> 'object' OR jsonb_typeof(NEW.field_mappings) <> 'object' OR jsonb_typeof(NEW.sync_schedule) <> 'object' THEN
        RAISE EXCEPTION 'config, field_mappings and sync_schedule are JSON objects'
            USING ERRCODE = '23514', CONSTRAINT = 'integrations_object_check', SCHEMA = 'lockstep', TABLE = 'integrations';
    END IF;
    IF lockstep.holds_secret(NEW.config) OR lockstep.holds_secret(NEW.field_mappings) OR lockstep.holds_secret(NEW.sync_schedule)
       OR lockstep.holds_secret(to_jsonb(NEW.label)) OR lockstep.holds_secret(to_jsonb(NEW.external_username)) THEN
        RAISE EXCEPTION 'a value looks like a secret; secrets belong into a credential'
            USING ERRCODE = '23514', CONSTRAINT = 'integrations_plaintext_check', SCHEMA = 'lockstep', TABLE = 'integrations';
    END IF;
    IF NEW.credential_id IS NOT NULL THEN
        SELECT c.user_id, c.workspace_id INTO owner_user, owner_workspace FROM lockstep.credentials c WHERE c.id = NEW.credential_id;
        IF NEW.user_id IS NULL AND NEW.workspace_id IS NULL THEN
            NEW.user_id := owner_user;
            NEW.workspace_id := owner_workspace;
        END IF;
        IF num_nonnulls(owner_user, owner_workspace) <> 1
           OR NEW.user_id IS DISTINCT FROM owner_user OR NEW.workspace_id IS DISTINCT FROM owner_workspace THEN
            RAISE EXCEPTION 'insert or update on table "integrations" violates foreign key constraint "integrations_credential_fkey"'
                USING ERRCODE = '23503', CONSTRAINT = 'integrations_credential_fkey', SCHEMA = 'lockstep', TABLE = 'integrations',
                      DETAIL = format('Key (credential_id)=(%s) is not present in table "credentials".', NEW.credential_id);
        END IF;
    END IF;
    IF NOT NEW.enabled THEN
        NEW.status := 'disabled';
    ELSIF NEW.status = 'disabled' THEN
        NEW.status := 'active';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.check_integration() IS
    'Refuses values that look like secrets and a credential of another owner (with the error of an unknown id), and fills a missing owner. SECURITY DEFINER trigger: it must see every credential to compare owners, and says nothing of them.';
CREATE TRIGGER check_integration BEFORE INSERT OR UPDATE OF user_id, workspace_id, label, enabled, external_username, config, field_mappings,
    sync_schedule, credential_id ON lockstep.integrations FOR EACH ROW EXECUTE FUNCTION lockstep.check_integration();

CREATE FUNCTION lockstep.follow_credential() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT NEW.is_active THEN
        UPDATE lockstep.integrations i
        SET    status = CASE WHEN i.enabled THEN 'error' ELSE i.status END,
               last_sync_error = 'The credential of this integration was revoked. Give it a new secret.',
               last_sync_error_code = 'credential_revoked',
               paused_reason = 'credential_revoked',
               paused_until = NULL
        WHERE  i.credential_id = NEW.id;
    ELSE
        UPDATE lockstep.integrations i
        SET    paused_reason = NULL, paused_until = NULL, failures = 0, next_sync_at = now()
        WHERE  i.credential_id = NEW.id AND i.paused_reason IN ('unauthorized', 'credential_revoked');
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.follow_credential() IS
    'A revoked credential sets its integrations to error; a new secret ends a pause for a refused password. SECURITY DEFINER trigger on credentials: touches only integrations that name the row.';
CREATE TRIGGER follow_credential AFTER UPDATE ON lockstep.credentials FOR EACH ROW
    WHEN (OLD.is_active IS DISTINCT FROM NEW.is_active OR OLD.version IS DISTINCT FROM NEW.version)
    EXECUTE FUNCTION lockstep.follow_credential();

CREATE TABLE lockstep.sync_log (
    id             uuid        CONSTRAINT sync_log_pkey PRIMARY KEY,
    integration_id uuid        NOT NULL CONSTRAINT sync_log_integration_fkey REFERENCES lockstep.integrations (id) ON DELETE CASCADE,
    user_id        uuid,
    workspace_id   uuid,
    occurred_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    direction      text        NOT NULL CONSTRAINT sync_log_direction_check CHECK (direction IN ('push', 'pull', 'both')),
    items_pushed   integer     NOT NULL,
    items_pulled   integer     NOT NULL,
    error          text,
    error_code     text,
    duration_ms    integer     NOT NULL
);
COMMENT ON TABLE lockstep.sync_log IS 'What each run did: the last 200 of an integration, and its last 5 errors however old.';
CREATE INDEX sync_log_integration_idx ON lockstep.sync_log (integration_id, occurred_at DESC);

ALTER TABLE lockstep.integrations ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.integrations FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_log     ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_log     FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.integrations FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_log     FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

CREATE POLICY integrations_read ON lockstep.integrations FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
CREATE POLICY integrations_insert ON lockstep.integrations FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY integrations_update ON lockstep.integrations FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
    WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY integrations_delete ON lockstep.integrations FOR DELETE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY sync_log_read ON lockstep.sync_log FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));

GRANT SELECT ON lockstep.integrations, lockstep.sync_log TO authenticated, lockstep_app;
GRANT INSERT, DELETE ON lockstep.integrations TO lockstep_app;
-- Not the owner, and not what the worker found.
GRANT UPDATE (label, enabled, external_username, external_email, config, config_version, field_mappings, sync_schedule, credential_id,
    vault_secret_id, credential_owned, next_sync_at, paused_until, paused_reason, confirmed_deletions, failures, requested_run)
    ON lockstep.integrations TO lockstep_app;

CREATE FUNCTION lockstep.work_for(p_integration uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(i.user_id, (
               SELECT m.user_id
               FROM   lockstep.workspace_members m
               WHERE  m.workspace_id = i.workspace_id AND m.role IN ('owner', 'admin')
               ORDER  BY m.role = 'owner' DESC, m.joined_at, m.user_id
               LIMIT  1))
    FROM   lockstep.integrations i
    WHERE  i.id = p_integration
$$;
COMMENT ON FUNCTION lockstep.work_for(uuid) IS
    'As which user the worker works on an integration: its owner, or the longest-standing owner, else admin, of its workspace. SECURITY DEFINER: service only.';

CREATE FUNCTION lockstep.claim_due_work(p_node text, p_limit integer, p_lease_seconds double precision)
RETURNS TABLE (id uuid, user_id uuid, workspace_id uuid, act_as uuid, integration_type text, run_id uuid, failures integer, lease_fence bigint,
    due_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT i.id
        FROM   lockstep.integrations i
        WHERE  i.enabled
        AND    i.next_sync_at <= clock_timestamp()
        AND    (i.paused_reason IS NULL OR i.paused_until <= clock_timestamp())
        AND    (i.lease_until IS NULL OR i.lease_until <= clock_timestamp())
        ORDER  BY i.next_sync_at
        LIMIT  p_limit
        FOR    UPDATE SKIP LOCKED)
    UPDATE lockstep.integrations i
    SET    lease_owner = p_node,
           lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds),
           lease_fence = i.lease_fence + 1,
           current_run = coalesce(i.current_run, i.requested_run),
           requested_run = CASE WHEN i.current_run IS NULL THEN NULL ELSE i.requested_run END
    FROM   due
    WHERE  i.id = due.id
    RETURNING i.id, i.user_id, i.workspace_id, lockstep.work_for(i.id), i.integration_type, i.current_run, i.failures, i.lease_fence,
              i.next_sync_at
$$;
COMMENT ON FUNCTION lockstep.claim_due_work(text, integer, double precision) IS
    'Leases due integrations to a node, each to one node only (SKIP LOCKED); run_id is null when nobody asked for this run. SECURITY DEFINER: service only; no config, no secret in the answer.';

CREATE FUNCTION lockstep.renew_lease(p_integration uuid, p_fence bigint, p_lease_seconds double precision) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH kept AS (
        UPDATE lockstep.integrations i
        SET    lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
        WHERE  i.id = p_integration AND i.lease_fence = p_fence AND i.lease_owner IS NOT NULL
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM kept)
$$;
COMMENT ON FUNCTION lockstep.renew_lease(uuid, bigint, double precision) IS
    'Keeps a lease for a long run; false when another node has it, or the integration is gone: stop. SECURITY DEFINER: service only.';

CREATE FUNCTION lockstep.hand_back_work(p_integration uuid, p_fence bigint, p_wait_seconds double precision) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH given AS (
        UPDATE lockstep.integrations i
        SET    lease_owner = NULL,
               lease_until = NULL,
               next_sync_at = clock_timestamp() + make_interval(secs => p_wait_seconds)
        WHERE  i.id = p_integration AND i.lease_fence = p_fence AND i.lease_owner IS NOT NULL
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM given)
$$;
COMMENT ON FUNCTION lockstep.hand_back_work(uuid, bigint, double precision) IS
    'Ends a lease without a result, as when the node stops or the host is busy; the run keeps its id. False when the lease was lost. SECURITY DEFINER: service only.';

CREATE FUNCTION lockstep.finish_work(
    p_integration uuid, p_fence bigint, p_run uuid, p_direction text, p_pushed integer, p_pulled integer, p_error text, p_error_code text,
    p_duration_ms integer, p_next_seconds double precision, p_pause_reason text, p_pause_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    done lockstep.integrations;
BEGIN
    UPDATE lockstep.integrations i
    SET    lease_owner = NULL,
           lease_until = NULL,
           current_run = NULL,
           status = CASE WHEN NOT i.enabled THEN 'disabled' WHEN p_error IS NULL THEN 'active' ELSE 'error' END,
           last_sync_at = CASE WHEN p_error IS NULL THEN clock_timestamp() ELSE i.last_sync_at END,
           last_sync_error = p_error,
           last_sync_error_code = p_error_code,
           failures = CASE WHEN p_error IS NULL THEN 0 ELSE i.failures + 1 END,
           confirmed_deletions = CASE WHEN p_error IS NULL THEN NULL ELSE i.confirmed_deletions END,
           paused_reason = p_pause_reason,
           paused_until = CASE WHEN p_pause_reason IS NULL THEN NULL ELSE clock_timestamp() + make_interval(secs => p_pause_seconds) END,
           -- Somebody asked again while this run was going on: what he changed may have come too late for it.
           next_sync_at = CASE WHEN i.requested_run IS NOT NULL THEN clock_timestamp()
                               ELSE clock_timestamp() + make_interval(secs => p_next_seconds) END
    WHERE  i.id = p_integration AND i.lease_fence = p_fence AND i.lease_owner IS NOT NULL
    RETURNING i.* INTO done;
    IF done.id IS NULL THEN
        RETURN false;
    END IF;
    INSERT INTO lockstep.sync_log
        (id, integration_id, user_id, workspace_id, direction, items_pushed, items_pulled, error, error_code, duration_ms)
    VALUES (p_run, p_integration, done.user_id, done.workspace_id, p_direction, p_pushed, p_pulled, p_error, p_error_code, p_duration_ms);
    DELETE FROM lockstep.sync_log l
    WHERE  l.integration_id = p_integration
    AND    l.occurred_at < (SELECT o.occurred_at FROM lockstep.sync_log o
                            WHERE o.integration_id = p_integration ORDER BY o.occurred_at DESC OFFSET 199 LIMIT 1)
    AND    l.id NOT IN (SELECT e.id FROM lockstep.sync_log e
                        WHERE e.integration_id = p_integration AND e.error IS NOT NULL ORDER BY e.occurred_at DESC LIMIT 5);
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision) IS
    'Ends a lease: writes the log line, the status, the pause (without seconds: until something changes) and when to look again. False, and nothing written, when the lease was lost. SECURITY DEFINER: service only.';

REVOKE ALL ON FUNCTION lockstep.holds_secret(jsonb), lockstep.check_integration(), lockstep.follow_credential(), lockstep.work_for(uuid),
    lockstep.claim_due_work(text, integer, double precision), lockstep.renew_lease(uuid, bigint, double precision),
    lockstep.hand_back_work(uuid, bigint, double precision),
    lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.holds_secret(jsonb) TO lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.work_for(uuid), lockstep.claim_due_work(text, integer, double precision),
    lockstep.renew_lease(uuid, bigint, double precision),
    lockstep.hand_back_work(uuid, bigint, double precision),
    lockstep.finish_work(uuid, bigint, uuid, text, integer, integer, text, text, integer, double precision, text, double precision)
    TO lockstep_service;
