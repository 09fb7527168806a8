-- What an integration is told, by its type: the rules of Integrations/Types once more, so that malformed JSON is refused on either way in.

ALTER TABLE lockstep.integrations ADD COLUMN config_format smallint NOT NULL DEFAULT 1
    CONSTRAINT integrations_format_check CHECK (config_format BETWEEN 1 AND 100);
COMMENT ON COLUMN lockstep.integrations.config_format IS
    'By which version of its type''s rules config was written. Older ones are lifted as they are read. config_version counts the changes of one integration.';

CREATE FUNCTION lockstep.is_address(p_value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(jsonb_typeof(p_value) = 'string' AND length(p_value #>> '{}') <= 2000
        AND p_value #>> '{}' ~* '^https?://[^/@?#[:space:]]+([/?#][^[:space:]]*)?$', false);
END $$;
COMMENT ON FUNCTION lockstep.is_address(jsonb) IS 'Whether a JSON value is an absolute http or https address without user name.';

CREATE FUNCTION lockstep.is_word(p_value jsonb, p_most integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce(jsonb_typeof(p_value) = 'string' AND length(p_value #>> '{}') BETWEEN 1 AND p_most AND p_value #>> '{}' !~ '[[:cntrl:]]', false);
END $$;
COMMENT ON FUNCTION lockstep.is_word(jsonb, integer) IS 'Whether a JSON value is a text of 1 to so many characters without control characters.';

CREATE FUNCTION lockstep.strange_member(p_value jsonb, p_known text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- No value, and no name that somebody could have put a secret into.
    RETURN (SELECT CASE WHEN k.name ~ '^[A-Za-z_]{1,30}$' THEN k.name ELSE '(a name that is not shown)' END
            FROM   jsonb_object_keys(p_value) k (name)
            WHERE  k.name <> ALL (p_known)
            ORDER  BY 1
            LIMIT  1);
END $$;
COMMENT ON FUNCTION lockstep.strange_member(jsonb, text[]) IS 'The name of a member that is not among the known ones; NULL without one.';

CREATE FUNCTION lockstep.config_fault(p_type text, p_format integer, p_config jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known text[];
BEGIN
    IF p_format <> 1 THEN
        RETURN 'config_format is newer than this database knows';
    END IF;
    known := CASE
        WHEN p_type IN ('caldav', 'icloud', 'google', 'fastmail', 'nextcloud') THEN ARRAY['url', 'username', 'calendarPath', 'selectedCalendarIds', 'auth']
        WHEN p_type = 'ics' THEN ARRAY['url', 'private', 'fingerprint']
        WHEN p_type = 'api_key' THEN ARRAY['service', 'username', 'baseUrl', 'header', 'prefix']
        WHEN p_type = 'webhook' THEN ARRAY['url', 'events']
    END;
    IF known IS NULL THEN
        RETURN 'integration_type is not a known type';
    ELSIF lockstep.strange_member(p_config, known) IS NOT NULL THEN
        RETURN 'config has a member that its type does not know: ' || lockstep.strange_member(p_config, known);
    ELSIF p_type = 'api_key' THEN
        RETURN CASE
            WHEN NOT lockstep.is_word(p_config -> 'service', 100) THEN 'config.service is no text of 1 to 100 characters'
            WHEN p_config ? 'username' AND NOT lockstep.is_word(p_config -> 'username', 320) THEN 'config.username is no text of 1 to 320 characters'
            WHEN p_config ? 'baseUrl' AND NOT lockstep.is_address(p_config -> 'baseUrl') THEN 'config.baseUrl is no http or https address'
            WHEN p_config ? 'header' AND NOT (lockstep.is_word(p_config -> 'header', 100) AND p_config ->> 'header' ~ '^[A-Za-z0-9_-]+$') THEN 'config.header is no name of a header'
            WHEN p_config ? 'prefix' AND NOT lockstep.is_word(p_config -> 'prefix', 50) THEN 'config.prefix is no text of 1 to 50 characters'
        END;
    ELSIF NOT lockstep.is_address(p_config -> 'url') THEN
        RETURN 'config.url is missing, or no http or https address without user name';
    ELSIF p_type = 'ics' THEN
        RETURN CASE
            WHEN p_config ? 'private' AND p_config -> 'private' <> 'true' THEN 'config.private is true where it is there'
            WHEN p_config ? 'private' <> p_config ? 'fingerprint' THEN 'config.fingerprint goes with config.private'
            WHEN p_config ? 'fingerprint' AND NOT (lockstep.is_word(p_config -> 'fingerprint', 12) AND p_config ->> 'fingerprint' ~ '^[0-9a-f]{12}$') THEN 'config.fingerprint is not 12 hexadecimal digits'
            WHEN p_config ? 'private' AND p_config ->> 'url' !~ '^https?://[^/]+/$' THEN 'config.url of a private feed is more than its host'
        END;
    ELSIF p_type = 'webhook' THEN
        RETURN CASE WHEN jsonb_typeof(p_config -> 'events') IS DISTINCT FROM 'array' OR jsonb_array_length(p_config -> 'events') > 100
                         OR EXISTS (SELECT FROM jsonb_array_elements(p_config -> 'events') e WHERE NOT lockstep.is_word(e, 100))
                    THEN 'config.events is no list of at most 100 names' END;
    END IF;
    RETURN CASE
        WHEN NOT lockstep.is_word(p_config -> 'username', 320) THEN 'config.username is no text of 1 to 320 characters'
        WHEN p_config -> 'calendarPath' IS DISTINCT FROM '""' AND NOT lockstep.is_address(p_config -> 'calendarPath') THEN 'config.calendarPath is neither empty nor an address'
        WHEN jsonb_typeof(p_config -> 'selectedCalendarIds') IS DISTINCT FROM 'array' OR jsonb_array_length(p_config -> 'selectedCalendarIds') > 100
             OR EXISTS (SELECT FROM jsonb_array_elements(p_config -> 'selectedCalendarIds') e WHERE NOT lockstep.is_address(e))
             THEN 'config.selectedCalendarIds is no list of at most 100 addresses'
        WHEN p_config ? 'auth' AND p_config -> 'auth' NOT IN ('"password"', '"bearer"') THEN 'config.auth is neither password nor bearer'
    END;
END $$;
COMMENT ON FUNCTION lockstep.config_fault(text, integer, jsonb) IS
    'What is wrong with the config of an integration of a type, without any value of it; NULL when it is well. The same rules as the server''s ConfigRules and ConfigReader.';

CREATE FUNCTION lockstep.mappings_fault(p_mappings jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN lockstep.strange_member(p_mappings, ARRAY['version', 'mappings']) IS NOT NULL THEN 'field_mappings has members other than version and mappings'
        WHEN jsonb_typeof(p_mappings -> 'version') IS DISTINCT FROM 'number' OR p_mappings ->> 'version' !~ '^[0-9]{1,9}$' OR (p_mappings ->> 'version')::integer < 1
             THEN 'field_mappings.version is no whole number from 1'
        WHEN jsonb_typeof(p_mappings -> 'mappings') IS DISTINCT FROM 'array' OR jsonb_array_length(p_mappings -> 'mappings') > 200
             OR EXISTS (SELECT FROM jsonb_array_elements(p_mappings -> 'mappings') e
                        WHERE  jsonb_typeof(e) <> 'object' OR lockstep.strange_member(e, ARRAY['from', 'to', 'transform']) IS NOT NULL
                        OR     NOT lockstep.is_word(e -> 'from', 200) OR NOT lockstep.is_word(e -> 'to', 200)
                        OR     (coalesce(e -> 'transform', 'null') <> 'null' AND NOT (e -> 'transform' = '""' OR lockstep.is_word(e -> 'transform', 200))))
             THEN 'field_mappings.mappings is no list of at most 200 {from, to, transform}'
    END;
END $$;
COMMENT ON FUNCTION lockstep.mappings_fault(jsonb) IS 'What is wrong with field mappings, without any value of them; NULL when they are well.';

CREATE FUNCTION lockstep.schedule_fault(p_schedule jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN lockstep.strange_member(p_schedule, ARRAY['intervalSeconds']) IS NOT NULL THEN 'sync_schedule has members other than intervalSeconds'
        WHEN jsonb_typeof(p_schedule -> 'intervalSeconds') IS DISTINCT FROM 'number' OR p_schedule ->> 'intervalSeconds' !~ '^[0-9]{1,9}$'
             OR (p_schedule ->> 'intervalSeconds')::integer NOT BETWEEN 15 AND 86400 THEN 'sync_schedule.intervalSeconds is no whole number from 15 to 86400'
    END;
END $$;
COMMENT ON FUNCTION lockstep.schedule_fault(jsonb) IS 'What is wrong with a schedule; NULL when it is well.';

CREATE FUNCTION lockstep.check_integration_config() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    fault text := coalesce(lockstep.config_fault(NEW.integration_type, NEW.config_format, NEW.config),
                           lockstep.mappings_fault(NEW.field_mappings), lockstep.schedule_fault(NEW.sync_schedule));
BEGIN
    IF fault IS NOT NULL THEN
        RAISE EXCEPTION '%', fault USING ERRCODE = '23514', CONSTRAINT = 'integrations_config_check', SCHEMA = 'lockstep', TABLE = 'integrations';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.check_integration_config() IS
    'Refuses a config, field mappings or a schedule that the server could not read. A trigger and no CHECK, whose message would hold the row.';
-- After check_integration, by name: what is no object, or looks like a secret, is said first.
CREATE TRIGGER check_integration_config BEFORE INSERT OR UPDATE OF integration_type, config, config_format, field_mappings, sync_schedule ON lockstep.integrations
    FOR EACH ROW EXECUTE FUNCTION lockstep.check_integration_config();

CREATE FUNCTION lockstep.never_due() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.next_sync_at := '9999-12-31 00:00:00+00';
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.never_due() IS 'An integration that is only kept here is never work for anybody.';
CREATE TRIGGER never_due BEFORE INSERT OR UPDATE OF next_sync_at ON lockstep.integrations
    FOR EACH ROW WHEN (NEW.integration_type IN ('api_key', 'webhook')) EXECUTE FUNCTION lockstep.never_due();

GRANT UPDATE (config_format) ON lockstep.integrations TO lockstep_app;
REVOKE ALL ON FUNCTION lockstep.is_address(jsonb), lockstep.is_word(jsonb, integer), lockstep.strange_member(jsonb, text[]), lockstep.config_fault(text, integer, jsonb),
    lockstep.mappings_fault(jsonb), lockstep.schedule_fault(jsonb), lockstep.check_integration_config(), lockstep.never_due() FROM PUBLIC;
-- The triggers work as whoever writes.
GRANT EXECUTE ON FUNCTION lockstep.is_address(jsonb), lockstep.is_word(jsonb, integer), lockstep.strange_member(jsonb, text[]), lockstep.config_fault(text, integer, jsonb),
    lockstep.mappings_fault(jsonb), lockstep.schedule_fault(jsonb) TO lockstep_app, lockstep_service;
