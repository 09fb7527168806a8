-- What the change log does not keep for ever.

ALTER TABLE lockstep.sync_scopes ADD COLUMN compacted_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN lockstep.sync_scopes.compacted_at IS 'When the log of the scope was last looked through to its end for what has no effect any more.';
-- head is not in it, so that updates of head stay HOT.
CREATE INDEX sync_scopes_compacted_idx ON lockstep.sync_scopes (compacted_at);

CREATE FUNCTION lockstep.compact_scope(p_kept interval, p_rows integer) RETURNS TABLE (changes bigint, deletions bigint)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cut   timestamptz := clock_timestamp() - p_kept;
    scope uuid;
    top   bigint;
BEGIN
    -- The lock of a push: a record whose deletion goes is not brought back meanwhile.
    SELECT s.scope_id INTO scope
    FROM   lockstep.sync_scopes s
    WHERE  s.compacted_at < clock_timestamp() - interval '1 day' AND s.created_at < cut
    ORDER  BY s.compacted_at
    LIMIT  1
    FOR    NO KEY UPDATE SKIP LOCKED;
    IF scope IS NULL THEN
        RETURN;
    END IF;

    WITH old AS (
        SELECT c.seq
        FROM   lockstep.sync_changes c
        JOIN   lockstep.sync_records r ON r.scope_id = c.scope_id AND r.app = c.app AND r.table_name = c.table_name AND r.record_id = c.record_id
        WHERE  c.scope_id = scope AND c.created_at < cut AND c.seq < r.last_seq
        AND    NOT EXISTS (SELECT 1 FROM jsonb_each_text(r.field_seq) f(name, seq) WHERE f.seq::bigint = c.seq)
        -- A deletion that still decides what comes back, and an insert without fields, which alone says when it was made.
        AND   (c.deleted_at IS NULL OR c.deleted_at IS DISTINCT FROM r.deleted_at)
        AND   (r.deleted OR c.field_times <> '{}' AND NOT c.field_times ? '')
        ORDER  BY c.seq
        LIMIT  p_rows)
    DELETE FROM lockstep.sync_changes c USING old o WHERE c.scope_id = scope AND c.seq = o.seq;
    GET DIAGNOSTICS changes = ROW_COUNT;

    WITH dead AS (
        SELECT r.app, r.table_name, r.record_id, r.last_seq
        FROM   lockstep.sync_records r
        JOIN   lockstep.sync_changes c ON c.scope_id = r.scope_id AND c.seq = r.last_seq
        WHERE  r.scope_id = scope AND r.deleted AND c.created_at < cut
        ORDER  BY r.last_seq
        LIMIT  p_rows),
    told AS (
        DELETE FROM lockstep.sync_changes c USING dead d
        WHERE  c.scope_id = scope AND c.app = d.app AND c.table_name = d.table_name AND c.record_id = d.record_id),
    gone AS (
        DELETE FROM lockstep.sync_records r USING dead d
        WHERE  r.scope_id = scope AND r.app = d.app AND r.table_name = d.table_name AND r.record_id = d.record_id
        RETURNING d.last_seq)
    SELECT count(*), max(g.last_seq) INTO deletions, top FROM gone g;

    UPDATE lockstep.sync_scopes s
    SET    floor = greatest(s.floor, coalesce(top, 0)),
           compacted_at = CASE WHEN changes < p_rows AND deletions < p_rows THEN clock_timestamp() ELSE s.compacted_at END
    WHERE  s.scope_id = scope;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.compact_scope(interval, integer) IS
    'Looks through one scope that was not looked through for a day: takes out changes older than p_kept of which nothing has won, and records that were deleted before that, for which the floor rises. No row when no scope is due. SECURITY DEFINER: service login only.';

-- In order of time as they are written, so that a few pages are looked at.
CREATE INDEX sync_receipts_created_idx ON lockstep.sync_receipts USING brin (created_at);

CREATE FUNCTION lockstep.forget_receipts(p_kept interval, p_rows integer) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old  bigint;
    more bigint;
BEGIN
    DELETE FROM lockstep.sync_receipts r
    WHERE  r.ctid = ANY (ARRAY(SELECT x.ctid FROM lockstep.sync_receipts x WHERE x.created_at < clock_timestamp() - p_kept LIMIT p_rows));
    GET DIAGNOSTICS old = ROW_COUNT;
    DELETE FROM lockstep.sync_receipts r
    WHERE  r.ctid = ANY (ARRAY(
               SELECT x.ctid
               FROM   lockstep.sync_clients c
               JOIN   lockstep.sync_receipts x ON x.user_id = c.user_id AND x.app = c.app AND x.client_id = c.client_id
                                              AND x.last_mutation <= c.last_mutation_id - 10000
               WHERE  c.last_mutation_id > 10000
               LIMIT  p_rows));
    GET DIAGNOSTICS more = ROW_COUNT;
    RETURN old + more;
END $$;
COMMENT ON FUNCTION lockstep.forget_receipts(interval, integer) IS
    'Forgets answers to mutations that are older than p_kept, or 10,000 mutations of their client ago; says how many. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.compact_scope(interval, integer), lockstep.forget_receipts(interval, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.compact_scope(interval, integer), lockstep.forget_receipts(interval, integer) TO lockstep_service;
