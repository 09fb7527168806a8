-- Memberships as other services ask for them: by our id, or by the subject that a token names.

CREATE FUNCTION lockstep.memberships_of(p_user text) RETURNS TABLE (organization_id text, role text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known uuid[];
BEGIN
    known := ARRAY(SELECT DISTINCT i.user_id FROM lockstep.auth_identities i WHERE i.subject = p_user);
    IF known = '{}' AND p_user ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        known := ARRAY[p_user::uuid];
    END IF;
    -- One subject of two issuers is two people: nobody can say which is meant.
    IF cardinality(known) <> 1 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT coalesce(w.external_id, w.id::text), m.role
    FROM   lockstep.workspace_members m
    JOIN   lockstep.workspaces w ON w.id = m.workspace_id
    WHERE  m.user_id = known[1]
    ORDER  BY m.joined_at, w.id;
END $$;
COMMENT ON FUNCTION lockstep.memberships_of(text) IS
    'The workspaces of one user, by id or by a subject that is the same at every issuer, each as it is called on the sync wire. SECURITY DEFINER: service login only, behind the service key.';
REVOKE ALL ON FUNCTION lockstep.memberships_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.memberships_of(text) TO lockstep_service;
CREATE INDEX auth_identities_subject_idx ON lockstep.auth_identities (subject);

-- Where another service says who is where: when it was asked about each user.
CREATE TABLE lockstep.membership_leases (
    user_id      uuid        CONSTRAINT membership_leases_pkey PRIMARY KEY
                             CONSTRAINT membership_leases_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    refreshed_at timestamptz NOT NULL DEFAULT to_timestamp(0),
    leased_until timestamptz NOT NULL DEFAULT to_timestamp(0)
);
COMMENT ON TABLE lockstep.membership_leases IS
    'When each user''s memberships were last mirrored from LOCKSTEP_MEMBERSHIPS_URL, and until when somebody is asking. No login reads it.';
ALTER TABLE lockstep.membership_leases ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.membership_leases FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.membership_leases FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

CREATE FUNCTION lockstep.claim_memberships(p_user uuid, p_holds interval, p_lease interval) RETURNS TABLE (subject text, fresh_for interval)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known lockstep.membership_leases;
    named text;
BEGIN
    SELECT l.* INTO known FROM lockstep.membership_leases l WHERE l.user_id = p_user;
    IF known.refreshed_at + p_holds > clock_timestamp() THEN
        RETURN QUERY SELECT NULL::text, known.refreshed_at + p_holds - clock_timestamp();
        RETURN;
    END IF;
    SELECT i.subject INTO named FROM lockstep.auth_identities i WHERE i.user_id = p_user ORDER BY i.created_at, i.issuer LIMIT 1;
    IF named IS NULL THEN
        RETURN QUERY SELECT NULL::text, p_lease;
        RETURN;
    END IF;
    INSERT INTO lockstep.membership_leases AS l (user_id, leased_until) VALUES (p_user, clock_timestamp() + p_lease)
    ON CONFLICT (user_id) DO UPDATE SET leased_until = excluded.leased_until WHERE l.leased_until <= clock_timestamp();
    RETURN QUERY SELECT CASE WHEN FOUND THEN named END, interval '1 second';
END $$;
COMMENT ON FUNCTION lockstep.claim_memberships(uuid, interval, interval) IS
    'The subject to ask for when a user''s memberships are older than p_holds and nobody else is asking; NULL otherwise, with the time for which nothing need be done. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.mirror_memberships(p_user uuid, p_spaces text[], p_roles text[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted uuid[];
BEGIN
    INSERT INTO lockstep.workspaces (id, name, slug, external_id)
    SELECT gen_random_uuid(), left(s.space, 200), 'x-' || left(encode(sha256(convert_to(s.space, 'UTF8')), 'hex'), 40), s.space
    FROM   unnest(p_spaces) s(space)
    WHERE  NOT EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.external_id = s.space OR w.external_id IS NULL AND w.id::text = s.space)
    ORDER  BY s.space
    ON CONFLICT DO NOTHING;
    wanted := ARRAY(
        SELECT (SELECT w.id FROM lockstep.workspaces w
                WHERE  w.external_id = s.space OR w.external_id IS NULL AND w.id::text = s.space
                ORDER  BY w.external_id LIMIT 1)
        FROM   unnest(p_spaces) WITH ORDINALITY s(space, n)
        ORDER  BY s.n);
    DELETE FROM lockstep.workspace_members m WHERE m.user_id = p_user AND NOT m.workspace_id = ANY (wanted);
    INSERT INTO lockstep.workspace_members AS m (workspace_id, user_id, role)
    SELECT DISTINCT ON (w.id) w.id, p_user, w.role FROM unnest(wanted, p_roles) w(id, role) WHERE w.id IS NOT NULL ORDER BY w.id, w.role DESC
    ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role WHERE m.role <> excluded.role;
    INSERT INTO lockstep.membership_leases (user_id, refreshed_at) VALUES (p_user, clock_timestamp())
    ON CONFLICT (user_id) DO UPDATE SET refreshed_at = excluded.refreshed_at, leased_until = to_timestamp(0);
END $$;
COMMENT ON FUNCTION lockstep.mirror_memberships(uuid, text[], text[]) IS
    'Makes a user a member of exactly these workspaces, each by its external id; those that are missing are made. SECURITY DEFINER: service login only, with what the operator''s service said.';

CREATE FUNCTION lockstep.expire_memberships(p_user text) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH known AS (
        SELECT DISTINCT i.user_id FROM lockstep.auth_identities i WHERE i.subject = p_user OR i.user_id::text = p_user),
    expired AS (
        UPDATE lockstep.membership_leases l SET refreshed_at = to_timestamp(0), leased_until = to_timestamp(0)
        FROM known k WHERE l.user_id = k.user_id)
    SELECT k.user_id FROM known k;
END $$;
COMMENT ON FUNCTION lockstep.expire_memberships(text) IS
    'What is known of the memberships of everybody with this id or subject does not hold any more; says whose. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.claim_memberships(uuid, interval, interval), lockstep.mirror_memberships(uuid, text[], text[]),
    lockstep.expire_memberships(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.claim_memberships(uuid, interval, interval), lockstep.mirror_memberships(uuid, text[], text[]),
    lockstep.expire_memberships(text) TO lockstep_service;

-- What a node's streams compare once a second: of each user, which scopes there are and how far they are.
CREATE FUNCTION lockstep.scope_marks(p_users uuid[]) RETURNS TABLE (user_id uuid, mark bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT u.user_id, coalesce(hashtextextended(string_agg(x.scope_id::text || ' ' || x.head || ' ' || x.epoch, ',' ORDER BY x.scope_id), 0), 0)
    FROM   unnest(p_users) u(user_id)
    LEFT   JOIN LATERAL (
           SELECT s.scope_id, s.head, s.epoch FROM lockstep.sync_scopes s WHERE s.user_id = u.user_id
           UNION ALL
           SELECT s.scope_id, s.head, s.epoch
           FROM   lockstep.workspace_members m
           JOIN   lockstep.sync_scopes s ON s.workspace_id = m.workspace_id
           WHERE  m.user_id = u.user_id) x ON true
    GROUP  BY u.user_id;
END $$;
COMMENT ON FUNCTION lockstep.scope_marks(uuid[]) IS
    'A number for each user that is another one when a head, an epoch or a membership changes. SECURITY DEFINER: service login only; it tells no content.';
REVOKE ALL ON FUNCTION lockstep.scope_marks(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.scope_marks(uuid[]) TO lockstep_service;
