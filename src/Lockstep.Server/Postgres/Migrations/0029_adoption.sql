-- For lockstep adopt, as the migrator: the rows of a table or view of other software in this database, whatever its columns are.

CREATE FUNCTION lockstep.rows_to_import(p_relation regclass) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT to_jsonb(t) FROM %s t', p_relation);
END $$;
COMMENT ON FUNCTION lockstep.rows_to_import(regclass) IS
    'Every row of a table or view as JSON (bytea as \x and hexadecimal), for taking it over. SECURITY INVOKER: shows what the caller may read anyway.';
REVOKE ALL ON FUNCTION lockstep.rows_to_import(regclass) FROM PUBLIC;
