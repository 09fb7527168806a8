-- Push and pull by few, cheap statements: what every policy asks becomes part of the statement that asks, and a push is two calls.

-- A standard SQL body is parsed here and now, so nobody's search_path can change what it means, and without SET it is inlined: 23 us a
-- call as plpgsql with a pinned path, 2 us so. Each hot statement asks five to ten times.
CREATE OR REPLACE FUNCTION lockstep.current_user_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE
           -- Settings after a transaction are '', not NULL. Two sources that disagree name nobody.
           WHEN nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role' = 'service_role' THEN NULL
           WHEN nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid
                <> nullif(current_setting('app.current_user_id', true), '')::uuid THEN NULL
           ELSE coalesce(nullif(current_setting('app.current_user_id', true), '')::uuid,
                         nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub', '')::uuid)
       END;

CREATE OR REPLACE FUNCTION lockstep.current_token_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'token', '')::uuid;

CREATE OR REPLACE FUNCTION lockstep.current_integration_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.current_integration_id', true), '')::uuid;

CREATE OR REPLACE FUNCTION lockstep.visible_scopes() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me     uuid   := lockstep.current_user_id();
    spaces uuid[] := lockstep.visible_workspaces();
    own    uuid;
BEGIN
    SELECT s.scope_id INTO own FROM lockstep.sync_scopes s WHERE s.user_id = me;
    IF spaces = '{}' THEN
        RETURN CASE WHEN own IS NULL THEN '{}' ELSE ARRAY[own] END;
    END IF;
    RETURN array_remove(own || (SELECT array_agg(s.scope_id) FROM lockstep.sync_scopes s WHERE s.workspace_id = ANY (spaces)), NULL);
END $$;
COMMENT ON FUNCTION lockstep.visible_scopes() IS
    'The scopes of the current user: the user''s own and those of the user''s workspaces. SECURITY DEFINER: for the current user only; asked once a statement, so that the hot tables are read by scope_id = ANY(array).';

-- (1) of a push. As its owner, since every policy on the way would ask the same question again: here it is asked once, before the locks,
-- and for workspaces once more under them.
CREATE FUNCTION lockstep.open_scopes(p_spaces text[], p_at integer[], p_apps text[], p_tables text[], p_records text[])
RETURNS TABLE (
    at integer, label text, scope_id uuid, head bigint, head_at timestamptz, locked_at timestamptz,
    key integer, data text, field_times text, written_at text, deleted_at text, field_seq text)
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
                SELECT s.scope_id, s.head, s.head_at INTO scope FROM lockstep.sync_scopes s WHERE s.user_id = owner FOR NO KEY UPDATE;
            ELSE
                SELECT s.scope_id, s.head, s.head_at INTO scope FROM lockstep.sync_scopes s WHERE s.workspace_id = owner FOR NO KEY UPDATE;
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
            RETURN NEXT;
        END LOOP;
    END LOOP;

    IF cardinality(p_at) = 0 THEN
        RETURN;
    END IF;
    -- A statement of its own: its snapshot is younger than the locks, so it reads what the previous holder committed.
    RETURN QUERY
    SELECT k.at, NULL::text, scopes[k.at], NULL::bigint, NULL::timestamptz, NULL::timestamptz,
           k.key::integer, r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text, r.field_seq::text
    FROM   unnest(p_at, p_apps, p_tables, p_records) WITH ORDINALITY k(at, app, table_name, record_id, key)
    CROSS  JOIN LATERAL (
        SELECT x.*
        FROM   lockstep.sync_records x
        WHERE  x.scope_id = scopes[k.at] AND x.app = k.app AND x.table_name = k.table_name AND x.record_id = k.record_id
        LIMIT  1) r
    WHERE  narrow IS NULL OR lockstep.is_integrations_event(k.app, k.table_name, k.record_id);
END $$;
COMMENT ON FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]) IS
    'Makes the scopes of these spaces where missing, locks their counter rows to the end of the transaction, and reads them (key NULL) and the records asked for. at: position in p_spaces; spaces that are not the user''s are absent. SECURITY DEFINER: for the current user only, whose spaces it asks for before and again under the locks, narrowed to the integration as the policies are.';

-- (3) of a push.
CREATE FUNCTION lockstep.append_changes(
    p_scopes uuid[], p_before bigint[], p_heads bigint[], p_head_at timestamptz[],
    p_at integer[], p_seq bigint[], p_event uuid[], p_app text[], p_table text[], p_record text[], p_op text[], p_data text[], p_times text[],
    p_deleted text[], p_client text[], p_mutation bigint[], p_space text[], p_actor text[], p_origin text[], p_schema integer[],
    p_bytes integer[], p_created timestamptz[],
    r_at integer[], r_app text[], r_table text[], r_record text[], r_data text[], r_times text[], r_seq text[], r_written text[],
    r_deleted text[], r_last bigint[], r_space text[], r_schema integer[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me     uuid := lockstep.current_user_id();
    narrow uuid := lockstep.current_integration_id();
BEGIN
    IF narrow IS NOT NULL AND (
           p_scopes <> ARRAY[lockstep.integrations_scope()]
           OR EXISTS (SELECT 1 FROM unnest(p_app, p_table) c(app, table_name) WHERE c.app <> 'calendar' OR c.table_name <> 'events')
           OR EXISTS (SELECT 1 FROM unnest(r_app, r_table, r_record) r(app, table_name, record_id)
                      WHERE NOT lockstep.is_integrations_event(r.app, r.table_name, r.record_id))) THEN
        RAISE EXCEPTION 'a record is not of the integration' USING ERRCODE = '42501';
    END IF;

    FOR i IN 1 .. cardinality(p_scopes) LOOP
        UPDATE lockstep.sync_scopes s
        SET    head = p_heads[i], head_at = p_head_at[i]
        WHERE  s.scope_id = p_scopes[i] AND s.head = p_before[i]
        AND   (s.user_id = me OR s.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a scope is not the user''s any more, or its head is not where it was read' USING ERRCODE = '40001';
        END IF;
    END LOOP;

    INSERT INTO lockstep.sync_changes (
        scope_id, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, user_id, client_id,
        mutation_id, space_id, actor, origin, schema_version, bytes, created_at)
    SELECT p_scopes[v.at], v.seq, v.event_id, v.app, v.table_name, v.record_id, v.op, v.data::jsonb, v.field_times::jsonb,
           v.deleted_at::jsonb, me, v.client_id, v.mutation_id, v.space_id, v.actor::jsonb, v.origin, v.schema_version, v.bytes, v.created_at
    FROM   unnest(p_at, p_seq, p_event, p_app, p_table, p_record, p_op, p_data, p_times, p_deleted, p_client, p_mutation, p_space, p_actor,
                  p_origin, p_schema, p_bytes, p_created)
           v(at, seq, event_id, app, table_name, record_id, op, data, field_times, deleted_at, client_id, mutation_id, space_id, actor,
             origin, schema_version, bytes, created_at);

    INSERT INTO lockstep.sync_records AS r (
        scope_id, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, deleted, last_seq,
        user_id, space_id, schema_version)
    SELECT p_scopes[v.at], v.app, v.table_name, v.record_id, v.data::jsonb, v.field_times::jsonb, v.field_seq::jsonb,
           v.written_at::jsonb, v.deleted_at::jsonb, v.written_at IS NULL, v.last_seq, me, v.space_id, v.schema_version
    FROM   unnest(r_at, r_app, r_table, r_record, r_data, r_times, r_seq, r_written, r_deleted, r_last, r_space, r_schema)
           v(at, app, table_name, record_id, data, field_times, field_seq, written_at, deleted_at, last_seq, space_id, schema_version)
    ON CONFLICT (scope_id, app, table_name, record_id) DO UPDATE
    SET    data = excluded.data, field_times = excluded.field_times, field_seq = excluded.field_seq,
           written_at = excluded.written_at, deleted_at = excluded.deleted_at, deleted = excluded.deleted,
           last_seq = excluded.last_seq, space_id = excluded.space_id, schema_version = excluded.schema_version;
END $$;
COMMENT ON FUNCTION lockstep.append_changes(
    uuid[], bigint[], bigint[], timestamptz[],
    integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
    text[], text[], bigint[], text[], text[], text[], integer[],
    integer[], timestamptz[],
    integer[], text[], text[], text[], text[], text[], text[], text[],
    text[], bigint[], text[], integer[]) IS
    'Advances the heads of scopes that open_scopes locked, appends changes and writes the records they lead to; p_at and r_at are positions in p_scopes. SECURITY DEFINER: the author is the current user, every scope is checked to be visible to that user in the snapshot of the write, and a head that is not where it was read is 40001.';

CREATE FUNCTION lockstep.open_sync_client(p_app text, p_client text, p_first bigint, p_last bigint, OUT last_mutation bigint, OUT results text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me uuid := lockstep.current_user_id();
BEGIN
    LOOP
        SELECT c.last_mutation_id INTO last_mutation
        FROM   lockstep.sync_clients c
        WHERE  c.user_id = me AND c.app = p_app AND c.client_id = p_client
        FOR    NO KEY UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO lockstep.sync_clients (user_id, app, client_id) VALUES (me, p_app, p_client)
        ON CONFLICT (user_id, app, client_id) DO NOTHING;
    END LOOP;
    IF last_mutation >= p_first THEN
        results := ARRAY(
            SELECT r.results::text
            FROM   lockstep.sync_receipts r
            WHERE  r.user_id = me AND r.app = p_app AND r.client_id = p_client AND r.last_mutation >= p_first AND r.first_mutation <= p_last);
    END IF;
END $$;
COMMENT ON FUNCTION lockstep.open_sync_client(text, text, bigint, bigint) IS
    'Makes the row of a client where missing, locks it to the end of the transaction, says its last mutation id and the receipts of these mutations. Runs with the caller''s rights.';

-- What the functions above took over. Whoever only locks goes the same way, so that there is one order of locks.
CREATE OR REPLACE FUNCTION lockstep.lock_scopes(p_spaces text[])
RETURNS TABLE (space text, label text, scope_id uuid, head bigint, head_at timestamptz, locked_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT p_spaces[o.at], o.label, o.scope_id, o.head, o.head_at, o.locked_at
    FROM   lockstep.open_scopes(p_spaces, '{}', '{}', '{}', '{}') o;
END $$;

CREATE FUNCTION lockstep.store_receipts(p_app text, p_client text, p_first bigint, p_last bigint, p_results text) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    me uuid := lockstep.current_user_id();
BEGIN
    UPDATE lockstep.sync_clients c SET last_mutation_id = p_last, seen_at = now()
    WHERE  c.user_id = me AND c.app = p_app AND c.client_id = p_client;
    INSERT INTO lockstep.sync_receipts (user_id, app, client_id, first_mutation, last_mutation, results)
    VALUES (me, p_app, p_client, p_first, p_last, p_results::jsonb);
END $$;
COMMENT ON FUNCTION lockstep.store_receipts(text, text, bigint, bigint, text) IS
    'Says how far a client that open_sync_client locked has come, and keeps the answer. Runs with the caller''s rights.';

DROP FUNCTION lockstep.lock_sync_client(text, text);

REVOKE ALL ON FUNCTION
    lockstep.open_scopes(text[], integer[], text[], text[], text[]),
    lockstep.append_changes(
        uuid[], bigint[], bigint[], timestamptz[],
        integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
        text[], text[], bigint[], text[], text[], text[], integer[],
        integer[], timestamptz[],
        integer[], text[], text[], text[], text[], text[], text[], text[],
        text[], bigint[], text[], integer[]),
    lockstep.open_sync_client(text, text, bigint, bigint),
    lockstep.store_receipts(text, text, bigint, bigint, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    lockstep.open_scopes(text[], integer[], text[], text[], text[]),
    lockstep.append_changes(
        uuid[], bigint[], bigint[], timestamptz[],
        integer[], bigint[], uuid[], text[], text[], text[], text[], text[], text[],
        text[], text[], bigint[], text[], text[], text[], integer[],
        integer[], timestamptz[],
        integer[], text[], text[], text[], text[], text[], text[], text[],
        text[], bigint[], text[], integer[]),
    lockstep.open_sync_client(text, text, bigint, bigint),
    lockstep.store_receipts(text, text, bigint, bigint, text) TO lockstep_app;

-- The merged state is rewritten in place, over and over: with room on its page an update touches no index.
ALTER TABLE lockstep.sync_records SET (fillfactor = 80);
