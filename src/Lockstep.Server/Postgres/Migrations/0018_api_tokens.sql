-- Scoped API tokens: for services that act as a user, or as nobody but a workspace.

CREATE TABLE lockstep.api_tokens (
    id             uuid        CONSTRAINT api_tokens_pkey PRIMARY KEY,
    user_id        uuid        CONSTRAINT api_tokens_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id   uuid        CONSTRAINT api_tokens_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    name           text        NOT NULL CONSTRAINT api_tokens_name_check CHECK (length(name) BETWEEN 1 AND 200),
    hash           bytea       NOT NULL CONSTRAINT api_tokens_hash_key UNIQUE CONSTRAINT api_tokens_hash_check CHECK (length(hash) = 32),
    hint           text        NOT NULL,
    scopes         text[]      NOT NULL,
    credential_ids uuid[],
    providers      text[],
    created_by     uuid,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz,
    last_used_at   timestamptz,
    revoked_at     timestamptz,
    CONSTRAINT api_tokens_owner_check CHECK ((user_id IS NULL) <> (workspace_id IS NULL))
);
COMMENT ON TABLE lockstep.api_tokens IS
    'Tokens of services. hash is SHA-256 of the whole token: 256 random bits cannot be guessed from it, so no slow hash is needed; hint is its last four characters. Of a user: acts as that user. Of a workspace: acts for that workspace alone, and its id stands where a user''s would.';
COMMENT ON COLUMN lockstep.api_tokens.last_used_at IS 'Coalesced: moves at most once a minute.';
CREATE INDEX api_tokens_user_idx ON lockstep.api_tokens (user_id, id);
CREATE INDEX api_tokens_workspace_idx ON lockstep.api_tokens (workspace_id, id);

-- What the context says of the token that a request came with; NULL for everybody who signed in otherwise.
CREATE FUNCTION lockstep.current_token_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'token', '')::uuid;
END $$;
COMMENT ON FUNCTION lockstep.current_token_id() IS 'The API token that this transaction works with, from request.jwt.claims; NULL: none.';

CREATE FUNCTION lockstep.current_token_limits() RETURNS jsonb
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'token_limits', '')::jsonb;
END $$;
COMMENT ON FUNCTION lockstep.current_token_limits() IS
    'The credentials that the token of this transaction is limited to: {"ids": [...], "providers": [...]}, each NULL for no limit; NULL as a whole: none.';

CREATE FUNCTION lockstep.token_reaches(p_limits jsonb, p_credential uuid, p_provider text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(nullif(p_limits -> 'ids', 'null') ? p_credential::text, true)
       AND coalesce(nullif(p_limits -> 'providers', 'null') ? p_provider, true);
END $$;
COMMENT ON FUNCTION lockstep.token_reaches(jsonb, uuid, text) IS
    'Whether a token with these limits reaches this credential. It only narrows what the other policies give.';

-- A workspace's token has no user: its own id is the caller's, and the table says of which workspace. Revoked, it sees nothing, on every node at once.
CREATE OR REPLACE FUNCTION lockstep.visible_workspaces() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := lockstep.current_user_id();
BEGIN
    IF me = lockstep.current_token_id() THEN
        RETURN (
            SELECT coalesce(array_agg(t.workspace_id), '{}')
            FROM   lockstep.api_tokens t
            WHERE  t.id = me
            AND    t.workspace_id IS NOT NULL
            AND    t.revoked_at IS NULL
            AND    (t.expires_at IS NULL OR t.expires_at > clock_timestamp()));
    END IF;
    RETURN (
        SELECT coalesce(array_agg(m.workspace_id), '{}')
        FROM   lockstep.workspace_members m
        WHERE  m.user_id = me
        AND    (nullif(current_setting('app.current_user_space_ids', true), '') IS NULL
                OR m.workspace_id = ANY (nullif(current_setting('app.current_user_space_ids', true), '')::uuid[])));
END $$;
COMMENT ON FUNCTION lockstep.visible_workspaces() IS
    'The workspaces of the current user, or the one of the current workspace token. SECURITY DEFINER: reads workspace_members and api_tokens as its owner, for the current caller only. app.current_user_space_ids ({uuid,...}) may narrow, never widen.';

CREATE OR REPLACE FUNCTION lockstep.administered_workspaces() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := lockstep.current_user_id();
BEGIN
    IF me = lockstep.current_token_id() THEN
        RETURN lockstep.visible_workspaces();
    END IF;
    RETURN (
        SELECT coalesce(array_agg(m.workspace_id), '{}')
        FROM   lockstep.workspace_members m
        WHERE  m.user_id = me
        AND    m.role IN ('owner', 'admin')
        AND    m.workspace_id = ANY (lockstep.visible_workspaces()));
END $$;
COMMENT ON FUNCTION lockstep.administered_workspaces() IS
    'The workspaces in which the current user is owner or admin, or the one of the current workspace token. SECURITY DEFINER: for the current caller only.';

ALTER TABLE lockstep.api_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.api_tokens FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.api_tokens FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.api_tokens AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY api_tokens_read ON lockstep.api_tokens FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
-- Whoever came with a token makes none and changes none.
CREATE POLICY api_tokens_make ON lockstep.api_tokens FOR INSERT TO lockstep_app
    WITH CHECK ((SELECT lockstep.current_token_id()) IS NULL
                AND (user_id = (SELECT lockstep.current_user_id())
                     OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[])));
CREATE POLICY api_tokens_revoke ON lockstep.api_tokens FOR UPDATE TO lockstep_app
    USING ((SELECT lockstep.current_token_id()) IS NULL
           AND (user_id = (SELECT lockstep.current_user_id())
                OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[])));
GRANT SELECT ON lockstep.api_tokens TO authenticated, lockstep_app;
GRANT INSERT ON lockstep.api_tokens TO lockstep_app;
GRANT UPDATE (revoked_at) ON lockstep.api_tokens TO lockstep_app;

CREATE POLICY token_narrows ON lockstep.credentials AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_token_limits()) IS NULL
           OR lockstep.token_reaches((SELECT lockstep.current_token_limits()), id, provider));

CREATE FUNCTION lockstep.use_api_token(p_hash bytea) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, hash bytea, scopes text[], credential_ids uuid[], providers text[], expires_at timestamptz, revoked boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    UPDATE lockstep.api_tokens t
    SET    last_used_at = clock_timestamp()
    WHERE  t.hash = p_hash
    AND    t.revoked_at IS NULL
    AND    (t.expires_at IS NULL OR t.expires_at > clock_timestamp())
    AND    (t.last_used_at IS NULL OR t.last_used_at <= clock_timestamp() - interval '1 minute');
    RETURN QUERY
    SELECT t.id, t.user_id, t.workspace_id, t.hash, t.scopes, t.credential_ids, t.providers, t.expires_at, t.revoked_at IS NOT NULL
    FROM   lockstep.api_tokens t
    WHERE  t.hash = p_hash;
END $$;
COMMENT ON FUNCTION lockstep.use_api_token(bytea) IS
    'The token with this hash, revoked or expired ones too, and notes that it was used. SECURITY DEFINER: service login only; who asks has shown the token.';

REVOKE ALL ON FUNCTION lockstep.current_token_id(), lockstep.current_token_limits(), lockstep.token_reaches(jsonb, uuid, text),
    lockstep.use_api_token(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.current_token_id(), lockstep.current_token_limits(), lockstep.token_reaches(jsonb, uuid, text)
    TO authenticated, service_role, lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.use_api_token(bytea) TO lockstep_service;
