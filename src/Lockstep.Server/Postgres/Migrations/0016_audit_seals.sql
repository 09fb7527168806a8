-- The audit becomes a chain: one sealer links each line to the one before, in the order of sealing, and signs where it stands.

-- The transaction that wrote a line. Identity order is not commit order, so a sealer that went by seq would pass over lines that commit
-- late; transactions below pg_snapshot_xmin have ended, and nothing can be added to them. Lines that are here already get this one's number.
ALTER TABLE lockstep.activity_log ADD COLUMN xact xid8 NOT NULL DEFAULT pg_current_xact_id();
COMMENT ON COLUMN lockstep.activity_log.xact IS 'Who seals asks whether this transaction has ended. Not part of the hash: another cluster counts otherwise.';
CREATE INDEX activity_log_sealing_idx ON lockstep.activity_log (xact, seq);

CREATE TABLE lockstep.activity_seals (
    position    bigint NOT NULL CONSTRAINT activity_seals_pkey PRIMARY KEY CONSTRAINT activity_seals_position_check CHECK (position >= 1),
    activity_id uuid   NOT NULL CONSTRAINT activity_seals_activity_key UNIQUE,
    hash        bytea  NOT NULL CONSTRAINT activity_seals_hash_check CHECK (octet_length(hash) = 32)
);
COMMENT ON TABLE lockstep.activity_seals IS
    'The chain over activity_log: hash = SHA-256(hash of the position before || position as 8 bytes || the line as netstrings), from 32 zero bytes on. docs/operations.md says how to check it without this program.';

CREATE TABLE lockstep.audit_keys (
    key_id      text        CONSTRAINT audit_keys_pkey PRIMARY KEY CONSTRAINT audit_keys_key_id_check CHECK (key_id ~ '^[0-9a-f]{16}$'),
    public_key  bytea       NOT NULL,
    data_key_id uuid        CONSTRAINT audit_keys_data_key_fkey REFERENCES lockstep.data_keys (id) ON DELETE SET NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE lockstep.audit_keys IS
    'Public keys of the checkpoints (ECDSA P-256, SubjectPublicKeyInfo). The private one is derived from this data key of the system, so it is rewrapped with the others and stands nowhere; NULL once that key was given up.';
CREATE INDEX audit_keys_data_key_idx ON lockstep.audit_keys (data_key_id);

CREATE TABLE lockstep.activity_checkpoints (
    position  bigint      NOT NULL CONSTRAINT activity_checkpoints_pkey PRIMARY KEY,
    hash      bytea       NOT NULL CONSTRAINT activity_checkpoints_hash_check CHECK (octet_length(hash) = 32),
    made_at   timestamptz NOT NULL,
    key_id    text        NOT NULL CONSTRAINT activity_checkpoints_key_fkey REFERENCES lockstep.audit_keys (key_id),
    signature bytea       NOT NULL
);
COMMENT ON TABLE lockstep.activity_checkpoints IS
    'Where the chain stood and when, signed. Kept for ever, here and, better, elsewhere: with a copy nobody can take the end of the audit away unseen.';
CREATE INDEX activity_checkpoints_key_idx ON lockstep.activity_checkpoints (key_id);

CREATE TABLE lockstep.activity_sealer (
    id   boolean NOT NULL DEFAULT true CONSTRAINT activity_sealer_pkey PRIMARY KEY CONSTRAINT activity_sealer_one_check CHECK (id),
    xact xid8    NOT NULL,
    seq  bigint  NOT NULL
);
COMMENT ON TABLE lockstep.activity_sealer IS 'How far the sealer has come: everything at or below (xact, seq) has its seal.';
INSERT INTO lockstep.activity_sealer (xact, seq) VALUES ('0', 0);

ALTER TABLE lockstep.activity_seals       ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_seals       FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.audit_keys           ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.audit_keys           FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_checkpoints FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_sealer      ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_sealer      FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.activity_seals       FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.audit_keys           FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.activity_checkpoints FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.activity_sealer      FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

-- The service login checks the chain; it writes to none of it but through the functions below.
CREATE POLICY activity_seals_read ON lockstep.activity_seals FOR SELECT TO lockstep_service USING (true);
CREATE POLICY audit_keys_read ON lockstep.audit_keys FOR SELECT TO lockstep_service USING (true);
CREATE POLICY activity_checkpoints_read ON lockstep.activity_checkpoints FOR SELECT TO lockstep_service USING (true);
GRANT SELECT ON lockstep.activity_seals, lockstep.audit_keys, lockstep.activity_checkpoints TO lockstep_service;

-- No login has the right to change the audit. The owner has every right: this is for the migration, or the migrator, that errs.
CREATE FUNCTION lockstep.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('lockstep.pruning', true) = 'on' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;
COMMENT ON FUNCTION lockstep.refuse_change() IS 'Before UPDATE, DELETE and TRUNCATE of the audit: refuses, but for lockstep.prune_activity().';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lockstep.activity_log
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lockstep.activity_seals
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lockstep.activity_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.refuse_change();

CREATE FUNCTION lockstep.seal_activity(p_limit integer) RETURNS TABLE (sealed integer, head bigint, head_hash bytea, oldest_unsealed timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
-- A few lines against a table of millions: by the indexes, whatever the statistics say of tables that grow this fast.
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    line     record;
    mark     lockstep.activity_sealer;
    since    lockstep.activity_sealer;
    horizon  xid8;
    til      xid8;
    restored boolean;
BEGIN
    sealed := 0;
    -- One sealer at a time, whichever node it is; the others come again. The key is "LockSeal".
    IF pg_try_advisory_xact_lock(5507730181909209452) THEN
        SELECT * INTO mark FROM lockstep.activity_sealer;
        SELECT s.position, s.hash INTO head, head_hash FROM lockstep.activity_seals s ORDER BY s.position DESC LIMIT 1;
        head := coalesce(head, 0);
        head_hash := coalesce(head_hash, decode(repeat('00', 32), 'hex'));
        horizon := pg_snapshot_xmin(pg_current_snapshot());
        -- A dump was loaded into a cluster whose transactions count from lower on. Every line without a seal is looked for, once.
        restored := mark.xact > horizon;
        since := mark;
        til := horizon;
        IF restored THEN
            since.xact := '0';
            since.seq := 0;
            til := '18446744073709551615';
        END IF;
        FOR line IN
            SELECT a.id, a.xact, a.seq,
                   convert_to(
                       octet_length(a.id::text) || ':' || a.id::text || ',' ||
                       octet_length(a.seq::text) || ':' || a.seq::text || ',' ||
                       octet_length((extract(epoch FROM a.occurred_at) * 1000000)::bigint::text) || ':' || (extract(epoch FROM a.occurred_at) * 1000000)::bigint::text || ',' ||
                       coalesce(octet_length(a.user_id::text) || ':' || a.user_id::text, '-') || ',' ||
                       coalesce(octet_length(a.workspace_id::text) || ':' || a.workspace_id::text, '-') || ',' ||
                       octet_length(a.actor) || ':' || a.actor || ',' ||
                       coalesce(octet_length(a.actor_user::text) || ':' || a.actor_user::text, '-') || ',' ||
                       coalesce(octet_length(text(a.address)) || ':' || text(a.address), '-') || ',' ||
                       coalesce(octet_length(a.request_id) || ':' || a.request_id, '-') || ',' ||
                       octet_length(a.action) || ':' || a.action || ',' ||
                       octet_length(a.entity_type) || ':' || a.entity_type || ',' ||
                       coalesce(octet_length(a.entity_id::text) || ':' || a.entity_id::text, '-') || ',' ||
                       octet_length(a.details::text) || ':' || a.details::text || ',', 'UTF8') AS body
            FROM   lockstep.activity_log a
            WHERE  (a.xact, a.seq) > (since.xact, since.seq)
            AND    a.xact < til
            AND    NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.activity_id = a.id)
            ORDER  BY a.xact, a.seq
            LIMIT  p_limit
        LOOP
            head := head + 1;
            head_hash := sha256(head_hash || int8send(head) || line.body);
            INSERT INTO lockstep.activity_seals (position, activity_id, hash) VALUES (head, line.id, head_hash);
            sealed := sealed + 1;
            IF NOT restored THEN
                mark.xact := line.xact;
                mark.seq := line.seq;
            END IF;
        END LOOP;
        IF restored AND sealed < p_limit THEN
            mark.xact := horizon;
            mark.seq := 0;
        END IF;
        UPDATE lockstep.activity_sealer s SET xact = mark.xact, seq = mark.seq WHERE (s.xact, s.seq) <> (mark.xact, mark.seq);
    ELSE
        SELECT * INTO mark FROM lockstep.activity_sealer;
    END IF;
    SELECT a.occurred_at INTO oldest_unsealed
    FROM   lockstep.activity_log a
    WHERE  (a.xact, a.seq) > (mark.xact, mark.seq)
    AND    a.xact < pg_snapshot_xmax(pg_current_snapshot())
    AND    NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.activity_id = a.id)
    ORDER  BY a.xact, a.seq
    LIMIT  1;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.seal_activity(integer) IS
    'Links lines of ended transactions into the chain, at most so many, and says where it stands (NULL when another node is at it) and since when the oldest line waits. SECURITY DEFINER: the service login starts it and can tell it nothing about what is sealed, or in which order.';

CREATE FUNCTION lockstep.record_checkpoint(
    p_position bigint, p_hash bytea, p_made_at timestamptz, p_key_id text, p_public_key bytea, p_data_key uuid, p_signature bytea) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM lockstep.activity_seals s WHERE s.position = p_position AND s.hash = p_hash) THEN
        RETURN false;
    END IF;
    INSERT INTO lockstep.audit_keys (key_id, public_key, data_key_id) VALUES (p_key_id, p_public_key, p_data_key) ON CONFLICT DO NOTHING;
    INSERT INTO lockstep.activity_checkpoints (position, hash, made_at, key_id, signature)
    VALUES (p_position, p_hash, p_made_at, p_key_id, p_signature)
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;
COMMENT ON FUNCTION lockstep.record_checkpoint(bigint, bytea, timestamptz, text, bytea, uuid, bytea) IS
    'Keeps a signed checkpoint of what the chain says at that position; false when it says something else. SECURITY DEFINER: service login only; whoever lacks the private key can store no checkpoint that verifies.';

CREATE FUNCTION lockstep.prune_activity(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base bigint;
    gone bigint;
BEGIN
    IF p_before > clock_timestamp() - interval '400 days' THEN
        RAISE EXCEPTION 'the audit is kept for 400 days' USING ERRCODE = '42501';
    END IF;
    -- From the front, to the end of one signed stretch that is old as a whole: what stays begins right after a checkpoint.
    SELECT c.position INTO base
    FROM   lockstep.activity_checkpoints c
    JOIN   lockstep.activity_seals s ON s.position = c.position
    WHERE  c.made_at < p_before
    AND    c.position < (SELECT max(n.position) FROM lockstep.activity_checkpoints n)
    ORDER  BY c.position
    LIMIT  1;
    IF base IS NULL THEN
        RETURN 0;
    END IF;
    PERFORM set_config('lockstep.pruning', 'on', true);
    DELETE FROM lockstep.activity_log a USING lockstep.activity_seals s WHERE s.activity_id = a.id AND s.position <= base;
    DELETE FROM lockstep.activity_seals s WHERE s.position <= base;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('lockstep.pruning', '', true);
    RETURN gone;
END $$;
COMMENT ON FUNCTION lockstep.prune_activity(timestamptz) IS
    'Forgets the oldest signed stretch of the audit when all of it was signed before that time; answers how many lines went, 0 when nothing is that old. SECURITY DEFINER: service login only; refuses what is younger than 400 days; checkpoints stay.';

CREATE FUNCTION lockstep.activity_ends() RETURNS TABLE (last_seq bigint, last_given bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce((SELECT max(a.seq) FROM lockstep.activity_log a), 0),
           coalesce(pg_sequence_last_value(pg_get_serial_sequence('lockstep.activity_log', 'seq')), 0);
END $$;
COMMENT ON FUNCTION lockstep.activity_ends() IS
    'The newest line''s number and the last number given out: lines cut off from the end leave a difference, and so does a statement that was rolled back. SECURITY DEFINER: two numbers; service login only.';

REVOKE ALL ON FUNCTION lockstep.seal_activity(integer), lockstep.prune_activity(timestamptz), lockstep.activity_ends(),
    lockstep.record_checkpoint(bigint, bytea, timestamptz, text, bytea, uuid, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.seal_activity(integer), lockstep.prune_activity(timestamptz), lockstep.activity_ends(),
    lockstep.record_checkpoint(bigint, bytea, timestamptz, text, bytea, uuid, bytea) TO lockstep_service;
