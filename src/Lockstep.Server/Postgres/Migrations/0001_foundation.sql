-- The ground: who may do what, and how a session says for whom it works.
-- Runs as lockstep_owner. Roles and the schemas themselves are made before, by Roles.cs, since they need the migrator's rights.

GRANT USAGE ON SCHEMA lockstep TO authenticated, service_role, lockstep_app, lockstep_service;

CREATE FUNCTION lockstep.current_user_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    told   uuid  := nullif(current_setting('app.current_user_id', true), '')::uuid;
    claimed uuid;
BEGIN
    -- Settings after a transaction are '', not NULL. Two sources that disagree name nobody.
    IF claims ->> 'role' = 'service_role' THEN
        RETURN NULL;
    END IF;
    claimed := nullif(claims ->> 'sub', '')::uuid;
    IF claimed IS NOT NULL AND told IS NOT NULL AND claimed <> told THEN
        RETURN NULL;
    END IF;
    RETURN coalesce(told, claimed);
END $$;
COMMENT ON FUNCTION lockstep.current_user_id() IS
    'The user this transaction works for, from app.current_user_id and request.jwt.claims; NULL without a context or when the two disagree.';

CREATE FUNCTION lockstep.touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.updated_at := clock_timestamp();
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.touch_updated_at() IS 'BEFORE UPDATE: the one place where updated_at moves.';

-- auth.* as Supabase has it, and only where it is missing: there it is not ours.
DO $$
BEGIN
    IF to_regclass('auth.users') IS NULL THEN
        GRANT USAGE ON SCHEMA auth TO authenticated, service_role, lockstep_app, lockstep_service;
        CREATE TABLE auth.users (
            id             uuid        CONSTRAINT users_pkey PRIMARY KEY,
            email          text,
            email_verified boolean     NOT NULL DEFAULT false,
            created_at     timestamptz NOT NULL DEFAULT now(),
            updated_at     timestamptz NOT NULL DEFAULT now()
        );
        COMMENT ON TABLE auth.users IS 'Everybody ever seen with a valid token. E-mail is a label here, neither unique nor an identity.';
        ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
        ALTER TABLE auth.users FORCE ROW LEVEL SECURITY;
        CREATE POLICY owner_maintenance ON auth.users FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
        CREATE POLICY users_self ON auth.users FOR SELECT TO authenticated, lockstep_app
            USING (id = (SELECT lockstep.current_user_id()));
        GRANT SELECT ON auth.users TO authenticated, lockstep_app;
        CREATE TRIGGER touch BEFORE UPDATE ON auth.users FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();
    END IF;
    IF to_regprocedure('auth.uid()') IS NULL THEN
        CREATE FUNCTION auth.uid() RETURNS uuid
        LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT lockstep.current_user_id()';
        COMMENT ON FUNCTION auth.uid() IS 'Supabase''s name for lockstep.current_user_id().';
    END IF;
END $$;
