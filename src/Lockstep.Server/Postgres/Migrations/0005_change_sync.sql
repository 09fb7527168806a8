-- The change log: one counter row per scope, the changes it numbers, the state they merge to, and what each client has sent.

CREATE TABLE lockstep.sync_scopes (
    scope_id     uuid        CONSTRAINT sync_scopes_pkey PRIMARY KEY,
    user_id      uuid        CONSTRAINT sync_scopes_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE
                             CONSTRAINT sync_scopes_user_key UNIQUE,
    workspace_id uuid        CONSTRAINT sync_scopes_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE
                             CONSTRAINT sync_scopes_workspace_key UNIQUE,
    head         bigint      NOT NULL DEFAULT 0,
    head_at      timestamptz NOT NULL DEFAULT to_timestamp(0),
    floor        bigint      NOT NULL DEFAULT 0,
    epoch        integer     NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_scopes_owner_check CHECK (num_nonnulls(user_id, workspace_id) = 1),
    CONSTRAINT sync_scopes_head_check CHECK (head >= floor AND floor >= 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.sync_scopes IS
    'One user''s own data, or one workspace. The row is locked until commit while head grows, so numbers are dense and a reader never passes a change in flight. Nothing indexes head: updates stay HOT. floor: changes up to it were compacted away. epoch: raised when the history was replaced (a restored backup).';

CREATE TABLE lockstep.sync_changes (
    scope_id       uuid        NOT NULL CONSTRAINT sync_changes_scope_fkey REFERENCES lockstep.sync_scopes (scope_id) ON DELETE CASCADE,
    seq            bigint      NOT NULL,
    event_id       uuid        NOT NULL,
    app            text        NOT NULL,
    table_name     text        NOT NULL,
    record_id      text        NOT NULL,
    op             text        NOT NULL CONSTRAINT sync_changes_op_check CHECK (op IN ('insert', 'update', 'delete')),
    data           jsonb       NOT NULL,
    field_times    jsonb       NOT NULL,
    deleted_at     jsonb,
    user_id        uuid        NOT NULL,
    client_id      text        NOT NULL,
    mutation_id    bigint,
    space_id       text,
    actor          jsonb,
    origin         text,
    schema_version integer     NOT NULL,
    bytes          integer     NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT sync_changes_pkey PRIMARY KEY (scope_id, seq)
);
COMMENT ON TABLE lockstep.sync_changes IS
    'What happened, in the order of each scope: the fields that won, each with its time as [milliseconds, counter, client]. created_at rises strictly within a scope. user_id is the author, without a foreign key: in a workspace a change outlives who made it. bytes: of data and times as sent, for page sizes.';
CREATE INDEX sync_changes_app_idx ON lockstep.sync_changes (scope_id, app, seq);

CREATE TABLE lockstep.sync_records (
    scope_id       uuid        NOT NULL CONSTRAINT sync_records_scope_fkey REFERENCES lockstep.sync_scopes (scope_id) ON DELETE CASCADE,
    app            text        NOT NULL,
    table_name     text        NOT NULL,
    record_id      text        NOT NULL,
    data           jsonb       NOT NULL,
    field_times    jsonb       NOT NULL,
    field_seq      jsonb       NOT NULL,
    written_at     jsonb,
    deleted_at     jsonb,
    deleted        boolean     NOT NULL,
    last_seq       bigint      NOT NULL,
    user_id        uuid        NOT NULL,
    space_id       text,
    schema_version integer     NOT NULL,
    CONSTRAINT sync_records_pkey PRIMARY KEY (scope_id, app, table_name, record_id)
);
COMMENT ON TABLE lockstep.sync_records IS
    'The merged state: each field with the time that won it and the change that brought it; written_at and deleted_at are the latest write and delete, [milliseconds, counter, client]. user_id made the record.';

CREATE TABLE lockstep.sync_clients (
    user_id          uuid        NOT NULL CONSTRAINT sync_clients_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    app              text        NOT NULL,
    client_id        text        NOT NULL,
    last_mutation_id bigint      NOT NULL DEFAULT 0,
    seen_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_clients_pkey PRIMARY KEY (user_id, app, client_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE lockstep.sync_clients IS 'How far each client of the native protocol has been heard; its row is locked while a push of it is stored.';

CREATE TABLE lockstep.sync_receipts (
    user_id        uuid        NOT NULL,
    app            text        NOT NULL,
    client_id      text        NOT NULL,
    last_mutation  bigint      NOT NULL,
    first_mutation bigint      NOT NULL,
    results        jsonb       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT sync_receipts_pkey PRIMARY KEY (user_id, app, client_id, last_mutation),
    CONSTRAINT sync_receipts_client_fkey FOREIGN KEY (user_id, app, client_id)
        REFERENCES lockstep.sync_clients (user_id, app, client_id) ON DELETE CASCADE
);
COMMENT ON TABLE lockstep.sync_receipts IS 'The answer of each push, [{id, hash, status, code, detail}], so that a retry gets the same one.';

ALTER TABLE lockstep.sync_scopes   ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_scopes   FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_changes  ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_changes  FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_records  ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_records  FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_clients  ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_clients  FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_receipts FORCE  ROW LEVEL SECURITY;

CREATE POLICY owner_maintenance ON lockstep.sync_scopes   FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_changes  FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_records  FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_clients  FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_maintenance ON lockstep.sync_receipts FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);

CREATE FUNCTION lockstep.visible_scopes() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(s.scope_id), '{}')
        FROM  (SELECT o.scope_id FROM lockstep.sync_scopes o WHERE o.user_id = lockstep.current_user_id()
               UNION ALL
               SELECT w.scope_id FROM lockstep.sync_scopes w WHERE w.workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[])) s);
END $$;
COMMENT ON FUNCTION lockstep.visible_scopes() IS
    'The scopes of the current user: the user''s own and those of the user''s workspaces. SECURITY DEFINER: for the current user only; asked once a statement, so that the hot tables are read by scope_id = ANY(array).';

CREATE POLICY scopes_read ON lockstep.sync_scopes FOR SELECT TO authenticated, lockstep_app
    USING (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));
CREATE POLICY scopes_make ON lockstep.sync_scopes FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()) OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]));
CREATE POLICY scopes_advance ON lockstep.sync_scopes FOR UPDATE TO lockstep_app
    USING (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]))
    WITH CHECK (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));

CREATE POLICY changes_read ON lockstep.sync_changes FOR SELECT TO authenticated, lockstep_app
    USING (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));
CREATE POLICY changes_append ON lockstep.sync_changes FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()) AND scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));

CREATE POLICY records_read ON lockstep.sync_records FOR SELECT TO authenticated, lockstep_app
    USING (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));
-- INSERT ... ON CONFLICT DO UPDATE checks the row offered: its user_id is whoever offers it; a record that is there keeps its author.
CREATE POLICY records_make ON lockstep.sync_records FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()) AND scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));
CREATE POLICY records_merge ON lockstep.sync_records FOR UPDATE TO lockstep_app
    USING (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]))
    WITH CHECK (scope_id = ANY ((SELECT lockstep.visible_scopes())::uuid[]));

CREATE POLICY clients_own ON lockstep.sync_clients FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY clients_make ON lockstep.sync_clients FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY clients_advance ON lockstep.sync_clients FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())) WITH CHECK (user_id = (SELECT lockstep.current_user_id()));

CREATE POLICY receipts_own ON lockstep.sync_receipts FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY receipts_append ON lockstep.sync_receipts FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()));

GRANT SELECT ON lockstep.sync_scopes, lockstep.sync_changes, lockstep.sync_records, lockstep.sync_clients, lockstep.sync_receipts
    TO authenticated, lockstep_app;
GRANT INSERT ON lockstep.sync_scopes, lockstep.sync_changes, lockstep.sync_records, lockstep.sync_clients, lockstep.sync_receipts
    TO lockstep_app;
GRANT UPDATE (head, head_at) ON lockstep.sync_scopes TO lockstep_app;
GRANT UPDATE (data, field_times, field_seq, written_at, deleted_at, deleted, last_seq, space_id, schema_version) ON lockstep.sync_records TO lockstep_app;
GRANT UPDATE (last_mutation_id, seen_at) ON lockstep.sync_clients TO lockstep_app;

-- Which owner a space on the wire means to the current user. What the user may not see and what does not exist are both absent.
CREATE FUNCTION lockstep.resolve_spaces(p_spaces text[])
RETURNS TABLE (space text, label text, user_id uuid, workspace_id uuid)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.space, nullif(s.space, ''), lockstep.current_user_id(), NULL::uuid
    FROM   unnest(p_spaces) s(space)
    WHERE  s.space IN ('', '_personal:guest', '_personal:' || lockstep.current_user_id()::text)
    OR    (s.space LIKE '\_personal:%' AND EXISTS (
               SELECT 1 FROM lockstep.auth_identities i
               WHERE  i.user_id = lockstep.current_user_id() AND '_personal:' || i.subject = s.space))
    UNION ALL
    SELECT s.space, coalesce(w.external_id, w.id::text), NULL::uuid, w.id
    FROM   unnest(p_spaces) s(space)
    CROSS  JOIN LATERAL (
        SELECT x.id, x.external_id, 1 AS rank FROM lockstep.workspaces x WHERE x.external_id = s.space
        UNION ALL
        SELECT x.id, x.external_id, 2 FROM lockstep.workspaces x
        WHERE  x.id = CASE WHEN s.space ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN s.space::uuid END
        ORDER  BY rank LIMIT 1) w
    WHERE  s.space <> '' AND s.space NOT LIKE '\_personal:%';
END $$;
COMMENT ON FUNCTION lockstep.resolve_spaces(text[]) IS
    'Empty, _personal:SUBJECT and _personal:guest are the user''s own scope; otherwise a workspace of the user by external_id or id. label is how the space is called in answers. Runs with the caller''s rights: row-level security decides what is there.';

CREATE FUNCTION lockstep.lock_scopes(p_spaces text[])
RETURNS TABLE (space text, label text, scope_id uuid, head bigint, head_at timestamptz, locked_at timestamptz)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    spaces     text[];
    labels     text[];
    users      uuid[];
    workspaces uuid[];
BEGIN
    SELECT array_agg(r.space), array_agg(r.label), array_agg(r.user_id), array_agg(r.workspace_id)
    INTO   spaces, labels, users, workspaces
    FROM   lockstep.resolve_spaces(p_spaces) r;

    INSERT INTO lockstep.sync_scopes (scope_id, user_id, workspace_id)
    SELECT gen_random_uuid(), o.user_id, o.workspace_id
    FROM  (SELECT DISTINCT r.user_id, r.workspace_id FROM unnest(users, workspaces) r(user_id, workspace_id)) o
    WHERE  NOT EXISTS (SELECT 1 FROM lockstep.sync_scopes s WHERE s.user_id = o.user_id OR s.workspace_id = o.workspace_id)
    ORDER  BY o.workspace_id, o.user_id
    ON CONFLICT DO NOTHING;

    -- Always in ascending order, so that two pushes over the same scopes wait instead of deadlocking.
    PERFORM 1
    FROM   lockstep.sync_scopes s
    WHERE  s.user_id = ANY (users) OR s.workspace_id = ANY (workspaces)
    ORDER  BY s.scope_id
    FOR NO KEY UPDATE OF s;

    -- A statement of its own: its snapshot is younger than the locks, so it reads what the previous holder committed. Who has left a
    -- workspace meanwhile does not see its scope here any more.
    RETURN QUERY
    SELECT r.space, r.label, s.scope_id, s.head, s.head_at, clock_timestamp()
    FROM   unnest(spaces, labels, users, workspaces) r(space, label, user_id, workspace_id)
    JOIN   lockstep.sync_scopes s ON s.user_id = r.user_id OR s.workspace_id = r.workspace_id;
END $$;
COMMENT ON FUNCTION lockstep.lock_scopes(text[]) IS
    'Makes the scopes of these spaces where missing, locks their counter rows to the end of the transaction and reads them. Spaces that are not the user''s are absent from the answer. Runs with the caller''s rights.';

CREATE FUNCTION lockstep.lock_sync_client(p_app text, p_client text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known bigint;
BEGIN
    INSERT INTO lockstep.sync_clients (user_id, app, client_id)
    VALUES (lockstep.current_user_id(), p_app, p_client)
    ON CONFLICT (user_id, app, client_id) DO NOTHING;
    SELECT c.last_mutation_id INTO known
    FROM   lockstep.sync_clients c
    WHERE  c.user_id = lockstep.current_user_id() AND c.app = p_app AND c.client_id = p_client
    FOR    NO KEY UPDATE;
    RETURN known;
END $$;
COMMENT ON FUNCTION lockstep.lock_sync_client(text, text) IS
    'Makes the row of a client where missing, locks it to the end of the transaction and says its last mutation id. Runs with the caller''s rights.';

REVOKE ALL ON FUNCTION lockstep.visible_scopes(), lockstep.resolve_spaces(text[]), lockstep.lock_scopes(text[]),
    lockstep.lock_sync_client(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.visible_scopes(), lockstep.resolve_spaces(text[]) TO authenticated, lockstep_app;
GRANT EXECUTE ON FUNCTION lockstep.lock_scopes(text[]), lockstep.lock_sync_client(text, text) TO lockstep_app;
