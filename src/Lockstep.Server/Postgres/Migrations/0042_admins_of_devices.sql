-- As in 0038, and says before a space is sealed too whether the user administers it, where devices or keys are written: these are their author's or an admin's from the beginning.
CREATE OR REPLACE FUNCTION lockstep.open_scopes(p_spaces text[], p_at integer[], p_apps text[], p_tables text[], p_records text[])
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
            administers := (scope.key_epochs IS NOT NULL OR p_tables && ARRAY['_devices', '_space_keys']) AND owner = ANY (lockstep.administered_workspaces());
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
    'Makes the scopes of these spaces where missing, locks their counter rows to the end of the transaction, and reads them (key NULL) and the records asked for. at: position in p_spaces; spaces that are not the user''s are absent. author: of a record who made it, of a scope the current user; administers is told of scopes with sealed apps, and where devices or keys are asked for. SECURITY DEFINER: for the current user only, whose spaces it asks for before and again under the locks, narrowed to the integration as the policies are.';
