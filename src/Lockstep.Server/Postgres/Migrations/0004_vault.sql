-- Credentials and the data keys that seal them. Everything secret arrives here as ciphertext: this database never sees a plaintext.

CREATE FUNCTION lockstep.owns_credential(p_user uuid, p_workspace uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
               WHEN p_user IS NOT NULL THEN p_user = lockstep.current_user_id()
               WHEN p_workspace IS NOT NULL THEN p_workspace = ANY (lockstep.administered_workspaces())
               ELSE lockstep.current_user_id() IS NULL AND pg_has_role(current_user, 'service_role', 'MEMBER')
           END;
END $$;
COMMENT ON FUNCTION lockstep.owns_credential(uuid, uuid) IS
    'Whether the current context may use what belongs to this user, this workspace, or (both NULL) the system: the user, an admin, the service role without a user. The WHERE that stands beside row-level security.';

CREATE TABLE lockstep.data_keys (
    id           uuid        CONSTRAINT data_keys_pkey PRIMARY KEY,
    user_id      uuid        CONSTRAINT data_keys_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id uuid        CONSTRAINT data_keys_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    tenant       text        NOT NULL GENERATED ALWAYS AS (
                     CASE WHEN user_id IS NOT NULL THEN 'user:' || user_id::text
                          WHEN workspace_id IS NOT NULL THEN 'workspace:' || workspace_id::text
                          ELSE 'system' END) STORED,
    version      integer     NOT NULL CONSTRAINT data_keys_version_check CHECK (version >= 1),
    provider     text        NOT NULL,
    key_version  text        NOT NULL,
    wrapped_key  text        NOT NULL,
    state        text        NOT NULL DEFAULT 'active' CONSTRAINT data_keys_state_check CHECK (state IN ('active', 'retired')),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT data_keys_owner_check CHECK (user_id IS NULL OR workspace_id IS NULL),
    CONSTRAINT data_keys_tenant_version_key UNIQUE (tenant, version)
);
COMMENT ON TABLE lockstep.data_keys IS
    'One wrapped AES-256 key per tenant and version; deleting a tenant''s rows shreds what it stored. provider wrapped it, with the key that key_version names: for local the fingerprint of the master key.';
CREATE UNIQUE INDEX data_keys_active_key ON lockstep.data_keys (tenant) WHERE state = 'active';
CREATE INDEX data_keys_created_idx ON lockstep.data_keys (created_at, id);
CREATE INDEX data_keys_user_idx ON lockstep.data_keys (user_id);
CREATE INDEX data_keys_workspace_idx ON lockstep.data_keys (workspace_id);
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.data_keys FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.credentials (
    id              uuid         CONSTRAINT credentials_pkey PRIMARY KEY,
    user_id         uuid         CONSTRAINT credentials_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id    uuid         CONSTRAINT credentials_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    scope           text         NOT NULL,
    tenant          text         NOT NULL GENERATED ALWAYS AS (
                        CASE WHEN user_id IS NOT NULL THEN 'user:' || user_id::text
                             WHEN workspace_id IS NOT NULL THEN 'workspace:' || workspace_id::text
                             ELSE 'system' END) STORED,
    name            varchar(255) NOT NULL,
    provider        varchar(100) NOT NULL,
    type            text         NOT NULL CONSTRAINT credentials_type_check
                                 CHECK (type IN ('API_KEY', 'OAUTH_TOKEN', 'ACCESS_TOKEN', 'SECRET', 'PASSWORD', 'CUSTOM')),
    encrypted_value text         NOT NULL,
    key_provider    text         NOT NULL CONSTRAINT credentials_key_provider_check CHECK (key_provider IN ('data_key')),
    data_key_id     uuid         NOT NULL CONSTRAINT credentials_data_key_fkey REFERENCES lockstep.data_keys (id),
    key_version     integer      NOT NULL,
    format          text         NOT NULL,
    masked_value    varchar(20)  NOT NULL,
    description     text,
    expires_at      timestamptz,
    last_used_at    timestamptz,
    metadata        jsonb        NOT NULL DEFAULT '{}',
    is_active       boolean      NOT NULL DEFAULT true,
    revoked_at      timestamptz,
    rotated_at      timestamptz,
    version         integer      NOT NULL DEFAULT 1,
    created_by      uuid         CONSTRAINT credentials_created_by_fkey REFERENCES auth.users (id) ON DELETE SET NULL,
    created_at      timestamptz  NOT NULL DEFAULT now(),
    updated_at      timestamptz  NOT NULL DEFAULT now(),
    CONSTRAINT credentials_owner_check CHECK (
        (scope = 'USER'      AND user_id IS NOT NULL AND workspace_id IS NULL) OR
        (scope = 'WORKSPACE' AND user_id IS NULL     AND workspace_id IS NOT NULL) OR
        (scope = 'SYSTEM'    AND user_id IS NULL     AND workspace_id IS NULL)),
    CONSTRAINT credentials_identity_key UNIQUE NULLS NOT DISTINCT (user_id, workspace_id, provider, name)
);
COMMENT ON TABLE lockstep.credentials IS
    'Secrets of the outside services, sealed to this row: tenant, id, version and format are authenticated. version counts the values; key_provider, data_key_id, key_version and format say how to open it, nothing is guessed from the text.';
COMMENT ON COLUMN lockstep.credentials.masked_value IS 'Made once when the value is written, so that lists never decrypt.';
COMMENT ON COLUMN lockstep.credentials.last_used_at IS 'Coalesced: moves at most once a minute.';
CREATE INDEX credentials_workspace_idx ON lockstep.credentials (workspace_id, id) WHERE workspace_id IS NOT NULL;
CREATE INDEX credentials_user_idx ON lockstep.credentials (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX credentials_data_key_idx ON lockstep.credentials (data_key_id);
CREATE INDEX credentials_created_by_idx ON lockstep.credentials (created_by);
-- Being read is no change of the credential.
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.credentials FOR EACH ROW
    WHEN (OLD.last_used_at IS NOT DISTINCT FROM NEW.last_used_at) EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.credential_versions (
    credential_id   uuid        NOT NULL CONSTRAINT credential_versions_credential_fkey REFERENCES lockstep.credentials (id) ON DELETE CASCADE,
    version         integer     NOT NULL,
    encrypted_value text        NOT NULL,
    key_provider    text        NOT NULL CONSTRAINT credential_versions_key_provider_check CHECK (key_provider IN ('data_key')),
    -- Deferred: when a user goes, the keys go before the versions do.
    data_key_id     uuid        NOT NULL CONSTRAINT credential_versions_data_key_fkey REFERENCES lockstep.data_keys (id)
                                DEFERRABLE INITIALLY DEFERRED,
    key_version     integer     NOT NULL,
    format          text        NOT NULL,
    masked_value    varchar(20) NOT NULL,
    valid_from      timestamptz NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT credential_versions_pkey PRIMARY KEY (credential_id, version)
);
COMMENT ON TABLE lockstep.credential_versions IS
    'The values that rotation replaced, the last ten of each credential, still sealed as they were. created_at is when the value was replaced.';
CREATE INDEX credential_versions_data_key_idx ON lockstep.credential_versions (data_key_id);

ALTER TABLE lockstep.data_keys           ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.data_keys           FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.credentials         ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.credentials         FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.credential_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.credential_versions FORCE  ROW LEVEL SECURITY;

CREATE POLICY owner_maintenance ON lockstep.data_keys           FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.credentials         FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.credential_versions FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

-- Wrapped keys are for the server's own logins: nobody else has a use for them.
CREATE POLICY data_keys_read ON lockstep.data_keys FOR SELECT TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY data_keys_make ON lockstep.data_keys FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY data_keys_system_read ON lockstep.data_keys FOR SELECT TO lockstep_service
    USING (user_id IS NULL AND workspace_id IS NULL AND (SELECT lockstep.current_user_id()) IS NULL);
CREATE POLICY data_keys_system_make ON lockstep.data_keys FOR INSERT TO lockstep_service
    WITH CHECK (user_id IS NULL AND workspace_id IS NULL AND (SELECT lockstep.current_user_id()) IS NULL);
GRANT SELECT, INSERT ON lockstep.data_keys TO lockstep_app, lockstep_service;

CREATE POLICY credentials_read ON lockstep.credentials FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY credentials_insert ON lockstep.credentials FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY credentials_update ON lockstep.credentials FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY credentials_delete ON lockstep.credentials FOR DELETE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY credentials_system_read ON lockstep.credentials FOR SELECT TO service_role, lockstep_service
    USING (scope = 'SYSTEM' AND (SELECT lockstep.current_user_id()) IS NULL);
CREATE POLICY credentials_system_insert ON lockstep.credentials FOR INSERT TO lockstep_service
    WITH CHECK (scope = 'SYSTEM' AND (SELECT lockstep.current_user_id()) IS NULL);
CREATE POLICY credentials_system_update ON lockstep.credentials FOR UPDATE TO lockstep_service
    USING (scope = 'SYSTEM' AND (SELECT lockstep.current_user_id()) IS NULL);
CREATE POLICY credentials_system_delete ON lockstep.credentials FOR DELETE TO lockstep_service
    USING (scope = 'SYSTEM' AND (SELECT lockstep.current_user_id()) IS NULL);
GRANT SELECT ON lockstep.credentials TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT INSERT, DELETE ON lockstep.credentials TO lockstep_app, lockstep_service;
-- A credential never changes its owner or scope: its value is sealed to them.
GRANT UPDATE (name, encrypted_value, key_provider, data_key_id, key_version, format, masked_value, description, expires_at,
              last_used_at, metadata, is_active, revoked_at, rotated_at, version)
    ON lockstep.credentials TO lockstep_app, lockstep_service;

-- Whoever sees the credential sees its former values; row-level security of credentials decides inside the sub-select.
CREATE POLICY credential_versions_read ON lockstep.credential_versions FOR SELECT TO authenticated, service_role, lockstep_app, lockstep_service
    USING (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
CREATE POLICY credential_versions_keep ON lockstep.credential_versions FOR INSERT TO lockstep_app, lockstep_service
    WITH CHECK (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
CREATE POLICY credential_versions_prune ON lockstep.credential_versions FOR DELETE TO lockstep_app, lockstep_service
    USING (EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.id = credential_id));
GRANT SELECT ON lockstep.credential_versions TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT INSERT, DELETE ON lockstep.credential_versions TO lockstep_app, lockstep_service;

CREATE FUNCTION lockstep.newest_data_key() RETURNS TABLE (provider text, key_version text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.provider, k.key_version FROM lockstep.data_keys k ORDER BY k.created_at DESC, k.id DESC LIMIT 1
$$;
COMMENT ON FUNCTION lockstep.newest_data_key() IS
    'Which key wrapped the newest data key of any tenant, so that a start with the wrong key can be refused. SECURITY DEFINER: tells a provider and a fingerprint, no key and no tenant; service login only.';

REVOKE ALL ON FUNCTION lockstep.owns_credential(uuid, uuid), lockstep.newest_data_key() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.owns_credential(uuid, uuid) TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.newest_data_key() TO lockstep_service;
