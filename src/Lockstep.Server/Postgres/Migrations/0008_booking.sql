-- Providers: what of a user is public, and where.

CREATE TABLE lockstep.providers (
    id            uuid        CONSTRAINT providers_pkey PRIMARY KEY,
    owner_user_id uuid        NOT NULL CONSTRAINT providers_owner_key UNIQUE
                              CONSTRAINT providers_owner_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    public_slug   text        CONSTRAINT providers_public_slug_key UNIQUE
                              CONSTRAINT providers_public_slug_check CHECK (public_slug ~ '^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$'),
    is_public     boolean     NOT NULL DEFAULT false,
    timezone      text        NOT NULL DEFAULT 'Asia/Dubai',
    settings      jsonb       NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT providers_published_check CHECK (NOT is_public OR (public_slug IS NOT NULL AND settings ? 'workingHours'))
);
COMMENT ON TABLE lockstep.providers IS 'The public business identity of a user: the address of the page, whether it can be seen, and what it offers.';
COMMENT ON COLUMN lockstep.providers.settings IS
    'profile {name, about}, workingHours {timezone, days, start, end}, whatsapp {enabled, phoneE164, messageTemplate}, calendar {selectedCalendarIds}.';
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.providers FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE FUNCTION lockstep.check_provider() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF lockstep.holds_secret(NEW.settings) THEN
        RAISE EXCEPTION 'a value looks like a secret; secrets belong into a credential'
            USING ERRCODE = '23514', CONSTRAINT = 'providers_plaintext_check', SCHEMA = 'lockstep', TABLE = 'providers';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.check_provider() IS 'Refuses settings that look like a secret, with a message that carries no row.';
CREATE TRIGGER check_provider BEFORE INSERT OR UPDATE OF settings ON lockstep.providers
    FOR EACH ROW EXECUTE FUNCTION lockstep.check_provider();

ALTER TABLE lockstep.providers ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.providers FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.providers FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY providers_read ON lockstep.providers FOR SELECT TO authenticated, lockstep_app
    USING (owner_user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY providers_insert ON lockstep.providers FOR INSERT TO lockstep_app
    WITH CHECK (owner_user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY providers_update ON lockstep.providers FOR UPDATE TO lockstep_app
    USING (owner_user_id = (SELECT lockstep.current_user_id()))
    WITH CHECK (owner_user_id = (SELECT lockstep.current_user_id()));
GRANT SELECT ON lockstep.providers TO authenticated, lockstep_app;
GRANT INSERT ON lockstep.providers TO lockstep_app;
GRANT UPDATE (public_slug, is_public, timezone, settings) ON lockstep.providers TO lockstep_app;

CREATE FUNCTION lockstep.public_provider(p_slug text)
RETURNS TABLE (owner_user_id uuid, timezone text, settings jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.owner_user_id, p.timezone, p.settings - 'calendar'
    FROM   lockstep.providers p
    WHERE  p.public_slug = p_slug
    AND    p.is_public
$$;
COMMENT ON FUNCTION lockstep.public_provider(text) IS
    'Whose page a slug is, with what the page may show; no row for one that is unknown or not public. SECURITY DEFINER: a visitor has no context; says nothing of calendars.';
REVOKE ALL ON FUNCTION lockstep.public_provider(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.public_provider(text) TO lockstep_app, lockstep_service;
REVOKE ALL ON FUNCTION lockstep.check_provider() FROM PUBLIC;
