-- Guard rails: webhooks, the breaker of bulk reads, reminders.

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
    DELETE FROM lockstep.reveal_marks m WHERE m.at <= clock_timestamp() - interval '1 day';
    RETURN gone;
END $$;
COMMENT ON FUNCTION lockstep.forget_deliveries(integer) IS
    'Deletes messages older than so many days, whatever came of them, signing keys whose time after a rotation is over, and marks of reveals older than a day. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.webhook_event(text), lockstep.tell_webhooks(), lockstep.claim_deliveries(integer, double precision),
    lockstep.webhook_keys(uuid), lockstep.finish_delivery(uuid, integer, text, integer, text, double precision, double precision),
    lockstep.forget_deliveries(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.claim_deliveries(integer, double precision), lockstep.webhook_keys(uuid),
    lockstep.finish_delivery(uuid, integer, text, integer, text, double precision, double precision), lockstep.forget_deliveries(integer)
    TO lockstep_service;

-- The breaker of bulk reads: who reveals more than so many different credentials of one owner within a while is stopped, on every node.
CREATE TABLE lockstep.reveal_limits (
    only_row       boolean CONSTRAINT reveal_limits_pkey PRIMARY KEY DEFAULT true CONSTRAINT reveal_limits_only_row_check CHECK (only_row),
    most_distinct  integer NOT NULL DEFAULT 100,
    window_seconds integer NOT NULL DEFAULT 600,
    block_seconds  integer NOT NULL DEFAULT 3600
);
COMMENT ON TABLE lockstep.reveal_limits IS 'What the breaker allows, written by each node as it starts. most_distinct 0: it is off.';
INSERT INTO lockstep.reveal_limits DEFAULT VALUES;

CREATE TABLE lockstep.reveal_marks (
    actor         text        NOT NULL,
    tenant        text        NOT NULL,
    credential_id uuid        NOT NULL,
    user_id       uuid,
    workspace_id  uuid,
    at            timestamptz NOT NULL,
    CONSTRAINT reveal_marks_pkey PRIMARY KEY (actor, tenant, credential_id)
);
COMMENT ON TABLE lockstep.reveal_marks IS
    'Which credentials an actor has revealed lately. at is coalesced to an eighth of the window, so that revealing one again and again writes nothing here. Kept for a day.';
CREATE INDEX reveal_marks_at_idx ON lockstep.reveal_marks (at);

CREATE TABLE lockstep.reveal_blocks (
    id            uuid        CONSTRAINT reveal_blocks_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    actor         text        NOT NULL,
    user_id       uuid,
    workspace_id  uuid,
    tenant        text        NOT NULL GENERATED ALWAYS AS (
                      CASE WHEN user_id IS NOT NULL THEN 'user:' || user_id::text
                           WHEN workspace_id IS NOT NULL THEN 'workspace:' || workspace_id::text
                           ELSE 'system' END) STORED,
    credentials   integer     NOT NULL,
    blocked_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_until timestamptz NOT NULL,
    released_at   timestamptz,
    released_by   text
);
COMMENT ON TABLE lockstep.reveal_blocks IS 'Who was stopped, when, and until when unless somebody else released them. No foreign key, as in the audit.';
CREATE INDEX reveal_blocks_actor_idx ON lockstep.reveal_blocks (actor, tenant, blocked_until);

ALTER TABLE lockstep.reveal_limits ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.reveal_limits FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.reveal_marks  ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.reveal_marks  FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.reveal_blocks ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.reveal_blocks FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.reveal_limits FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.reveal_marks  FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.reveal_blocks FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.reveal_marks AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY integration_narrows ON lockstep.reveal_blocks AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY reveal_marks_read ON lockstep.reveal_marks FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY reveal_blocks_read ON lockstep.reveal_blocks FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY reveal_blocks_service_read ON lockstep.reveal_blocks FOR SELECT TO service_role, lockstep_service USING (true);
GRANT SELECT ON lockstep.reveal_marks TO authenticated, lockstep_app;
GRANT SELECT ON lockstep.reveal_blocks TO authenticated, lockstep_app, service_role, lockstep_service;

-- In the statement that reveals, since that writes the line of the audit: an error here takes all of it back, and nothing is released.
CREATE FUNCTION lockstep.brake_reveals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l      lockstep.reveal_limits;
    span   interval;
    seen   timestamptz;
    now_at timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO l FROM lockstep.reveal_limits;
    IF l.most_distinct IS NULL OR l.most_distinct = 0 THEN
        RETURN NULL;
    END IF;
    span := make_interval(secs => l.window_seconds);
    IF EXISTS (
        SELECT 1 FROM lockstep.reveal_blocks b
        WHERE  b.actor = NEW.actor AND b.tenant = NEW.tenant AND b.blocked_until > now_at AND b.released_at IS NULL) THEN
        RAISE EXCEPTION 'bulk reads are blocked' USING ERRCODE = 'LS001';
    END IF;
    SELECT m.at INTO seen FROM lockstep.reveal_marks m
    WHERE  m.actor = NEW.actor AND m.tenant = NEW.tenant AND m.credential_id = NEW.entity_id;
    IF seen > now_at - span / 8 THEN
        RETURN NULL;
    END IF;
    -- One new mark of an actor at a time, so that many at once are counted exactly.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.actor || ' ' || NEW.tenant, 1900));
    IF coalesce(seen <= now_at - span, true) AND l.most_distinct <= (
        SELECT count(*)
        FROM  (SELECT 1 FROM lockstep.reveal_marks m
               WHERE  m.actor = NEW.actor AND m.tenant = NEW.tenant AND m.at > now_at - span AND m.credential_id <> NEW.entity_id
               LIMIT  l.most_distinct) x) THEN
        RAISE EXCEPTION 'bulk reads are blocked' USING ERRCODE = 'LS001';
    END IF;
    INSERT INTO lockstep.reveal_marks (actor, tenant, credential_id, user_id, workspace_id, at)
    VALUES (NEW.actor, NEW.tenant, NEW.entity_id, NEW.user_id, NEW.workspace_id, now_at)
    ON CONFLICT (actor, tenant, credential_id) DO UPDATE SET at = excluded.at;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.brake_reveals() IS
    'AFTER INSERT on the audit: counts the different credentials that an actor reveals, and stops the statement with LS001 above the limit. SECURITY DEFINER: nobody else writes marks. The worker is outside.';
CREATE TRIGGER brake_reveals AFTER INSERT ON lockstep.activity_log FOR EACH ROW
    WHEN (NEW.action = 'CREDENTIAL_ACCESSED' AND NEW.actor <> 'worker')
    EXECUTE FUNCTION lockstep.brake_reveals();

CREATE FUNCTION lockstep.block_bulk_reads(p_credential uuid) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l       lockstep.reveal_limits;
    c       record;
    whom    text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'actor';
    now_at  timestamptz := clock_timestamp();
    until   timestamptz;
    counted integer;
BEGIN
    SELECT * INTO l FROM lockstep.reveal_limits;
    SELECT d.user_id, d.workspace_id, d.tenant INTO c
    FROM   lockstep.credentials d
    WHERE  d.id = p_credential
    AND    CASE WHEN d.user_id IS NOT NULL THEN d.user_id = lockstep.current_user_id()
                WHEN d.workspace_id IS NOT NULL THEN d.workspace_id = ANY (lockstep.administered_workspaces())
                ELSE lockstep.current_user_id() IS NULL AND pg_has_role(session_user, 'service_role', 'MEMBER') END;
    IF NOT FOUND THEN
        RETURN now_at;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(whom || ' ' || c.tenant, 1900));
    SELECT max(b.blocked_until) INTO until FROM lockstep.reveal_blocks b
    WHERE  b.actor = whom AND b.tenant = c.tenant AND b.blocked_until > now_at AND b.released_at IS NULL;
    IF until IS NOT NULL THEN
        RETURN until;
    END IF;
    SELECT count(*) INTO counted FROM lockstep.reveal_marks m
    WHERE  m.actor = whom AND m.tenant = c.tenant AND m.at > now_at - make_interval(secs => l.window_seconds) AND m.credential_id <> p_credential;
    IF l.most_distinct = 0 OR counted < l.most_distinct THEN
        -- Released or run out meanwhile: come again.
        RETURN now_at;
    END IF;
    until := date_trunc('second', now_at + make_interval(secs => l.block_seconds + 1));
    INSERT INTO lockstep.reveal_blocks (actor, user_id, workspace_id, credentials, blocked_until)
    VALUES (whom, c.user_id, c.workspace_id, counted + 1, until);
    PERFORM lockstep.record_activity(c.user_id, c.workspace_id, 'BULK_READ_BLOCKED', 'credential', p_credential,
        jsonb_build_object('blockedActor', whom, 'distinctCredentials', counted + 1, 'windowSeconds', l.window_seconds,
                           'retryAt', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
    RETURN until;
END $$;
COMMENT ON FUNCTION lockstep.block_bulk_reads(uuid) IS
    'After LS001: blocks the caller''s further reveals of that credential''s owner if it is over the limit, once, with a line of the audit; answers until when. SECURITY DEFINER: blocks nobody but the caller.';

CREATE FUNCTION lockstep.release_bulk_reads(p_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b    lockstep.reveal_blocks;
    me   uuid := lockstep.current_user_id();
    whom text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'actor';
BEGIN
    SELECT * INTO b FROM lockstep.reveal_blocks x
    WHERE  x.id = p_id
    AND    (x.user_id = me OR x.workspace_id = ANY (lockstep.administered_workspaces())
            OR (me IS NULL AND pg_has_role(session_user, 'service_role', 'MEMBER')))
    FOR    NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'not_found';
    END IF;
    -- A stolen token must not open its own way again.
    IF b.actor = whom THEN
        RETURN 'own_block';
    END IF;
    IF b.released_at IS NULL AND b.blocked_until > clock_timestamp() THEN
        UPDATE lockstep.reveal_blocks x SET released_at = clock_timestamp(), released_by = whom WHERE x.id = p_id;
        DELETE FROM lockstep.reveal_marks m WHERE m.actor = b.actor AND m.tenant = b.tenant;
        PERFORM lockstep.record_activity(b.user_id, b.workspace_id, 'BULK_READ_RELEASED', 'reveal_block', b.id,
            jsonb_build_object('blockedActor', b.actor));
    END IF;
    RETURN 'released';
END $$;
COMMENT ON FUNCTION lockstep.release_bulk_reads(uuid) IS
    'Lets a blocked actor reveal again and begins its count anew: released, not_found, or own_block. SECURITY DEFINER: the user or an admin of the workspace, never the blocked actor; the service login for all.';

CREATE FUNCTION lockstep.set_reveal_limits(p_most integer, p_window_seconds integer, p_block_seconds integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.reveal_limits l
    SET    most_distinct = p_most, window_seconds = p_window_seconds, block_seconds = p_block_seconds
    WHERE  (l.most_distinct, l.window_seconds, l.block_seconds) IS DISTINCT FROM (p_most, p_window_seconds, p_block_seconds);
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.set_reveal_limits(integer, integer, integer) IS
    'Says what the breaker allows, for all nodes. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.brake_reveals(), lockstep.block_bulk_reads(uuid), lockstep.release_bulk_reads(uuid),
    lockstep.set_reveal_limits(integer, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.block_bulk_reads(uuid), lockstep.release_bulk_reads(uuid) TO lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.set_reveal_limits(integer, integer, integer) TO lockstep_service;

-- Reminders of what expires.
ALTER TABLE lockstep.credentials ADD COLUMN remind_before integer[];
COMMENT ON COLUMN lockstep.credentials.remind_before IS 'How many seconds before expires_at to remind; NULL: as the installation does; empty: never.';
GRANT UPDATE (remind_before) ON lockstep.credentials TO lockstep_app, lockstep_service;
CREATE INDEX credentials_expires_idx ON lockstep.credentials (expires_at) WHERE expires_at IS NOT NULL AND is_active;

CREATE TABLE lockstep.credential_reminders (
    credential_id uuid        NOT NULL CONSTRAINT credential_reminders_credential_fkey REFERENCES lockstep.credentials (id) ON DELETE CASCADE,
    expires_at    timestamptz NOT NULL,
    lead_seconds  integer     NOT NULL,
    reminded_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT credential_reminders_pkey PRIMARY KEY (credential_id, expires_at, lead_seconds)
);
COMMENT ON TABLE lockstep.credential_reminders IS
    'Which reminders were given. expires_at is in the key: a credential that is prolonged is reminded of again.';
ALTER TABLE lockstep.credential_reminders ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.credential_reminders FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.credential_reminders FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.credential_reminders AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY credential_reminders_read ON lockstep.credential_reminders FOR SELECT TO authenticated, lockstep_app
    USING (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
GRANT SELECT ON lockstep.credential_reminders TO authenticated, lockstep_app;

CREATE FUNCTION lockstep.remind_expiring(p_before integer[], p_limit integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    d      record;
    now_at timestamptz := clock_timestamp();
    given  integer := 0;
BEGIN
    -- Of several that are due the nearest alone: what was stored with five days left is not told of thirty.
    FOR d IN
        SELECT c.id, c.user_id, c.workspace_id, c.name, c.provider, c.version, c.expires_at, x.lead
        FROM   lockstep.credentials c
        CROSS  JOIN LATERAL (
            SELECT min(l) AS lead
            FROM   unnest(coalesce(c.remind_before, p_before)) l
            WHERE  c.expires_at - make_interval(secs => l) <= now_at) x
        WHERE  c.is_active
        AND    c.expires_at > now_at
        AND    c.expires_at <= now_at + interval '366 days'
        AND    x.lead IS NOT NULL
        AND    NOT EXISTS (
            SELECT 1 FROM lockstep.credential_reminders r
            WHERE  r.credential_id = c.id AND r.expires_at = c.expires_at AND r.lead_seconds <= x.lead)
        ORDER  BY c.expires_at
        LIMIT  p_limit
        FOR    NO KEY UPDATE OF c SKIP LOCKED
    LOOP
        -- Once, whatever another node does at the same time: the key says so.
        INSERT INTO lockstep.credential_reminders (credential_id, expires_at, lead_seconds) VALUES (d.id, d.expires_at, d.lead)
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM lockstep.record_activity(d.user_id, d.workspace_id, 'CREDENTIAL_EXPIRING', 'credential', d.id,
                jsonb_build_object('name', d.name, 'provider', d.provider, 'version', d.version, 'withinSeconds', d.lead,
                                   'expiresAt', to_char(d.expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
            given := given + 1;
        END IF;
    END LOOP;
    RETURN given;
END $$;
COMMENT ON FUNCTION lockstep.remind_expiring(integer[], integer) IS
    'Gives the reminders that are due, each once over all nodes, as lines of the audit; p_before is for credentials that say nothing themselves. SECURITY DEFINER: service login only; says how many.';
REVOKE ALL ON FUNCTION lockstep.remind_expiring(integer[], integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.remind_expiring(integer[], integer) TO lockstep_service;
