-- What the log holds writers to in spaces whose values only their members' devices can read, and what it is itself held to.

ALTER TABLE lockstep.sync_scopes ADD COLUMN key_epochs jsonb
    CONSTRAINT sync_scopes_key_epochs_check CHECK (key_epochs IS NULL OR jsonb_typeof(key_epochs) = 'object' AND workspace_id IS NOT NULL);
COMMENT ON COLUMN lockstep.sync_scopes.key_epochs IS
    '{app: epoch}: apps of this space whose values are sealed, and the number of the key that seals what is written now. NULL: none. Grows only.';

-- As in 0022, and says which key is the one of now, under the lock.
DROP FUNCTION lockstep.open_scopes(text[], integer[], text[], text[], text[]);
CREATE FUNCTION lockstep.open_scopes(p_spaces text[], p_at integer[], p_apps text[], p_tables text[], p_records text[])
RETURNS TABLE (
    at integer, label text, scope_id uuid, head bigint, head_at timestamptz, locked_at timestamptz,
    key integer, data text, field_times text, written_at text, deleted_at text, field_seq text, key_epochs text, author uuid, administers boolean)
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
                SELECT s.scope_id, s.head, s.head_at, s.key_epochs INTO scope FROM lockstep.sync_scopes s WHERE s.user_id = owner FOR NO KEY UPDATE;
            ELSE
                SELECT s.scope_id, s.head, s.head_at, s.key_epochs INTO scope FROM lockstep.sync_scopes s WHERE s.workspace_id = owner FOR NO KEY UPDATE;
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
           k.key::integer, r.data::text, r.field_times::text, r.written_at::text, r.deleted_at::text, r.field_seq::text, NULL::text, r.user_id, NULL::boolean
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

CREATE FUNCTION lockstep.open_sealing(p_space text, p_app text, p_epoch integer)
RETURNS TABLE (status text, space text, epoch integer, number integer, list text, devices text, keyed text[])
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    workspace uuid;
    scope     uuid;
BEGIN
    SELECT w.id, coalesce(w.external_id, w.id::text) INTO workspace, space
    FROM   lockstep.workspaces w
    WHERE  w.id = ANY (lockstep.visible_workspaces()) AND (w.external_id = p_space OR w.id::text = p_space)
    ORDER  BY w.external_id = p_space DESC NULLS LAST LIMIT 1;
    status := CASE WHEN workspace IS NULL THEN 'not_found' WHEN NOT workspace = ANY (lockstep.administered_workspaces()) THEN 'forbidden' ELSE 'open' END;
    IF status <> 'open' THEN
        RETURN NEXT;
        RETURN;
    END IF;
    -- The lock of a push: what is written after this is judged by what this decides.
    PERFORM 1 FROM lockstep.lock_scopes(ARRAY[space]);
    SELECT s.scope_id, coalesce((s.key_epochs ->> p_app)::integer, 0) INTO scope, epoch FROM lockstep.sync_scopes s WHERE s.workspace_id = workspace;
    SELECT r.record_id::integer, r.data ->> 'list' INTO number, list
    FROM   lockstep.sync_records r
    WHERE  r.scope_id = scope AND r.app = p_app AND r.table_name = '_members' AND r.record_id ~ '^[1-9][0-9]{0,8}$' AND NOT r.deleted
    ORDER  BY r.record_id::integer DESC LIMIT 1;
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'id', r.record_id, 'user', r.user_id, 'point', r.data ->> 'point', 'signer', r.data ->> 'signer', 'isMember', m.user_id IS NOT NULL,
               'isAdmin', coalesce(m.role IN ('owner', 'admin'), false)) ORDER BY r.record_id), '[]')::text INTO devices
    FROM   lockstep.sync_records r
    LEFT   JOIN lockstep.workspace_members m ON m.workspace_id = workspace AND m.user_id = r.user_id
    WHERE  r.scope_id = scope AND r.app = p_app AND r.table_name = '_devices' AND NOT r.deleted;
    SELECT coalesce(array_agg(substr(r.record_id, length(p_epoch::text) + 2) ORDER BY r.record_id), '{}') INTO keyed
    FROM   lockstep.sync_records r
    WHERE  r.scope_id = scope AND r.app = p_app AND r.table_name = '_space_keys' AND starts_with(r.record_id, p_epoch || '.') AND NOT r.deleted;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.open_sealing(text, text, integer) IS
    'For a new list of members of an app of a space: locks its scope to the end of the transaction and says the epoch now, the last list and its number, the devices there are with who made them, and which of them have a key of p_epoch. status: open, forbidden or not_found. SECURITY DEFINER: admins of the space, for the current user only.';

CREATE FUNCTION lockstep.set_key_epoch(p_space text, p_app text, p_epoch integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.sync_scopes s SET key_epochs = coalesce(s.key_epochs, '{}') || jsonb_build_object(p_app, p_epoch)
    FROM   lockstep.workspaces w
    WHERE  w.id = s.workspace_id AND coalesce(w.external_id, w.id::text) = p_space AND w.id = ANY (lockstep.administered_workspaces())
    AND   (s.key_epochs ->> p_app IS NULL OR p_epoch - (s.key_epochs ->> p_app)::integer IN (0, 1));
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION lockstep.set_key_epoch(text, text, integer) IS
    'Has what is written to an app of a space sealed with this key from now on: that of now, the next, or any to begin with. SECURITY DEFINER: admins of the space, for the current user only.';

CREATE FUNCTION lockstep.key_epoch(p_space text, p_app text) RETURNS TABLE (epoch integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT coalesce((s.key_epochs ->> p_app)::integer, 0)
    FROM   lockstep.workspaces w
    LEFT   JOIN lockstep.sync_scopes s ON s.workspace_id = w.id
    WHERE  w.id = ANY (lockstep.visible_workspaces()) AND (w.external_id = p_space OR w.id::text = p_space)
    ORDER  BY w.external_id = p_space DESC NULLS LAST LIMIT 1;
END $$;
COMMENT ON FUNCTION lockstep.key_epoch(text, text) IS
    'Which key seals what is written to an app of a space; 0: it is in plain. No row for a space that is not the user''s. SECURITY DEFINER: for the current user only.';

REVOKE ALL ON FUNCTION lockstep.open_sealing(text, text, integer), lockstep.set_key_epoch(text, text, integer), lockstep.key_epoch(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.open_sealing(text, text, integer), lockstep.set_key_epoch(text, text, integer), lockstep.key_epoch(text, text) TO lockstep_app;

-- Numbers are dense where nothing has left the log, and nothing leaves it within a day (LOCKSTEP_SYNC_KEEP_DAYS).
CREATE FUNCTION lockstep.sync_holes(p_scopes uuid[]) RETURNS TABLE (scope_id uuid, holes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.scope_id, s.head - r.first + 1 - r.found
    FROM   unnest(p_scopes) p(id)
    CROSS  JOIN LATERAL (SELECT x.* FROM lockstep.sync_scopes x WHERE x.scope_id = p.id LIMIT 1) s
    CROSS  JOIN LATERAL (
        -- The change that moved the head is as young as head_at says: it must be there itself.
        SELECT coalesce(min(c.seq), s.head + CASE WHEN s.head_at > now() - interval '1 hour' THEN 0 ELSE 1 END) AS first, count(*) AS found
        FROM  (SELECT x.seq, x.created_at FROM lockstep.sync_changes x WHERE x.scope_id = s.scope_id AND x.seq > s.head - 1000 ORDER BY x.seq DESC LIMIT 1000) c
        WHERE  c.created_at > now() - interval '1 hour') r
    WHERE  s.head > 0 AND s.head - r.first + 1 <> r.found;
END $$;
COMMENT ON FUNCTION lockstep.sync_holes(uuid[]) IS
    'Of these scopes those whose log lacks numbers, among the last thousand that are younger than an hour, and how many. SECURITY DEFINER: service login only; it tells no content.';
REVOKE ALL ON FUNCTION lockstep.sync_holes(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.sync_holes(uuid[]) TO lockstep_service;
