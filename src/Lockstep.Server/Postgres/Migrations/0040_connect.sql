-- Connecting an account from another product: links of the operator's software, each for one end user and for one use.

CREATE TABLE lockstep.connect_sessions (
    id                uuid        CONSTRAINT connect_sessions_pkey PRIMARY KEY,
    user_id           uuid        NOT NULL CONSTRAINT connect_sessions_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id      uuid        CONSTRAINT connect_sessions_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    link_hash         bytea       NOT NULL CONSTRAINT connect_sessions_link_key UNIQUE CONSTRAINT connect_sessions_link_check CHECK (octet_length(link_hash) = 32),
    key_hash          bytea       CONSTRAINT connect_sessions_keyhash_check CHECK (octet_length(key_hash) = 32),
    integration_types text[]      NOT NULL CONSTRAINT connect_sessions_types_check CHECK (cardinality(integration_types) BETWEEN 1 AND 50),
    return_url        text        NOT NULL CONSTRAINT connect_sessions_return_check CHECK (length(return_url) BETWEEN 1 AND 2000),
    state             text        CONSTRAINT connect_sessions_state_check CHECK (length(state) BETWEEN 1 AND 500),
    attempts          integer     NOT NULL DEFAULT 0,
    claimed_until     timestamptz,
    outcome           text        CONSTRAINT connect_sessions_outcome_check CHECK (outcome IN ('connected', 'cancelled', 'failed')),
    failure           text,
    integration_id    uuid,
    created_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    opened_at         timestamptz,
    finished_at       timestamptz,
    expires_at        timestamptz NOT NULL,
    CONSTRAINT connect_sessions_opened_check CHECK ((key_hash IS NULL) = (opened_at IS NULL)),
    CONSTRAINT connect_sessions_finished_check CHECK ((outcome IS NULL) = (finished_at IS NULL))
);
COMMENT ON TABLE lockstep.connect_sessions IS
    'Links with which an end user of another product connects an account. link_hash is SHA-256 of the 256 random bits in the link, key_hash of those in the page that opened it: a copy of the table opens none.';
COMMENT ON COLUMN lockstep.connect_sessions.key_hash IS 'Set by the first page that opens the link; no other page gets in afterwards.';
COMMENT ON COLUMN lockstep.connect_sessions.claimed_until IS 'An account is being connected: a second press of the button meanwhile does nothing.';
COMMENT ON COLUMN lockstep.connect_sessions.state IS 'What the product gave to find its own place again; it comes back as it was.';
CREATE INDEX connect_sessions_user_idx ON lockstep.connect_sessions (user_id);
CREATE INDEX connect_sessions_workspace_idx ON lockstep.connect_sessions (workspace_id);
CREATE INDEX connect_sessions_expires_idx ON lockstep.connect_sessions (expires_at);

ALTER TABLE lockstep.connect_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.connect_sessions FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.connect_sessions FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.connect_sessions AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
-- Nobody but the functions below reads or writes the table.

CREATE FUNCTION lockstep.create_connect_session(
    p_id uuid, p_user uuid, p_workspace uuid, p_link_hash bytea, p_types text[], p_return_url text, p_state text, p_expires timestamptz, p_most integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lockstep.connect_sessions s WHERE s.expires_at < clock_timestamp() - interval '7 days';
    -- is_workspace_admin answers for whoever asks; here the server asks for somebody else.
    IF p_workspace IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM lockstep.workspace_members m
           WHERE  m.workspace_id = p_workspace AND m.user_id = p_user AND m.role IN ('owner', 'admin')) THEN
        RETURN 'no_workspace';
    END IF;
    IF (SELECT count(*) FROM lockstep.connect_sessions s
        WHERE  s.user_id = p_user AND s.outcome IS NULL AND s.expires_at > clock_timestamp()) >= p_most THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO lockstep.connect_sessions (id, user_id, workspace_id, link_hash, integration_types, return_url, state, expires_at)
    VALUES (p_id, p_user, p_workspace, p_link_hash, p_types, p_return_url, p_state, p_expires);
    PERFORM lockstep.record_activity(CASE WHEN p_workspace IS NULL THEN p_user END, p_workspace, 'CONNECT_SESSION_CREATED', 'connect_session', p_id,
        jsonb_build_object('integrationTypes', to_jsonb(p_types), 'returnUrl', split_part(p_return_url, '?', 1), 'expiresAt', p_expires));
    RETURN 'made';
EXCEPTION WHEN foreign_key_violation THEN
    RETURN 'no_user';
END $$;
COMMENT ON FUNCTION lockstep.create_connect_session(uuid, uuid, uuid, bytea, text[], text, text, timestamptz, integer) IS
    'Makes a link for one end user, with an audit line: made, no_user, no_workspace (not there, or the user is no admin of it) or too_many. SECURITY DEFINER: service login only, after the caller was checked. Forgets links that ended a week ago.';

CREATE FUNCTION lockstep.use_connect_session(p_link_hash bytea, p_key_hash bytea, p_grace interval)
RETURNS TABLE (id uuid, user_id uuid, workspace_id uuid, email text, integration_types text[], return_url text, state text, standing text,
    outcome text, integration_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    opened lockstep.connect_sessions;
BEGIN
    UPDATE lockstep.connect_sessions s
    SET    key_hash = p_key_hash, opened_at = clock_timestamp(), expires_at = greatest(s.expires_at, clock_timestamp() + p_grace)
    WHERE  s.link_hash = p_link_hash AND p_key_hash IS NOT NULL AND s.key_hash IS NULL AND s.outcome IS NULL AND s.expires_at > clock_timestamp()
    RETURNING s.* INTO opened;
    IF opened.id IS NOT NULL THEN
        PERFORM lockstep.record_activity(CASE WHEN opened.workspace_id IS NULL THEN opened.user_id END, opened.workspace_id, 'CONNECT_SESSION_OPENED', 'connect_session', opened.id);
    END IF;
    RETURN QUERY
    SELECT s.id, s.user_id, s.workspace_id, u.email::text, s.integration_types, s.return_url, s.state,
           CASE WHEN s.key_hash IS NOT NULL AND s.key_hash IS DISTINCT FROM p_key_hash THEN 'used'
                WHEN s.outcome IS NOT NULL THEN 'finished'
                WHEN s.expires_at <= clock_timestamp() THEN 'expired'
                ELSE 'open' END,
           s.outcome, s.integration_id
    FROM   lockstep.connect_sessions s
    JOIN   auth.users u ON u.id = s.user_id
    WHERE  s.link_hash = p_link_hash;
END $$;
COMMENT ON FUNCTION lockstep.use_connect_session(bytea, bytea, interval) IS
    'What a link stands for. With a key the first page to show one keeps the link to itself, with an audit line; without a key it only looks. SECURITY DEFINER: service login only; who asks has shown the link.';

CREATE FUNCTION lockstep.try_connect_session(p_id uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tried integer;
BEGIN
    UPDATE lockstep.connect_sessions s SET attempts = s.attempts + 1 WHERE s.id = p_id RETURNING s.attempts INTO tried;
    RETURN coalesce(tried, 0);
END $$;
COMMENT ON FUNCTION lockstep.try_connect_session(uuid) IS
    'Counts an attempt to sign in to an account, over all nodes. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.claim_connect_session(p_id uuid, p_seconds double precision) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.connect_sessions s
    SET    claimed_until = clock_timestamp() + make_interval(secs => p_seconds)
    WHERE  s.id = p_id AND s.outcome IS NULL AND (p_seconds = 0 OR s.claimed_until IS NULL OR s.claimed_until <= clock_timestamp());
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION lockstep.claim_connect_session(uuid, double precision) IS
    'Lets one request alone connect an account with a link; 0 seconds gives the claim back. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.finish_connect_session(p_id uuid, p_outcome text, p_integration uuid, p_failure text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended lockstep.connect_sessions;
BEGIN
    UPDATE lockstep.connect_sessions s
    SET    outcome = p_outcome, integration_id = p_integration, failure = p_failure, finished_at = clock_timestamp()
    WHERE  s.id = p_id AND s.outcome IS NULL
    RETURNING s.* INTO ended;
    IF ended.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM lockstep.record_activity(CASE WHEN ended.workspace_id IS NULL THEN ended.user_id END, ended.workspace_id, 'CONNECT_SESSION_FINISHED', 'connect_session', ended.id,
        jsonb_strip_nulls(jsonb_build_object('outcome', p_outcome, 'integrationId', p_integration, 'failure', p_failure)));
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.finish_connect_session(uuid, text, uuid, text) IS
    'Ends a link for good, with an audit line; false when it has ended. SECURITY DEFINER: service login only, after the link or its maker was checked.';

CREATE FUNCTION lockstep.read_connect_session(p_id uuid, p_user uuid)
RETURNS TABLE (id uuid, user_id uuid, workspace_id uuid, integration_types text[], return_url text, state text, status text, failure text,
    integration_id uuid, created_at timestamptz, expires_at timestamptz, finished_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.id, s.user_id, s.workspace_id, s.integration_types, s.return_url, s.state,
           CASE WHEN s.outcome IS NOT NULL THEN s.outcome WHEN s.expires_at <= clock_timestamp() THEN 'expired'
                WHEN s.opened_at IS NOT NULL THEN 'opened' ELSE 'pending' END,
           s.failure, s.integration_id, s.created_at, s.expires_at, s.finished_at
    FROM   lockstep.connect_sessions s
    WHERE  s.id = p_id AND (p_user IS NULL OR s.user_id = p_user);
END $$;
COMMENT ON FUNCTION lockstep.read_connect_session(uuid, uuid) IS
    'How a link stands: of that user, or of anybody where none is named. SECURITY DEFINER: service login only, which names the user that asks.';

REVOKE ALL ON FUNCTION lockstep.create_connect_session(uuid, uuid, uuid, bytea, text[], text, text, timestamptz, integer),
    lockstep.use_connect_session(bytea, bytea, interval), lockstep.try_connect_session(uuid), lockstep.claim_connect_session(uuid, double precision),
    lockstep.finish_connect_session(uuid, text, uuid, text), lockstep.read_connect_session(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.create_connect_session(uuid, uuid, uuid, bytea, text[], text, text, timestamptz, integer),
    lockstep.use_connect_session(bytea, bytea, interval), lockstep.try_connect_session(uuid), lockstep.claim_connect_session(uuid, double precision),
    lockstep.finish_connect_session(uuid, text, uuid, text), lockstep.read_connect_session(uuid, uuid) TO lockstep_service;
