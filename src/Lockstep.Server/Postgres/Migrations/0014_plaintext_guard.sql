-- The net under the plaintext guard: a short list of keys that nobody writes by accident. The server looks for far more before it sends
-- anything here (Detection/); what arrives by another way meets these triggers. Never CHECK: its message prints the row.

CREATE FUNCTION lockstep.holds_key(p_text text) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- At the beginning, or behind what separates words in a text or in JSON written as one (\n is two characters there). Short repeat counts,
    -- and nothing that looks around: the automaton stays small, and the time linear.
    RETURN p_text ~ ('(?:^|[\s"''=:,;(<>[]|\\[nrt])(?:'
        '[sr]k_(?:live|test|prod)_[A-Za-z0-9]{8}|whsec_[A-Za-z0-9+/]{16}|sk-[A-Za-z0-9_-]{20}|gh[pousr]_[A-Za-z0-9]{20}|github_pat_[A-Za-z0-9_]{16}|'
        'glpat-[A-Za-z0-9_-]{16}|xox[abeprs]-[A-Za-z0-9-]{10}|xapp-[0-9]-[A-Z0-9]{8}|(?:AKIA|ASIA)[A-Z2-7]{16}(?:[^A-Za-z0-9]|$)|AIza[A-Za-z0-9_-]{20}|'
        'ya29\.[A-Za-z0-9_-]{16}|GOCSPX-[A-Za-z0-9_-]{16}|hv[sb]\.[A-Za-z0-9_-]{20}|SG\.[A-Za-z0-9_-]{16}|npm_[A-Za-z0-9]{20}|dop_v1_[0-9a-f]{16}|'
        'shp(?:at|ca|pa|ss)_[0-9a-fA-F]{16}|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[A-Za-z0-9_-]{8}[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]+\.|'
        '[a-z][a-z0-9+.-]*://[^/@:?#\s"]*:[^/@?#\s"]+@)');
END $$;
COMMENT ON FUNCTION lockstep.holds_key(text) IS
    'Whether a text, or JSON as text, holds what begins as a known key, token or private key does, or a URL with a password. A net: the server''s own search knows far more.';

CREATE OR REPLACE FUNCTION lockstep.holds_secret(p_value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written text := p_value::text;
BEGIN
    RETURN coalesce(
        lockstep.holds_key(written)
        OR written ~ '"(?:Basic|Bearer) [A-Za-z0-9+/=._~-]{8}[A-Za-z0-9+/=._~-]*"'
        OR written ~* ('"(?:pass(?:word|wd|phrase)?|(?:client[-_ ]?)?secret|(?:(?:access|refresh|auth)[-_ ]?)?token|(?:api|private)[-_ ]?key|'
                       'authorization|app[-_ ]?password)": \[?"[^"]'), false);
END $$;
COMMENT ON FUNCTION lockstep.holds_secret(jsonb) IS
    'Whether a JSON value holds what looks like a secret: a key by its beginning, wherever it stands, or a string under a telling name.';

CREATE FUNCTION lockstep.refuse_plaintext() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    written jsonb := to_jsonb(NEW);
    field   text;
BEGIN
    -- The message names the column alone: neither row nor value may reach a log.
    FOREACH field IN ARRAY TG_ARGV LOOP
        IF lockstep.holds_key(written ->> field) THEN
            RAISE EXCEPTION '% looks like a secret; secrets belong into a credential', field
                USING ERRCODE = '23514', CONSTRAINT = TG_TABLE_NAME || '_plaintext_check', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = field;
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.refuse_plaintext() IS
    'Refuses a row one of whose named columns holds a key, with a message that names the column and shows neither row nor value.';
CREATE TRIGGER refuse_plaintext BEFORE INSERT OR UPDATE OF title, reference ON lockstep.matters
    FOR EACH ROW EXECUTE FUNCTION lockstep.refuse_plaintext('title', 'reference');
CREATE TRIGGER refuse_plaintext BEFORE INSERT OR UPDATE OF name, provider, description, metadata ON lockstep.credentials
    FOR EACH ROW EXECUTE FUNCTION lockstep.refuse_plaintext('name', 'provider', 'description', 'metadata');

-- For lockstep scan --tables, as the migrator: any table, also one that was imported.
CREATE FUNCTION lockstep.rows_to_scan(p_table regclass) RETURNS TABLE (row_id text, content jsonb)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    id text;
BEGIN
    SELECT string_agg(format('t.%I::text', a.attname), $q$ || ',' || $q$ ORDER BY k.n) INTO id
    FROM   pg_index i, unnest(i.indkey::smallint[]) WITH ORDINALITY k (attnum, n), pg_attribute a
    WHERE  i.indrelid = p_table AND i.indisprimary AND a.attrelid = p_table AND a.attnum = k.attnum;
    RETURN QUERY EXECUTE format('SELECT %s, to_jsonb(t) FROM %s t', coalesce(id, 't.ctid::text'), p_table);
END $$;
COMMENT ON FUNCTION lockstep.rows_to_scan(regclass) IS
    'Every row of a table with its primary key (without one, where it lies), for a search for secrets. SECURITY INVOKER: shows what the caller may read anyway.';

REVOKE ALL ON FUNCTION lockstep.holds_key(text), lockstep.refuse_plaintext(), lockstep.rows_to_scan(regclass) FROM PUBLIC;
-- The trigger works as whoever writes.
GRANT EXECUTE ON FUNCTION lockstep.holds_key(text) TO lockstep_app, lockstep_service;
