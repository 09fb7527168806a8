-- Whoever connected an account by a link watches its first sync, on a page that loads itself again without script. So its address has to say which sync that is.

ALTER TABLE lockstep.connect_sessions
    ADD COLUMN watch_hash bytea CONSTRAINT connect_sessions_watch_key UNIQUE CONSTRAINT connect_sessions_watch_check CHECK (octet_length(watch_hash) = 32);
COMMENT ON COLUMN lockstep.connect_sessions.watch_hash IS
    'SHA-256 of the 256 random bits in the address of the page that shows the first sync. They let one look for a while, and do nothing.';

CREATE FUNCTION lockstep.let_watch_connect_session(p_id uuid, p_watch_hash bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.connect_sessions s SET watch_hash = p_watch_hash WHERE s.id = p_id AND s.outcome IS NULL;
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION lockstep.let_watch_connect_session(uuid, bytea) IS
    'Says with which address one may watch the first sync of what a link is about to connect; false when the link has ended. SECURITY DEFINER: service login only, after the link was checked.';

CREATE FUNCTION lockstep.watch_connect_session(p_watch_hash bytea, p_life interval)
RETURNS TABLE (id uuid, user_id uuid, workspace_id uuid, email text, integration_types text[], return_url text, state text, standing text,
    outcome text, integration_id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.id, s.user_id, s.workspace_id, u.email::text, s.integration_types, s.return_url, s.state,
           CASE WHEN s.finished_at > clock_timestamp() - p_life THEN 'open' ELSE 'expired' END,
           s.outcome, s.integration_id
    FROM   lockstep.connect_sessions s
    JOIN   auth.users u ON u.id = s.user_id
    WHERE  s.watch_hash = p_watch_hash AND s.outcome = 'connected';
END $$;
COMMENT ON FUNCTION lockstep.watch_connect_session(bytea, interval) IS
    'What the page of a first sync belongs to; expired once it was connected longer ago than that. SECURITY DEFINER: service login only; who asks has shown the address.';

REVOKE ALL ON FUNCTION lockstep.let_watch_connect_session(uuid, bytea), lockstep.watch_connect_session(bytea, interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.let_watch_connect_session(uuid, bytea), lockstep.watch_connect_session(bytea, interval) TO lockstep_service;
