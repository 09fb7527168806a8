-- Users, their identities, workspaces and who is in them.

CREATE TABLE lockstep.auth_identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL CONSTRAINT auth_identities_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT auth_identities_pkey PRIMARY KEY (issuer, subject)
);
COMMENT ON TABLE lockstep.auth_identities IS 'The raw issuer and subject of each token seen, and the user id made of them.';
CREATE INDEX auth_identities_user_idx ON lockstep.auth_identities (user_id);

CREATE TABLE lockstep.accounts (
    user_id       uuid        CONSTRAINT accounts_pkey PRIMARY KEY
                              CONSTRAINT accounts_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    email         text        NOT NULL,
    password_hash text        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lockstep.accounts IS 'Local sign-in: an e-mail that is unique here, and a PBKDF2 hash of ASP.NET Core''s password hasher.';
CREATE UNIQUE INDEX accounts_email_key ON lockstep.accounts (lower(email));
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.accounts FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.workspaces (
    id          uuid        CONSTRAINT workspaces_pkey PRIMARY KEY,
    name        text        NOT NULL CONSTRAINT workspaces_name_check CHECK (length(name) BETWEEN 1 AND 200),
    slug        text        NOT NULL CONSTRAINT workspaces_slug_key UNIQUE,
    external_id text        CONSTRAINT workspaces_external_id_key UNIQUE,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lockstep.workspaces IS 'A workspace, organisation or space. external_id is its name on the sync wire when it comes from elsewhere.';
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.workspaces FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.workspace_members (
    workspace_id uuid        NOT NULL CONSTRAINT workspace_members_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    user_id      uuid        NOT NULL CONSTRAINT workspace_members_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    role         text        NOT NULL CONSTRAINT workspace_members_role_check CHECK (role IN ('owner', 'admin', 'member')),
    joined_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT workspace_members_pkey PRIMARY KEY (workspace_id, user_id)
);
COMMENT ON TABLE lockstep.workspace_members IS 'Who is in a workspace and as what; row-level security believes this table alone.';
CREATE INDEX workspace_members_user_idx ON lockstep.workspace_members (user_id);

CREATE TABLE lockstep.workspace_invitations (
    id           uuid        CONSTRAINT workspace_invitations_pkey PRIMARY KEY,
    workspace_id uuid        NOT NULL CONSTRAINT workspace_invitations_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    email        text        NOT NULL,
    role         text        NOT NULL CONSTRAINT workspace_invitations_role_check CHECK (role IN ('owner', 'admin', 'member')),
    invited_by   uuid        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL DEFAULT now() + interval '14 days'
);
COMMENT ON TABLE lockstep.workspace_invitations IS 'A member added by e-mail: becomes a membership when somebody with that verified e-mail arrives.';
CREATE UNIQUE INDEX workspace_invitations_email_key ON lockstep.workspace_invitations (workspace_id, lower(email));
CREATE INDEX workspace_invitations_lookup_idx ON lockstep.workspace_invitations (lower(email));

-- Membership, asked as the owner so that policies do not ask themselves (no recursion), about the caller alone (no oracle).
-- What policies and hot statements call is plpgsql: with a pinned path PostgreSQL cannot inline a function, and an SQL one is planned anew at
-- each call, where plpgsql keeps its plan (pull three times, listing nearly twice as fast).
CREATE FUNCTION lockstep.visible_workspaces() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(m.workspace_id), '{}')
        FROM   lockstep.workspace_members m
        WHERE  m.user_id = lockstep.current_user_id()
        AND    (nullif(current_setting('app.current_user_space_ids', true), '') IS NULL
                OR m.workspace_id = ANY (nullif(current_setting('app.current_user_space_ids', true), '')::uuid[])));
END $$;
COMMENT ON FUNCTION lockstep.visible_workspaces() IS
    'The workspaces of the current user. SECURITY DEFINER: reads workspace_members as its owner, for the current user only. app.current_user_space_ids ({uuid,...}) may narrow, never widen.';

CREATE FUNCTION lockstep.administered_workspaces() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(m.workspace_id), '{}')
        FROM   lockstep.workspace_members m
        WHERE  m.user_id = lockstep.current_user_id()
        AND    m.role IN ('owner', 'admin')
        AND    m.workspace_id = ANY (lockstep.visible_workspaces()));
END $$;
COMMENT ON FUNCTION lockstep.administered_workspaces() IS
    'The workspaces in which the current user is owner or admin. SECURITY DEFINER: for the current user only.';

CREATE FUNCTION lockstep.is_workspace_member(p_workspace uuid, p_user uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT 1
        FROM   lockstep.workspace_members m
        WHERE  m.workspace_id = p_workspace
        AND    m.user_id = p_user
        AND    (p_user = lockstep.current_user_id() OR p_workspace = ANY (lockstep.visible_workspaces())))
$$;
COMMENT ON FUNCTION lockstep.is_workspace_member(uuid, uuid) IS
    'Whether a user is in a workspace. SECURITY DEFINER: answers about oneself and about one''s own workspaces; false for everything else.';

CREATE FUNCTION lockstep.is_workspace_admin(p_workspace uuid, p_user uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT 1
        FROM   lockstep.workspace_members m
        WHERE  m.workspace_id = p_workspace
        AND    m.user_id = p_user
        AND    m.role IN ('owner', 'admin')
        AND    (p_user = lockstep.current_user_id() OR p_workspace = ANY (lockstep.visible_workspaces())))
$$;
COMMENT ON FUNCTION lockstep.is_workspace_admin(uuid, uuid) IS
    'Whether a user is owner or admin of a workspace; answers like is_workspace_member. SECURITY DEFINER.';

-- Row-level security. Users read; the application login writes.
ALTER TABLE lockstep.auth_identities       ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.auth_identities       FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.accounts              ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.accounts              FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspaces            ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspaces            FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspace_members     ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspace_members     FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspace_invitations ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.workspace_invitations FORCE  ROW LEVEL SECURITY;

CREATE POLICY owner_maintenance ON lockstep.auth_identities       FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.accounts              FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.workspaces            FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.workspace_members     FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.workspace_invitations FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

CREATE POLICY identities_own ON lockstep.auth_identities FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id()));
-- accounts: nobody but the definer functions below reads a password hash.

CREATE POLICY workspaces_read ON lockstep.workspaces FOR SELECT TO authenticated, lockstep_app
    USING (id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
CREATE POLICY workspaces_write ON lockstep.workspaces FOR UPDATE TO lockstep_app
    USING (id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
    WITH CHECK (id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));

CREATE POLICY members_read ON lockstep.workspace_members FOR SELECT TO authenticated, lockstep_app
    USING (workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
CREATE POLICY invitations_read ON lockstep.workspace_invitations FOR SELECT TO authenticated, lockstep_app
    USING (workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));

GRANT SELECT ON lockstep.auth_identities, lockstep.workspaces, lockstep.workspace_members, lockstep.workspace_invitations
    TO authenticated, lockstep_app;
GRANT UPDATE (name, slug) ON lockstep.workspaces TO lockstep_app;

-- What row-level security cannot express (settled, 5): each of these is one decision, taken as the owner, for the current user.
CREATE FUNCTION lockstep.ensure_user(
    p_id uuid, p_issuer text, p_subject text, p_email text, p_email_verified boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known boolean;
BEGIN
    SELECT true INTO known FROM lockstep.auth_identities i WHERE i.issuer = p_issuer AND i.subject = p_subject AND i.user_id = p_id;
    IF known IS NULL THEN
        IF NOT EXISTS (SELECT 1 FROM auth.users u WHERE u.id = p_id) THEN
            INSERT INTO auth.users (id, email) VALUES (p_id, p_email) ON CONFLICT DO NOTHING;
        END IF;
        INSERT INTO lockstep.auth_identities (issuer, subject, user_id) VALUES (p_issuer, p_subject, p_id) ON CONFLICT DO NOTHING;
    END IF;
    IF p_email_verified AND p_email <> '' THEN
        WITH accepted AS (
            DELETE FROM lockstep.workspace_invitations i
            WHERE  lower(i.email) = lower(p_email)
            RETURNING i.workspace_id, i.role, i.expires_at)
        INSERT INTO lockstep.workspace_members (workspace_id, user_id, role)
        SELECT a.workspace_id, p_id, a.role FROM accepted a WHERE a.expires_at > now()
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN known IS NULL;
END $$;
COMMENT ON FUNCTION lockstep.ensure_user(uuid, text, text, text, boolean) IS
    'Makes the user of a verified token on first sight and accepts invitations to its verified e-mail. SECURITY DEFINER: called by the server alone, after the signature was checked. True when the identity was new.';

CREATE FUNCTION lockstep.create_workspace(p_id uuid, p_name text, p_slug text) RETURNS lockstep.workspaces
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me  uuid := lockstep.current_user_id();
    row lockstep.workspaces;
BEGIN
    IF me IS NULL THEN
        RAISE EXCEPTION 'a workspace needs a user who makes it' USING ERRCODE = '42501';
    END IF;
    INSERT INTO lockstep.workspaces (id, name, slug) VALUES (p_id, p_name, p_slug) RETURNING * INTO row;
    INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES (p_id, me, 'owner');
    RETURN row;
END $$;
COMMENT ON FUNCTION lockstep.create_workspace(uuid, text, text) IS
    'Makes a workspace with the current user as its owner. SECURITY DEFINER: INSERT ... RETURNING under a membership policy is 42501.';

CREATE FUNCTION lockstep.set_member(p_workspace uuid, p_user uuid, p_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text;
    old  text;
BEGIN
    -- One change of a workspace's members at a time, so that two owners cannot both stop being the last one.
    PERFORM 1 FROM lockstep.workspaces w WHERE w.id = p_workspace FOR UPDATE;
    SELECT m.role INTO mine FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = lockstep.current_user_id();
    SELECT m.role INTO old  FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = p_user;
    IF mine IS NULL THEN
        RETURN 'not_found';
    END IF;
    IF mine = 'member' AND NOT (p_role IS NULL AND p_user = lockstep.current_user_id()) THEN
        RETURN 'forbidden';
    END IF;
    IF mine <> 'owner' AND (p_role = 'owner' OR old = 'owner') THEN
        RETURN 'forbidden';
    END IF;
    IF p_role IS NULL AND old IS NULL THEN
        RETURN 'not_found';
    END IF;
    IF old = 'owner' AND p_role IS DISTINCT FROM 'owner' AND NOT EXISTS (
        SELECT 1 FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.role = 'owner' AND m.user_id <> p_user) THEN
        RETURN 'last_owner';
    END IF;
    IF p_role IS NULL THEN
        DELETE FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = p_user;
        RETURN 'removed';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM auth.users u WHERE u.id = p_user) THEN
        RETURN 'unknown_user';
    END IF;
    INSERT INTO lockstep.workspace_members (workspace_id, user_id, role) VALUES (p_workspace, p_user, p_role)
    ON CONFLICT (workspace_id, user_id) DO UPDATE SET role = excluded.role;
    RETURN CASE WHEN old IS NULL THEN 'added' ELSE 'changed' END;
END $$;
COMMENT ON FUNCTION lockstep.set_member(uuid, uuid, text) IS
    'Adds a member, changes the role, or with a NULL role removes; says added, changed, removed, not_found, forbidden, unknown_user or last_owner. SECURITY DEFINER: decides by the current user''s own role; only owners make or unmake owners.';

CREATE FUNCTION lockstep.invite_member(p_id uuid, p_workspace uuid, p_email text, p_role text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text;
BEGIN
    SELECT m.role INTO mine FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = lockstep.current_user_id();
    IF mine IS NULL THEN
        RETURN 'not_found';
    END IF;
    IF mine = 'member' OR (p_role = 'owner' AND mine <> 'owner') THEN
        RETURN 'forbidden';
    END IF;
    INSERT INTO lockstep.workspace_invitations (id, workspace_id, email, role, invited_by)
    VALUES (p_id, p_workspace, p_email, p_role, lockstep.current_user_id())
    ON CONFLICT (workspace_id, lower(email)) DO UPDATE SET role = excluded.role, expires_at = now() + interval '14 days';
    RETURN 'invited';
END $$;
COMMENT ON FUNCTION lockstep.invite_member(uuid, uuid, text, text) IS
    'Invites an e-mail address; the answer is the same whether or not anybody has it. SECURITY DEFINER: admins of the workspace only.';

CREATE FUNCTION lockstep.delete_workspace(p_workspace uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine text;
BEGIN
    SELECT m.role INTO mine FROM lockstep.workspace_members m WHERE m.workspace_id = p_workspace AND m.user_id = lockstep.current_user_id();
    IF mine IS NULL THEN
        RETURN 'not_found';
    END IF;
    IF mine <> 'owner' THEN
        RETURN 'forbidden';
    END IF;
    DELETE FROM lockstep.workspaces w WHERE w.id = p_workspace;
    RETURN 'deleted';
END $$;
COMMENT ON FUNCTION lockstep.delete_workspace(uuid) IS
    'Deletes a workspace and, by cascade, everything it owns, its data keys too. SECURITY DEFINER: its owners only.';

CREATE FUNCTION lockstep.delete_user(p_user uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- The login, not the claim: whoever works as lockstep_app could claim anything.
    IF p_user IS DISTINCT FROM lockstep.current_user_id() AND NOT pg_has_role(session_user, 'service_role', 'MEMBER') THEN
        RETURN 'not_found';
    END IF;
    IF NOT EXISTS (SELECT 1 FROM auth.users u WHERE u.id = p_user) THEN
        RETURN 'not_found';
    END IF;
    PERFORM 1 FROM lockstep.workspaces w
    WHERE  w.id IN (SELECT m.workspace_id FROM lockstep.workspace_members m WHERE m.user_id = p_user)
    ORDER  BY w.id FOR UPDATE;
    -- Others still live in a workspace that only this user owns: it needs another owner first.
    IF EXISTS (
        SELECT 1
        FROM   lockstep.workspace_members m
        WHERE  m.user_id = p_user AND m.role = 'owner'
        AND    NOT EXISTS (SELECT 1 FROM lockstep.workspace_members o
                           WHERE o.workspace_id = m.workspace_id AND o.role = 'owner' AND o.user_id <> p_user)
        AND    EXISTS (SELECT 1 FROM lockstep.workspace_members o
                       WHERE o.workspace_id = m.workspace_id AND o.user_id <> p_user)) THEN
        RETURN 'last_owner';
    END IF;
    DELETE FROM lockstep.workspaces w
    WHERE  w.id IN (SELECT m.workspace_id FROM lockstep.workspace_members m WHERE m.user_id = p_user)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.workspace_members o WHERE o.workspace_id = w.id AND o.user_id <> p_user);
    DELETE FROM auth.users u WHERE u.id = p_user;
    RETURN 'deleted';
END $$;
COMMENT ON FUNCTION lockstep.delete_user(uuid) IS
    'Deletes a user and, by cascade, everything the user owns, data keys too. SECURITY DEFINER: oneself, or anybody for the service login.';

CREATE FUNCTION lockstep.create_account(p_user uuid, p_email text, p_password_hash text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO auth.users (id, email) VALUES (p_user, p_email) ON CONFLICT DO NOTHING;
    INSERT INTO lockstep.accounts (user_id, email, password_hash) VALUES (p_user, p_email, p_password_hash);
    RETURN 'created';
EXCEPTION WHEN unique_violation THEN
    RETURN 'exists';
END $$;
COMMENT ON FUNCTION lockstep.create_account(uuid, text, text) IS
    'Makes a local account. SECURITY DEFINER: service role only; the hash is made by the server.';

CREATE FUNCTION lockstep.find_account(p_email text) RETURNS TABLE (user_id uuid, email text, password_hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.user_id, a.email, a.password_hash FROM lockstep.accounts a WHERE lower(a.email) = lower(p_email)
$$;
COMMENT ON FUNCTION lockstep.find_account(text) IS
    'The account that signs in with this e-mail, to check its password. SECURITY DEFINER: service role only.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA lockstep FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.current_user_id(), lockstep.visible_workspaces(), lockstep.administered_workspaces(),
    lockstep.is_workspace_member(uuid, uuid), lockstep.is_workspace_admin(uuid, uuid)
    TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.create_workspace(uuid, text, text), lockstep.set_member(uuid, uuid, text),
    lockstep.invite_member(uuid, uuid, text, text), lockstep.delete_workspace(uuid), lockstep.delete_user(uuid)
    TO lockstep_app;
GRANT EXECUTE ON FUNCTION lockstep.ensure_user(uuid, text, text, text, boolean), lockstep.create_account(uuid, text, text),
    lockstep.find_account(text), lockstep.delete_user(uuid)
    TO lockstep_service;
