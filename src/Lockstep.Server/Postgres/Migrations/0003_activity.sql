-- The audit: append-only, for every login role.

CREATE TABLE lockstep.activity_log (
    id           uuid        CONSTRAINT activity_log_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    seq          bigint      GENERATED ALWAYS AS IDENTITY,
    occurred_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    user_id      uuid,
    workspace_id uuid,
    tenant       text        NOT NULL GENERATED ALWAYS AS (
                     CASE WHEN user_id IS NOT NULL THEN 'user:' || user_id::text
                          WHEN workspace_id IS NOT NULL THEN 'workspace:' || workspace_id::text
                          ELSE 'system' END) STORED,
    actor        text        NOT NULL,
    actor_user   uuid,
    address      inet,
    request_id   text,
    action       text        NOT NULL CONSTRAINT activity_log_action_check CHECK (action ~ '^[A-Z][A-Z_]{2,60}$'),
    entity_type  text        NOT NULL,
    entity_id    uuid,
    details      jsonb       NOT NULL DEFAULT '{}',
    CONSTRAINT activity_log_tenant_check CHECK (user_id IS NULL OR workspace_id IS NULL)
);
COMMENT ON TABLE lockstep.activity_log IS
    'Who did what to which secret or connection. Append-only; no foreign key, so it keeps the ids of what was deleted.';
CREATE UNIQUE INDEX activity_log_seq_key ON lockstep.activity_log (seq);
CREATE INDEX activity_log_user_idx ON lockstep.activity_log (user_id, seq);
CREATE INDEX activity_log_workspace_idx ON lockstep.activity_log (workspace_id, seq);

ALTER TABLE lockstep.activity_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.activity_log FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.activity_log FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY activity_read ON lockstep.activity_log FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY activity_service_read ON lockstep.activity_log FOR SELECT TO service_role, lockstep_service USING (true);
GRANT SELECT ON lockstep.activity_log TO authenticated, lockstep_app, service_role, lockstep_service;

CREATE FUNCTION lockstep.record_activity(
    p_user uuid, p_workspace uuid, p_action text, p_entity_type text, p_entity_id uuid, p_details jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claims   jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    recorded bigint;
BEGIN
    -- Users' work is recorded for themselves and their workspaces; the rest is the service login's.
    IF NOT pg_has_role(session_user, 'service_role', 'MEMBER')
       AND p_user IS DISTINCT FROM lockstep.current_user_id() AND NOT coalesce(p_workspace = ANY (lockstep.visible_workspaces()), false) THEN
        RAISE EXCEPTION 'activity of another tenant' USING ERRCODE = '42501';
    END IF;
    INSERT INTO lockstep.activity_log
        (user_id, workspace_id, actor, actor_user, address, request_id, action, entity_type, entity_id, details)
    VALUES
        (p_user, p_workspace,
         coalesce(claims ->> 'actor', 'database:' || session_user),
         lockstep.current_user_id(),
         nullif(claims ->> 'address', '')::inet,
         claims ->> 'request_id',
         p_action, p_entity_type, p_entity_id, coalesce(p_details, '{}'))
    RETURNING seq INTO recorded;
    RETURN recorded;
END $$;
COMMENT ON FUNCTION lockstep.record_activity(uuid, uuid, text, text, uuid, jsonb) IS
    'Appends one line to the audit, with actor, address and request from the context. SECURITY DEFINER: the only way in; nobody updates or deletes. Call it in the statement that does the deed.';
REVOKE ALL ON FUNCTION lockstep.record_activity(uuid, uuid, text, text, uuid, jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.record_activity(uuid, uuid, text, text, uuid, jsonb) TO lockstep_app, lockstep_service;
