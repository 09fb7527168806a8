-- Sessions of the console: what a cookie stands for.

CREATE TABLE lockstep.console_sessions (
    id              uuid        CONSTRAINT console_sessions_pkey PRIMARY KEY,
    user_id         uuid        CONSTRAINT console_sessions_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    service_subject text        CONSTRAINT console_sessions_subject_check CHECK (length(service_subject) BETWEEN 1 AND 255),
    hash            bytea       NOT NULL CONSTRAINT console_sessions_hash_key UNIQUE CONSTRAINT console_sessions_hash_check CHECK (octet_length(hash) = 32),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at      timestamptz NOT NULL,
    CONSTRAINT console_sessions_who_check CHECK ((user_id IS NULL) <> (service_subject IS NULL))
);
COMMENT ON TABLE lockstep.console_sessions IS
    'Who is signed in to the console. hash is SHA-256 of the cookie''s 256 random bits, so that a copy of the table opens no session. service_subject: an operator, who came with a token of the service role.';
COMMENT ON COLUMN lockstep.console_sessions.seen_at IS 'Moves at most once a minute.';
CREATE INDEX console_sessions_user_idx ON lockstep.console_sessions (user_id);
CREATE INDEX console_sessions_expires_idx ON lockstep.console_sessions (expires_at);

ALTER TABLE lockstep.console_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.console_sessions FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.console_sessions FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.console_sessions AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
-- Nobody but the functions below reads or writes the table.

CREATE FUNCTION lockstep.open_console_session(p_id uuid, p_user uuid, p_subject text, p_hash bytea, p_expires timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lockstep.console_sessions s WHERE s.expires_at <= clock_timestamp();
    INSERT INTO lockstep.console_sessions (id, user_id, service_subject, hash, expires_at) VALUES (p_id, p_user, p_subject, p_hash, p_expires);
    PERFORM lockstep.record_activity(p_user, NULL, 'CONSOLE_SIGNED_IN', 'console_session', p_id, jsonb_build_object('expiresAt', p_expires));
    RETURN true;
EXCEPTION WHEN foreign_key_violation THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION lockstep.open_console_session(uuid, uuid, text, bytea, timestamptz) IS
    'Notes that somebody signed in, with an audit line; false for a user who is gone. SECURITY DEFINER: service login only, after password or token were checked. Forgets sessions that have ended.';

CREATE FUNCTION lockstep.use_console_session(p_hash bytea, p_idle interval)
RETURNS TABLE (id uuid, user_id uuid, service_subject text, email text, expires_at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE lockstep.console_sessions s
    SET    seen_at = clock_timestamp()
    WHERE  s.hash = p_hash
    AND    s.expires_at > clock_timestamp()
    AND    s.seen_at > clock_timestamp() - p_idle
    AND    s.seen_at <= clock_timestamp() - interval '1 minute';
    RETURN QUERY
    SELECT s.id, s.user_id, s.service_subject, u.email::text, s.expires_at
    FROM   lockstep.console_sessions s
    LEFT   JOIN auth.users u ON u.id = s.user_id
    WHERE  s.hash = p_hash
    AND    s.expires_at > clock_timestamp()
    AND    s.seen_at > clock_timestamp() - p_idle;
END $$;
COMMENT ON FUNCTION lockstep.use_console_session(bytea, interval) IS
    'Whose session a cookie is, unless it has ended or rested too long. SECURITY DEFINER: service login only; who asks has shown the cookie.';

CREATE FUNCTION lockstep.end_console_session(p_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ended lockstep.console_sessions;
BEGIN
    DELETE FROM lockstep.console_sessions s WHERE s.hash = p_hash RETURNING * INTO ended;
    IF ended.id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM lockstep.record_activity(ended.user_id, NULL, 'CONSOLE_SIGNED_OUT', 'console_session', ended.id);
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.end_console_session(bytea) IS
    'Ends a session for good, with an audit line; false when there is none. SECURITY DEFINER: service login only; who asks has shown the cookie.';

REVOKE ALL ON FUNCTION lockstep.open_console_session(uuid, uuid, text, bytea, timestamptz), lockstep.use_console_session(bytea, interval),
    lockstep.end_console_session(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.open_console_session(uuid, uuid, text, bytea, timestamptz), lockstep.use_console_session(bytea, interval),
    lockstep.end_console_session(bytea) TO lockstep_service;
