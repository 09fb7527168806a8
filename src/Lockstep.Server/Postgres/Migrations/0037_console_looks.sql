-- What the console shows besides: people by name, invitations, nodes, how the sync keeps up and where it fails, the age of keys, the change log.

CREATE TABLE lockstep.nodes (
    id         uuid        CONSTRAINT nodes_pkey PRIMARY KEY,
    name       text        NOT NULL CONSTRAINT nodes_name_check CHECK (length(name) BETWEEN 1 AND 255),
    version    text        NOT NULL CONSTRAINT nodes_version_check CHECK (length(version) BETWEEN 1 AND 100),
    started_at timestamptz NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE lockstep.nodes IS
    'The processes that serve this database, for the operator''s eyes alone: nothing is decided by it. Each says every half minute that it is there, and goes when it stops; one that fell silent is forgotten after a day.';

CREATE TABLE lockstep.sync_lag (
    quarter timestamptz      CONSTRAINT sync_lag_pkey PRIMARY KEY,
    waiting bigint           NOT NULL,
    longest double precision NOT NULL
);
COMMENT ON TABLE lockstep.sync_lag IS
    'The worst that any node saw in each quarter of an hour of the last week: how many integrations were due and not begun, and for how many seconds the longest had waited.';

ALTER TABLE lockstep.nodes    ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.nodes    FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_lag ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_lag FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.nodes    FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_lag FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY nodes_read ON lockstep.nodes FOR SELECT TO lockstep_service USING (true);
CREATE POLICY sync_lag_read ON lockstep.sync_lag FOR SELECT TO lockstep_service USING (true);
GRANT SELECT ON lockstep.nodes, lockstep.sync_lag TO lockstep_service;

CREATE FUNCTION lockstep.node_beat(p_id uuid, p_name text, p_version text, p_started timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO lockstep.nodes (id, name, version, started_at) VALUES (p_id, p_name, p_version, p_started)
    ON CONFLICT (id) DO UPDATE SET seen_at = clock_timestamp();
    DELETE FROM lockstep.nodes n WHERE n.seen_at < clock_timestamp() - interval '1 day';
    INSERT INTO lockstep.sync_lag AS l (quarter, waiting, longest)
    SELECT date_bin('15 minutes', clock_timestamp(), timestamptz '2000-01-01 00:00:00+00'), sum(o.overdue), max(o.waited)
    FROM   lockstep.sync_overview() o
    ON CONFLICT (quarter) DO UPDATE SET waiting = greatest(l.waiting, excluded.waiting), longest = greatest(l.longest, excluded.longest);
    DELETE FROM lockstep.sync_lag l WHERE l.quarter < clock_timestamp() - interval '7 days';
END $$;
COMMENT ON FUNCTION lockstep.node_beat(uuid, text, text, timestamptz) IS
    'Says that a node is there, and notes how the sync keeps up. SECURITY DEFINER: service login only; no row of a tenant is read but as a count.';

CREATE FUNCTION lockstep.node_leaves(p_id uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lockstep.nodes n WHERE n.id = p_id;
END $$;
COMMENT ON FUNCTION lockstep.node_leaves(uuid) IS 'A node has stopped. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.sync_troubles() RETURNS TABLE (host text, code text, connections bigint, since timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce(substring(i.config ->> 'url' FROM '^[a-z]+://([^/?#]+)'), i.integration_type), coalesce(i.last_sync_error_code, i.paused_reason, 'error'),
           count(*), min(i.last_sync_at)
    FROM   lockstep.integrations i
    WHERE  i.enabled AND (i.status = 'error' OR i.paused_reason IS NOT NULL)
    GROUP  BY 1, 2
    ORDER  BY 3 DESC, 1, 2
    LIMIT  20;
END $$;
COMMENT ON FUNCTION lockstep.sync_troubles() IS
    'Which servers fail, with what, for how many, and since which last good sync of any of them. SECURITY DEFINER: service login only; hosts and counts, no owner, no id, no message.';

CREATE FUNCTION lockstep.key_ages() RETURNS TABLE (provider text, key_version text, since timestamptz, retired bigint, retired_values bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH old AS (
        SELECT k.id FROM lockstep.data_keys k WHERE k.state = 'retired'),
    under AS (
        SELECT c.data_key_id FROM lockstep.credentials c JOIN old ON old.id = c.data_key_id
        UNION  ALL
        SELECT v.data_key_id FROM lockstep.credential_versions v JOIN old ON old.id = v.data_key_id
        UNION  ALL
        SELECT w.data_key_id FROM lockstep.webhook_secrets w JOIN old ON old.id = w.data_key_id),
    counted AS (
        SELECT u.data_key_id, count(*) AS n FROM under u GROUP BY u.data_key_id)
    SELECT k.provider, k.key_version, min(k.created_at), count(*) FILTER (WHERE k.state = 'retired'), coalesce(sum(c.n), 0)::bigint
    FROM   lockstep.data_keys k
    LEFT   JOIN counted c ON c.data_key_id = k.id
    GROUP  BY k.provider, k.key_version
    ORDER  BY k.provider, k.key_version;
END $$;
COMMENT ON FUNCTION lockstep.key_ages() IS
    'For each key that wraps: since when the oldest data key under it is there, how many of them are retired, and how many values still lie under those. SECURITY DEFINER: service login only; counts and times.';

CREATE FUNCTION lockstep.scopes_changed(p_find text, p_limit integer)
RETURNS TABLE (scope_id uuid, kind text, name text, head bigint, floor bigint, epoch integer, head_at timestamptz, records bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT s.scope_id, CASE WHEN s.user_id IS NULL THEN 'workspace' ELSE 'user' END, coalesce(u.email::text, w.name, s.scope_id::text), s.head, s.floor, s.epoch, s.head_at,
           (SELECT count(*) FROM lockstep.sync_records r WHERE r.scope_id = s.scope_id AND NOT r.deleted)
    FROM  (SELECT c.*
           FROM   lockstep.sync_scopes c
           LEFT   JOIN auth.users cu ON cu.id = c.user_id
           LEFT   JOIN lockstep.workspaces cw ON cw.id = c.workspace_id
           WHERE  p_find IS NULL OR strpos(lower(concat_ws(' ', cu.email, cw.name, c.scope_id, c.user_id, c.workspace_id)), lower(p_find)) > 0
           ORDER  BY c.head_at DESC, c.scope_id
           LIMIT  p_limit) s
    LEFT   JOIN auth.users u ON u.id = s.user_id
    LEFT   JOIN lockstep.workspaces w ON w.id = s.workspace_id
    ORDER  BY s.head_at DESC, s.scope_id;
END $$;
COMMENT ON FUNCTION lockstep.scopes_changed(text, integer) IS
    'Scopes of the change log, the latest changed first. SECURITY DEFINER: service login only; whose they are and numbers, no content.';

CREATE FUNCTION lockstep.changes_of(p_scope uuid, p_app text, p_record text, p_before bigint, p_limit integer)
RETURNS TABLE (seq bigint, app text, table_name text, record_id text, op text, fields text[], author text, client_id text, origin text, schema_version integer, bytes integer, created_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.seq, c.app, c.table_name, c.record_id, c.op,
           ARRAY(SELECT f FROM jsonb_object_keys(CASE jsonb_typeof(c.data) WHEN 'object' THEN c.data ELSE '{}' END) f ORDER BY f LIMIT 50),
           coalesce(u.email::text, c.user_id::text), c.client_id, c.origin, c.schema_version, c.bytes, c.created_at
    FROM   lockstep.sync_changes c
    LEFT   JOIN auth.users u ON u.id = c.user_id
    WHERE  c.scope_id = p_scope
    AND   (p_app IS NULL OR c.app = p_app)
    AND   (p_record IS NULL OR c.record_id = p_record)
    AND   (p_before IS NULL OR c.seq < p_before)
    ORDER  BY c.seq DESC
    LIMIT  p_limit;
END $$;
COMMENT ON FUNCTION lockstep.changes_of(uuid, text, text, bigint, integer) IS
    'Changes of a scope, newest first: which fields of which record, by whom, when; never a value. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.people(p_ids uuid[]) RETURNS TABLE (id uuid, email text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT u.id, u.email::text
    FROM   auth.users u
    WHERE  u.id = ANY (p_ids)
    AND    u.email IS NOT NULL
    -- The login, not the claim: whoever works as lockstep_app could claim anything.
    AND   (pg_has_role(session_user, 'service_role', 'MEMBER')
           OR u.id = lockstep.current_user_id()
           OR EXISTS (SELECT 1 FROM lockstep.workspace_members m
                      WHERE m.user_id = u.id AND m.workspace_id = ANY (lockstep.visible_workspaces())));
END $$;
COMMENT ON FUNCTION lockstep.people(uuid[]) IS
    'The e-mail addresses of these users: of oneself and of whom one shares a workspace with; of all for the service login. SECURITY DEFINER: users see no row of auth.users but their own.';

CREATE FUNCTION lockstep.withdraw_invitation(p_workspace uuid, p_invitation uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text;
BEGIN
    SELECT m.role INTO mine FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = lockstep.current_user_id();
    IF mine IS NULL THEN
        RETURN 'not_found';
    END IF;
    IF mine = 'member' THEN
        RETURN 'forbidden';
    END IF;
    DELETE FROM lockstep.workspace_invitations i WHERE i.id = p_invitation AND i.workspace_id = p_workspace;
    RETURN CASE WHEN FOUND THEN 'withdrawn' ELSE 'not_found' END;
END $$;
COMMENT ON FUNCTION lockstep.withdraw_invitation(uuid, uuid) IS
    'Takes an invitation back: withdrawn, not_found or forbidden. SECURITY DEFINER: admins of the workspace only.';

REVOKE ALL ON FUNCTION lockstep.node_beat(uuid, text, text, timestamptz), lockstep.node_leaves(uuid), lockstep.sync_troubles(), lockstep.key_ages(),
    lockstep.scopes_changed(text, integer), lockstep.changes_of(uuid, text, text, bigint, integer), lockstep.people(uuid[]),
    lockstep.withdraw_invitation(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.node_beat(uuid, text, text, timestamptz), lockstep.node_leaves(uuid), lockstep.sync_troubles(), lockstep.key_ages(),
    lockstep.scopes_changed(text, integer), lockstep.changes_of(uuid, text, text, bigint, integer) TO lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.people(uuid[]) TO lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.withdraw_invitation(uuid, uuid) TO lockstep_app;

-- Handing a user over to the console: a link, once and for a moment.
CREATE TABLE lockstep.console_handoffs (
    hash       bytea       CONSTRAINT console_handoffs_pkey PRIMARY KEY CONSTRAINT console_handoffs_hash_check CHECK (octet_length(hash) = 32),
    user_id    uuid        NOT NULL CONSTRAINT console_handoffs_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE lockstep.console_handoffs IS
    'Links by which the operator''s product hands a user over to the console. hash is SHA-256 of the 256 random bits in the link; the row goes when the link is used.';
CREATE INDEX console_handoffs_user_idx ON lockstep.console_handoffs (user_id);
CREATE INDEX console_handoffs_expires_idx ON lockstep.console_handoffs (expires_at);
ALTER TABLE lockstep.console_handoffs ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.console_handoffs FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.console_handoffs FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.console_handoffs AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
-- Nobody but the functions below reads or writes the table.

CREATE FUNCTION lockstep.make_console_handoff(p_user uuid, p_hash bytea, p_expires timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM lockstep.console_handoffs h WHERE h.expires_at <= clock_timestamp();
    INSERT INTO lockstep.console_handoffs (hash, user_id, expires_at) VALUES (p_hash, p_user, p_expires);
    PERFORM lockstep.record_activity(p_user, NULL, 'CONSOLE_LINK_MADE', 'user', p_user, jsonb_build_object('expiresAt', p_expires));
    RETURN true;
EXCEPTION WHEN foreign_key_violation THEN
    RETURN false;
END $$;
COMMENT ON FUNCTION lockstep.make_console_handoff(uuid, bytea, timestamptz) IS
    'Notes a link that signs this user in, with an audit line; false for a user who is gone. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.console_handoff(p_hash bytea) RETURNS TABLE (user_id uuid, email text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT h.user_id, u.email::text
    FROM   lockstep.console_handoffs h JOIN auth.users u ON u.id = h.user_id
    WHERE  h.hash = p_hash AND h.expires_at > clock_timestamp();
END $$;
COMMENT ON FUNCTION lockstep.console_handoff(bytea) IS
    'Whom a link would sign in; it stays good. SECURITY DEFINER: service login only; who asks has shown the link.';

CREATE FUNCTION lockstep.take_console_handoff(p_hash bytea) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    taken uuid;
BEGIN
    DELETE FROM lockstep.console_handoffs h WHERE h.hash = p_hash AND h.expires_at > clock_timestamp() RETURNING h.user_id INTO taken;
    RETURN taken;
END $$;
COMMENT ON FUNCTION lockstep.take_console_handoff(bytea) IS
    'Uses a link up; NULL when it was used, has expired, or never was. SECURITY DEFINER: service login only; who asks has shown the link.';

REVOKE ALL ON FUNCTION lockstep.make_console_handoff(uuid, bytea, timestamptz), lockstep.console_handoff(bytea), lockstep.take_console_handoff(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.make_console_handoff(uuid, bytea, timestamptz), lockstep.console_handoff(bytea), lockstep.take_console_handoff(bytea)
    TO lockstep_service;
