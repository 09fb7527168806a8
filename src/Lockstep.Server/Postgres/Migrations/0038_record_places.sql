-- Where a record is: private ones of a space are in their author's own scope, and a record moves between scopes in one transaction. How much each scope holds.

ALTER TABLE lockstep.sync_records
    ADD COLUMN bytes    integer NOT NULL DEFAULT 0,
    ADD COLUMN moved_to uuid;
COMMENT ON COLUMN lockstep.sync_records.bytes IS 'Of data and times as they were sent, which quotas count; 0 once deleted.';
COMMENT ON COLUMN lockstep.sync_records.moved_to IS 'It is deleted here because it went to that scope. No foreign key: the other scope may end first.';

ALTER TABLE lockstep.sync_changes
    ADD COLUMN moved_to   uuid,
    ADD COLUMN same_space boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN lockstep.sync_changes.moved_to IS 'With a deletion: the record went to that scope. Who reads that one too is not told of a deletion where it would delete what has arrived.';
COMMENT ON COLUMN lockstep.sync_changes.same_space IS 'With moved_to: it became private or shared, and is in the same space as before for whoever still sees it.';

ALTER TABLE lockstep.sync_scopes
    ADD COLUMN records bigint NOT NULL DEFAULT 0,
    ADD COLUMN bytes   bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN lockstep.sync_scopes.records IS 'Live records, counted as they come and go.';
COMMENT ON COLUMN lockstep.sync_scopes.bytes IS 'Of live records, as sync_records.bytes counts them.';

UPDATE lockstep.sync_records r
SET    bytes = octet_length(r.data::text) + octet_length(r.field_times::text)
WHERE  NOT r.deleted;
UPDATE lockstep.sync_scopes s
SET    records = x.records, bytes = x.bytes
FROM  (SELECT r.scope_id, count(*) AS records, sum(r.bytes) AS bytes FROM lockstep.sync_records r WHERE NOT r.deleted GROUP BY r.scope_id) x
WHERE  x.scope_id = s.scope_id;

-- As in 0036, and says how much a scope holds, and of a record its space and whether it went elsewhere.
DROP FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]);
CREATE FUNCTION lockstep.open_scopes(p_spaces text[], p_at integer[], p_apps text[], p_tables text[], p_records text[])
RETURNS TABLE (
    at integer, label text, scope_id uuid, head bigint, head_at timestamptz, locked_at timestamptz,
    key integer, data text, field_times text, written_at text, deleted_at text, field_seq text, key_epochs text, author uuid, administers boolean,
    records bigint, bytes bigint, record_space text, moved boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    me      uuid    := lockstep.current_user_id();
    narrow  uuid    := lockstep.current_integration_id();
    owned   uuid;
    mine    uuid[];
    owners  uuid[]  := array_fill(NULL::uuid, ARRAY[cardinality(p_spaces)]);
    labels  text[]  := p_spaces;
    wanted  uuid[];
    scopes  uuid[]  := owners;
    owner   uuid;
    scope   record;
    space   record;
BEGIN
    IF me IS NULL THEN
        RETURN;
    END IF;
    IF narrow IS NOT NULL THEN
        owned := lockstep.integrations_owner();
    END IF;

    FOR i IN 1 .. cardinality(p_spaces) LOOP
        IF p_spaces[i] IN ('', '_personal:guest') OR p_spaces[i] LIKE '\_personal:%' AND (
               p_spaces[i] = '_personal:' || me::text OR EXISTS (
                   SELECT 1 FROM lockstep.auth_identities d WHERE d.user_id = me AND '_personal:' || d.subject = p_spaces[i])) THEN
            -- A workspace's token is nobody: it has no data of its own.
            owners[i] := CASE WHEN me IS DISTINCT FROM lockstep.current_token_id() THEN me END;
        ELSIF p_spaces[i] NOT LIKE '\_personal:%' THEN
            mine := coalesce(mine, lockstep.visible_workspaces());
            SELECT w.id, coalesce(w.external_id, w.id::text) AS label INTO space
            FROM   lockstep.workspaces w WHERE w.external_id = p_spaces[i] AND w.id = ANY (mine);
            IF NOT FOUND AND p_spaces[i] ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
                SELECT w.id, coalesce(w.external_id, w.id::text) AS label INTO space
                FROM   lockstep.workspaces w WHERE w.id = p_spaces[i]::uuid AND w.id = ANY (mine);
            END IF;
            IF FOUND THEN
                owners[i] := space.id;
                labels[i] := space.label;
            END IF;
        END IF;
        IF narrow IS NOT NULL AND owners[i] IS DISTINCT FROM owned THEN
            owners[i] := NULL;
        END IF;
    END LOOP;

    -- Always in the same order, so that two pushes over the same scopes wait instead of deadlocking.
    wanted := owners;
    IF cardinality(owners) > 1 THEN
        wanted := ARRAY(SELECT DISTINCT o FROM unnest(owners) o WHERE o IS NOT NULL ORDER BY o);
    END IF;
    FOREACH owner IN ARRAY wanted LOOP
        CONTINUE WHEN owner IS NULL;
        FOR attempt IN 1 .. 2 LOOP
            IF owner = me THEN
                SELECT s.scope_id, s.head, s.head_at, s.key_epochs, s.records, s.bytes INTO scope FROM lockstep.sync_scopes s WHERE s.user_id = owner FOR NO KEY UPDATE;
            ELSE
                SELECT s.scope_id, s.head, s.head_at, s.key_epochs, s.records, s.bytes INTO scope FROM lockstep.sync_scopes s WHERE s.workspace_id = owner FOR NO KEY UPDATE;
            END IF;
            EXIT WHEN FOUND OR attempt = 2;
            INSERT INTO lockstep.sync_scopes (scope_id, user_id, workspace_id)
            VALUES (gen_random_uuid(), CASE WHEN owner = me THEN owner END, CASE WHEN owner <> me THEN owner END)
            ON CONFLICT DO NOTHING;
        END LOOP;
        -- Asked again under the lock: who left meanwhile does not write.
        CONTINUE WHEN scope.scope_id IS NULL OR owner <> me AND NOT owner = ANY (lockstep.visible_workspaces());
        FOR i IN 1 .. cardinality(owners) LOOP
            CONTINUE WHEN owners[i] IS DISTINCT FROM owner;
            scopes[i] := scope.scope_id;
            at := i;
            label := nullif(labels[i], '');
            scope_id := scope.scope_id;
            head := scope.head;
            head_at := scope.head_at;
            locked_at := clock_timestamp();
            key_epochs := scope.key_epochs::text;
            records := scope.records;
            bytes := scope.bytes;
            author := me;
            administers := scope.key_epochs IS NOT NULL AND owner = ANY (lockstep.administered_workspaces());
            RETURN NEXT;
        END LOOP;
    END LOOP;

    IF cardinality(p_at) = 0 THEN
        RETURN;
    END IF;
    -- A statement of its own: its snapshot is younger than the locks, so it reads what the previous holder committed.
    RETURN QUERY
    SELECT k.at, NULL::text, scopes[k.at], NULL::bigint, NULL::timestamptz, NULL::timestamptz,
           k.key::integer, r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text, r.field_seq::text, NULL::text, r.user_id, NULL::boolean,
           NULL::bigint, NULL::bigint, r.space_id, r.moved_to IS NOT NULL
    FROM   unnest(p_at, p_apps, p_tables, p_records) WITH ORDINALITY k(at, app, table_name, record_id, key)
    CROSS  JOIN LATERAL (
        SELECT x.*
        FROM   lockstep.sync_records x
        WHERE  x.scope_id = scopes[k.at] AND x.app = k.app AND x.table_name = k.table_name AND x.record_id = k.record_id
        LIMIT  1) r
    WHERE  narrow IS NULL OR lockstep.is_integrations_event(k.app, k.table_name, k.record_id);
END $$;
COMMENT ON FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]) IS
    'Makes the scopes of these spaces where missing, locks their counter rows to the end of the transaction, and reads them (key NULL) and the records asked for. at: position in p_spaces; spaces that are not the user''s are absent. author: of a record who made it, of a scope the current user; administers is told of scopes with sealed apps. SECURITY DEFINER: for the current user only, whose spaces it asks for before and again under the locks, narrowed to the integration as the policies are.';
REVOKE ALL ON FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]) TO lockstep_app;

DROP FUNCTION lockstep.append_changes(
    uuid[], bigint[], bigint[], timestamptz[],
    integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
    text[], text[], bigint[], text[], text[], text[], integer[],
    integer[], timestamptz[],
    integer[], text[], text[], text[], text[], text[], text[], text[],
    text[], bigint[], text[], integer[]);
CREATE FUNCTION lockstep.append_changes(
    p_scopes uuid[], p_before bigint[], p_heads bigint[], p_head_at timestamptz[],
    p_at integer[], p_seq bigint[], p_event uuid[], p_app text[], p_table text[], p_record text[], p_op text[], p_data text[], p_times text[],
    p_deleted text[], p_client text[], p_mutation bigint[], p_space text[], p_actor text[], p_origin text[], p_schema integer[],
    p_bytes integer[], p_created timestamptz[],
    r_at integer[], r_app text[], r_table text[], r_record text[], r_data text[], r_times text[], r_seq text[], r_written text[],
    r_deleted text[], r_last bigint[], r_space text[], r_schema integer[],
    p_moved_to uuid[], p_same_space boolean[], r_bytes integer[], r_from integer[], r_moved_to uuid[], r_same_space boolean[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me     uuid := lockstep.current_user_id();
    narrow uuid := lockstep.current_integration_id();
    more_bytes   bigint;
    more_records bigint;
    moved  record;
BEGIN
    IF narrow IS NOT NULL AND (
           p_scopes <> ARRAY[lockstep.integrations_scope()]
           OR EXISTS (SELECT 1 FROM unnest(p_app, p_table) c(app, table_name) WHERE c.app <> 'calendar' OR c.table_name <> 'events')
           OR EXISTS (SELECT 1 FROM unnest(r_app, r_table, r_record) r(app, table_name, record_id)
                      WHERE NOT lockstep.is_integrations_event(r.app, r.table_name, r.record_id))) THEN
        RAISE EXCEPTION 'a record is not of the integration' USING ERRCODE = '42501';
    END IF;

    FOR i IN 1 .. cardinality(p_scopes) LOOP
        -- What a record weighed before is on the page that open_scopes has just read.
        SELECT coalesce(sum(v.bytes), 0) - coalesce(sum(x.bytes), 0), count(*) FILTER (WHERE v.written_at IS NOT NULL) - count(*) FILTER (WHERE NOT x.deleted)
        INTO   more_bytes, more_records
        FROM   unnest(r_at, r_app, r_table, r_record, r_bytes, r_written) v(at, app, table_name, record_id, bytes, written_at)
        LEFT   JOIN LATERAL (
            SELECT o.bytes, o.deleted
            FROM   lockstep.sync_records o
            WHERE  o.scope_id = p_scopes[i] AND o.app = v.app AND o.table_name = v.table_name AND o.record_id = v.record_id
            LIMIT  1) x ON true
        WHERE  v.at = i;
        UPDATE lockstep.sync_scopes s
        SET    head = p_heads[i], head_at = p_head_at[i], records = s.records + more_records, bytes = s.bytes + more_bytes
        WHERE  s.scope_id = p_scopes[i] AND s.head = p_before[i]
        AND   (s.user_id = me OR s.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a scope is not the user''s any more, or its head is not where it was read' USING ERRCODE = '40001';
        END IF;
    END LOOP;

    INSERT INTO lockstep.sync_changes (
        scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, user_id, client_id,
        mutation_id, space_id, actor, origin, schema_version, bytes, created_at, moved_to, same_space)
    SELECT p_scopes[v.at], v.seq, v.event_id, v.app, v.table_name, v.record_id, v.op, v.data::jsonb, v.field_times::jsonb,
           v.deleted_at::jsonb, me, v.client_id, v.mutation_id, v.space_id, v.actor::jsonb, v.origin, v.schema_version, v.bytes, v.created_at, v.moved_to, v.same_space
    FROM   unnest(p_at, p_seq, p_event, p_app, p_table, p_record, p_op, p_data, p_times, p_deleted, p_client, p_mutation, p_space, p_actor,
                  p_origin, p_schema, p_bytes, p_created, p_moved_to, p_same_space)
           v(at, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, client_id, mutation_id, space_id, actor,
             origin, schema_version, bytes, created_at, moved_to, same_space);

    INSERT INTO lockstep.sync_records AS r (
        scope_id, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, deleted, last_seq,
        user_id, space_id, schema_version, bytes, moved_to)
    SELECT p_scopes[v.at], v.app, v.table_name, v.record_id, v.data::jsonb, v.field_times::jsonb, v.field_seq::jsonb,
           v.written_at::jsonb, v.deleted_at::jsonb, v.written_at IS NULL, v.last_seq, me, v.space_id, v.schema_version, v.bytes, v.moved_to
    FROM   unnest(r_at, r_app, r_table, r_record, r_data, r_times, r_seq, r_written, r_deleted, r_last, r_space, r_schema, r_bytes, r_moved_to)
           v(at, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, last_seq, space_id, schema_version, bytes, moved_to)
    ON CONFLICT (scope_id, app, table_name, record_id) DO UPDATE
    SET    data = excluded.data, field_times = excluded.field_times, field_seq = excluded.field_seq,
           written_at = excluded.written_at, deleted_at = excluded.deleted_at, deleted = excluded.deleted,
           last_seq = excluded.last_seq, space_id = excluded.space_id, schema_version = excluded.schema_version,
           bytes = excluded.bytes, moved_to = excluded.moved_to;

    -- What moved keeps its author, and leaves nothing behind but the word that it is gone: who joins later reads the log from its beginning. Its former
    -- changes become that word too, so that the numbers stay dense.
    IF EXISTS (SELECT 1 FROM unnest(r_from) f WHERE f IS NOT NULL) THEN
        UPDATE lockstep.sync_records t
        SET    user_id = o.user_id
        FROM   unnest(r_at, r_from, r_app, r_table, r_record) v(at, came_from, app, table_name, record_id)
        JOIN   lockstep.sync_records o ON o.scope_id = p_scopes[v.came_from] AND o.app = v.app AND o.table_name = v.table_name AND o.record_id = v.record_id
        WHERE  t.scope_id = p_scopes[v.at] AND t.app = v.app AND t.table_name = v.table_name AND t.record_id = v.record_id;
        FOR moved IN SELECT DISTINCT v.at, v.app FROM unnest(r_at, r_app, r_moved_to) v(at, app, moved_to) WHERE v.moved_to IS NOT NULL LOOP
            UPDATE lockstep.sync_changes c
            SET    op = 'delete', data = '{}', field_times = '{}', deleted_at = v.deleted_at::jsonb, actor = NULL, origin = NULL, bytes = 4, moved_to = v.moved_to, same_space = v.same_space
            FROM   unnest(r_at, r_app, r_table, r_record, r_last, r_deleted, r_moved_to, r_same_space) v(at, app, table_name, record_id, last_seq, deleted_at, moved_to, same_space)
            WHERE  c.scope_id = p_scopes[moved.at] AND c.app = moved.app
            AND    v.at = moved.at AND v.app = moved.app AND v.moved_to IS NOT NULL
            AND    c.table_name = v.table_name AND c.record_id = v.record_id AND c.seq < v.last_seq;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION lockstep.append_changes(
    uuid[], bigint[], bigint[], timestamptz[],
    integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
    text[], text[], bigint[], text[], text[], text[], integer[],
    integer[], timestamptz[],
    integer[], text[], text[], text[], text[], text[], text[], text[],
    text[], bigint[], text[], integer[],
    uuid[], boolean[], integer[], integer[], uuid[], boolean[]) IS
    'Advances the heads of scopes that open_scopes locked, appends changes and writes the records they lead to; p_at, r_at and r_from are positions in p_scopes; a record that comes from another scope keeps its author, and its changes in the log of that scope are emptied. SECURITY DEFINER: the author is the current user, every scope is checked to be visible to that user in the snapshot of the write, and a head that is not where it was read is 40001.';
REVOKE ALL ON FUNCTION lockstep.append_changes(
    uuid[], bigint[], bigint[], timestamptz[],
    integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
    text[], text[], bigint[], text[], text[], text[], integer[],
    integer[], timestamptz[],
    integer[], text[], text[], text[], text[], text[], text[], text[],
    text[], bigint[], text[], integer[],
    uuid[], boolean[], integer[], integer[], uuid[], boolean[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.append_changes(
    uuid[], bigint[], bigint[], timestamptz[],
    integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
    text[], text[], bigint[], text[], text[], text[], integer[],
    integer[], timestamptz[],
    integer[], text[], text[], text[], text[], text[], text[], text[],
    text[], bigint[], text[], integer[],
    uuid[], boolean[], integer[], integer[], uuid[], boolean[]) TO lockstep_app;
