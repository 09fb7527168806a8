-- Webhooks: an audit line that somebody asked to be told of leaves a message in the same transaction; the worker of any node delivers it.

CREATE TABLE lockstep.webhooks (
    id              uuid        CONSTRAINT webhooks_pkey PRIMARY KEY,
    user_id         uuid        CONSTRAINT webhooks_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id    uuid        CONSTRAINT webhooks_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    url             text        NOT NULL CONSTRAINT webhooks_url_check CHECK (length(url) <= 2000),
    events          text[]      NOT NULL,
    is_active       boolean     NOT NULL DEFAULT true,
    disabled_reason text,
    failing_since   timestamptz,
    secret_version  integer     NOT NULL DEFAULT 1,
    created_by      uuid,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhooks_owner_check CHECK ((user_id IS NULL) <> (workspace_id IS NULL))
);
COMMENT ON TABLE lockstep.webhooks IS
    'Where a user or the admins of a workspace want to be told what happens to their credentials. failing_since: no delivery has succeeded since; after three days of that it is disabled.';
CREATE INDEX webhooks_user_idx ON lockstep.webhooks (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX webhooks_workspace_idx ON lockstep.webhooks (workspace_id) WHERE workspace_id IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.webhooks FOR EACH ROW
    WHEN (OLD.failing_since IS NOT DISTINCT FROM NEW.failing_since) EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.webhook_secrets (
    webhook_id      uuid        NOT NULL CONSTRAINT webhook_secrets_webhook_fkey REFERENCES lockstep.webhooks (id) ON DELETE CASCADE,
    version         integer     NOT NULL,
    encrypted_value text        NOT NULL,
    key_provider    text        NOT NULL CONSTRAINT webhook_secrets_key_provider_check CHECK (key_provider IN ('data_key', 'transit')),
    key_id          text,
    -- Deferred: when a user goes, the keys go before the webhooks do.
    data_key_id     uuid        CONSTRAINT webhook_secrets_data_key_fkey REFERENCES lockstep.data_keys (id) DEFERRABLE INITIALLY DEFERRED,
    key_version     integer     NOT NULL,
    format          text        NOT NULL,
    valid_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhook_secrets_pkey PRIMARY KEY (webhook_id, version)
);
COMMENT ON TABLE lockstep.webhook_secrets IS
    'The keys that deliveries are signed with, sealed to webhook and version as credentials are. valid_until: rotated, and still signs beside its successor until then.';
CREATE INDEX webhook_secrets_data_key_idx ON lockstep.webhook_secrets (data_key_id);

CREATE TABLE lockstep.webhook_deliveries (
    id              uuid        CONSTRAINT webhook_deliveries_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    webhook_id      uuid        NOT NULL CONSTRAINT webhook_deliveries_webhook_fkey REFERENCES lockstep.webhooks (id) ON DELETE CASCADE,
    event           text        NOT NULL,
    body            text        NOT NULL,
    state           text        NOT NULL DEFAULT 'pending' CONSTRAINT webhook_deliveries_state_check CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease_until     timestamptz,
    last_status     integer,
    last_error      text,
    last_attempt_at timestamptz,
    delivered_at    timestamptz,
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE lockstep.webhook_deliveries IS
    'The outbox. body is sent as it stands: ids and what describes a credential, never a value, not even a masked one. attempts is the fence of a lease: it rises with each claim. Kept for seven days.';
CREATE INDEX webhook_deliveries_due_idx ON lockstep.webhook_deliveries (next_attempt_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_webhook_idx ON lockstep.webhook_deliveries (webhook_id, created_at DESC);
CREATE INDEX webhook_deliveries_created_idx ON lockstep.webhook_deliveries (created_at);

ALTER TABLE lockstep.webhooks           ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.webhooks           FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.webhook_secrets    ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.webhook_secrets    FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.webhook_deliveries FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.webhooks           FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.webhook_secrets    FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.webhook_deliveries FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.webhooks AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY integration_narrows ON lockstep.webhook_secrets AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY integration_narrows ON lockstep.webhook_deliveries AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);

CREATE POLICY webhooks_own ON lockstep.webhooks FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY webhooks_make ON lockstep.webhooks FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY webhooks_change ON lockstep.webhooks FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY webhooks_delete ON lockstep.webhooks FOR DELETE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
GRANT SELECT ON lockstep.webhooks TO authenticated, lockstep_app;
GRANT INSERT, DELETE ON lockstep.webhooks TO lockstep_app;
GRANT UPDATE (url, events, is_active, disabled_reason, failing_since, secret_version) ON lockstep.webhooks TO lockstep_app;

-- Sealed keys are for the server's own logins; row-level security of webhooks decides inside the sub-select.
CREATE POLICY webhook_secrets_read ON lockstep.webhook_secrets FOR SELECT TO lockstep_app
    USING (EXISTS (SELECT 1 FROM lockstep.webhooks w WHERE w.id = webhook_id));
CREATE POLICY webhook_secrets_make ON lockstep.webhook_secrets FOR INSERT TO lockstep_app
    WITH CHECK (EXISTS (SELECT 1 FROM lockstep.webhooks w WHERE w.id = webhook_id));
CREATE POLICY webhook_secrets_end ON lockstep.webhook_secrets FOR UPDATE TO lockstep_app
    USING (EXISTS (SELECT 1 FROM lockstep.webhooks w WHERE w.id = webhook_id));
GRANT SELECT, INSERT ON lockstep.webhook_secrets TO lockstep_app;
GRANT UPDATE (valid_until) ON lockstep.webhook_secrets TO lockstep_app;

CREATE POLICY webhook_deliveries_read ON lockstep.webhook_deliveries FOR SELECT TO authenticated, lockstep_app
    USING (EXISTS (SELECT 1 FROM lockstep.webhooks w WHERE w.id = webhook_id));
CREATE POLICY webhook_deliveries_ask ON lockstep.webhook_deliveries FOR INSERT TO lockstep_app
    WITH CHECK (EXISTS (SELECT 1 FROM lockstep.webhooks w WHERE w.id = webhook_id));
GRANT SELECT ON lockstep.webhook_deliveries TO authenticated, lockstep_app;
GRANT INSERT ON lockstep.webhook_deliveries TO lockstep_app;

CREATE FUNCTION lockstep.webhook_event(p_action text) RETURNS text
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
               WHEN 'BULK_READ_BLOCKED'            THEN 'credential.bulk_read_blocked'
           END;
END $$;
COMMENT ON FUNCTION lockstep.webhook_event(text) IS 'The event of webhooks that an action of the audit is; NULL: none.';

CREATE FUNCTION lockstep.tell_webhooks() RETURNS trigger
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
COMMENT ON FUNCTION lockstep.tell_webhooks() IS
    'AFTER INSERT on the audit: leaves a message for each webhook of the line''s owner that wants its event, in the transaction of the deed. SECURITY DEFINER: whoever does the deed need not see the webhooks.';
-- An access costs no more than the comparison of its action.
CREATE TRIGGER tell_webhooks AFTER INSERT ON lockstep.activity_log FOR EACH ROW
    WHEN (NEW.action <> 'CREDENTIAL_ACCESSED' AND (NEW.action = 'BULK_READ_BLOCKED' OR starts_with(NEW.action, 'CREDENTIAL_')))
    EXECUTE FUNCTION lockstep.tell_webhooks();

-- One webhook has at most four deliveries under way, over all nodes, and one while it fails: a dead receiver holds up nobody else.
CREATE FUNCTION lockstep.claim_deliveries(p_limit integer, p_lease_seconds double precision) RETURNS TABLE (
    id uuid, webhook_id uuid, user_id uuid, workspace_id uuid, url text, event text, body text, attempts integer, created_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH waiting AS (
        SELECT d.webhook_id, min(d.next_attempt_at) AS since
        FROM   lockstep.webhook_deliveries d
        WHERE  d.state = 'pending'
        AND    d.next_attempt_at <= clock_timestamp()
        GROUP  BY d.webhook_id),
    -- NO KEY UPDATE: new messages refer to the webhook meanwhile.
    ready AS (
        SELECT w.id, w.user_id, w.workspace_id, w.url, CASE WHEN w.failing_since IS NULL THEN 4 ELSE 1 END AS places
        FROM   lockstep.webhooks w
        JOIN   waiting n ON n.webhook_id = w.id
        WHERE  w.is_active
        ORDER  BY n.since
        LIMIT  p_limit
        FOR    NO KEY UPDATE OF w SKIP LOCKED),
    chosen AS (
        SELECT d.id, r.user_id, r.workspace_id, r.url
        FROM   ready r
        CROSS  JOIN LATERAL (
            SELECT count(*) AS busy
            FROM   lockstep.webhook_deliveries b
            WHERE  b.webhook_id = r.id AND b.state = 'pending' AND b.lease_until > clock_timestamp()) u
        CROSS  JOIN LATERAL (
            SELECT p.id
            FROM   lockstep.webhook_deliveries p
            WHERE  p.webhook_id = r.id AND p.state = 'pending' AND p.next_attempt_at <= clock_timestamp()
            AND    (p.lease_until IS NULL OR p.lease_until <= clock_timestamp())
            ORDER  BY p.next_attempt_at
            LIMIT  greatest(r.places - u.busy, 0)) d
        LIMIT  p_limit)
    UPDATE lockstep.webhook_deliveries d
    SET    attempts = d.attempts + 1,
           lease_until = clock_timestamp() + make_interval(secs => p_lease_seconds)
    FROM   chosen c
    WHERE  d.id = c.id
    RETURNING d.id, d.webhook_id, c.user_id, c.workspace_id, c.url, d.event, d.body, d.attempts, d.created_at;
END $$;
COMMENT ON FUNCTION lockstep.claim_deliveries(integer, double precision) IS
    'Leases due messages to a node, each to one node only (SKIP LOCKED). SECURITY DEFINER: service login only; the bodies hold no secret.';

CREATE FUNCTION lockstep.webhook_keys(p_webhook uuid) RETURNS TABLE (
    version integer, encrypted_value text, key_provider text, key_id text, key_version integer, format text,
    data_key uuid, data_key_version integer, wrapped_by text, wrapped_under text, wrapped_key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.version, s.encrypted_value, s.key_provider, s.key_id, s.key_version, s.format, k.id, k.version, k.provider, k.key_version, k.wrapped_key
    FROM   lockstep.webhook_secrets s
    LEFT   JOIN lockstep.data_keys k ON k.id = s.data_key_id
    WHERE  s.webhook_id = p_webhook
    AND    (s.valid_until IS NULL OR s.valid_until > clock_timestamp())
    ORDER  BY s.version DESC
$$;
COMMENT ON FUNCTION lockstep.webhook_keys(uuid) IS
    'The sealed keys that sign for a webhook now, newest first, with the wrapped data keys that open them. SECURITY DEFINER: service login only; they open nothing without the key provider.';

CREATE FUNCTION lockstep.finish_delivery(
    p_id uuid, p_attempt integer, p_outcome text, p_status integer, p_error text, p_next_seconds double precision, p_patience_seconds double precision) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d       lockstep.webhook_deliveries;
    w       lockstep.webhooks;
    now_at  timestamptz := clock_timestamp();
    over    boolean;
BEGIN
    SELECT * INTO d FROM lockstep.webhook_deliveries x WHERE x.id = p_id AND x.attempts = p_attempt AND x.state = 'pending';
    IF NOT FOUND THEN
        RETURN 'lost';
    END IF;
    SELECT * INTO w FROM lockstep.webhooks x WHERE x.id = d.webhook_id FOR NO KEY UPDATE;
    IF p_outcome = 'delivered' THEN
        UPDATE lockstep.webhook_deliveries x
        SET    state = 'delivered', lease_until = NULL, last_status = p_status, last_error = NULL, last_attempt_at = now_at, delivered_at = now_at
        WHERE  x.id = p_id AND x.attempts = p_attempt;
        UPDATE lockstep.webhooks x SET failing_since = NULL WHERE x.id = w.id AND x.failing_since IS NOT NULL;
        RETURN 'delivered';
    END IF;
    over := d.created_at <= now_at - make_interval(secs => p_patience_seconds);
    UPDATE lockstep.webhook_deliveries x
    SET    state = CASE WHEN over THEN 'failed' ELSE 'pending' END,
           lease_until = NULL,
           last_status = p_status,
           last_error = p_error,
           last_attempt_at = now_at,
           next_attempt_at = now_at + make_interval(secs => p_next_seconds)
    WHERE  x.id = p_id AND x.attempts = p_attempt;
    UPDATE lockstep.webhooks x SET failing_since = now_at WHERE x.id = w.id AND x.failing_since IS NULL;
    -- One message that its receiver never takes is given up alone; a receiver that took nothing all the time is disabled.
    IF w.is_active AND (p_outcome = 'gone' OR (over AND coalesce(w.failing_since, now_at) <= now_at - make_interval(secs => p_patience_seconds))) THEN
        UPDATE lockstep.webhooks x
        SET    is_active = false, disabled_reason = CASE WHEN p_outcome = 'gone' THEN 'gone' ELSE 'failing' END
        WHERE  x.id = w.id;
        PERFORM lockstep.record_activity(w.user_id, w.workspace_id, 'WEBHOOK_DISABLED', 'webhook', w.id,
            jsonb_build_object('reason', CASE WHEN p_outcome = 'gone' THEN 'gone' ELSE 'failing' END, 'lastError', p_error));
        RETURN 'disabled';
    END IF;
    RETURN CASE WHEN over THEN 'given_up' ELSE 'again' END;
END $$;
COMMENT ON FUNCTION lockstep.finish_delivery(uuid, integer, text, integer, text, double precision, double precision) IS
    'Writes what came of an attempt (delivered, failed, gone): delivered, again, given_up, disabled, or lost when another node has it. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.forget_deliveries(p_days integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    DELETE FROM lockstep.webhook_deliveries d WHERE d.created_at <= clock_timestamp() - make_interval(days => p_days);
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM lockstep.webhook_secrets s WHERE s.valid_until <= clock_timestamp();
    RETURN gone;
END $$;
COMMENT ON FUNCTION lockstep.forget_deliveries(integer) IS
    'Deletes messages older than so many days, whatever came of them, and signing keys whose time after a rotation is over. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.webhook_event(text), lockstep.tell_webhooks(), lockstep.claim_deliveries(integer, double precision),
    lockstep.webhook_keys(uuid), lockstep.finish_delivery(uuid, integer, text, integer, text, double precision, double precision),
    lockstep.forget_deliveries(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.claim_deliveries(integer, double precision), lockstep.webhook_keys(uuid),
    lockstep.finish_delivery(uuid, integer, text, integer, text, double precision, double precision), lockstep.forget_deliveries(integer)
    TO lockstep_service;
