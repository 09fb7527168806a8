-- The worker: a context that sees one integration alone, what operators ask of all of them, and leases of a node that cannot come back.

-- A work item runs as its owner (work_for), narrowed by app.current_integration_id to the integration, its credential, its calendars and what is in
-- them. The policies are restrictive: they are asked beside all others, so that the setting can take away and never give.
CREATE FUNCTION lockstep.current_integration_id() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN nullif(current_setting('app.current_integration_id', true), '')::uuid;
END $$;
COMMENT ON FUNCTION lockstep.current_integration_id() IS
    'The integration that this transaction is narrowed to, from app.current_integration_id; NULL: not narrowed.';

CREATE FUNCTION lockstep.integrations_credential() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT i.credential_id FROM lockstep.integrations i WHERE i.id = lockstep.current_integration_id());
END $$;
COMMENT ON FUNCTION lockstep.integrations_credential() IS
    'The credential of the integration that this transaction is narrowed to. SECURITY DEFINER: an id that only narrows what the other policies give.';

CREATE FUNCTION lockstep.integrations_owner() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(i.user_id, i.workspace_id) FROM lockstep.integrations i WHERE i.id = lockstep.current_integration_id());
END $$;
COMMENT ON FUNCTION lockstep.integrations_owner() IS
    'The user or workspace of the integration that this transaction is narrowed to. SECURITY DEFINER: an id that only narrows what the other policies give.';

CREATE FUNCTION lockstep.integrations_scope() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT s.scope_id
        FROM   lockstep.integrations i
        JOIN   lockstep.sync_scopes s ON s.user_id = i.user_id OR s.workspace_id = i.workspace_id
        WHERE  i.id = lockstep.current_integration_id());
END $$;
COMMENT ON FUNCTION lockstep.integrations_scope() IS
    'The scope of change sync that the events of this integration are in. SECURITY DEFINER: an id that only narrows what the other policies give.';

CREATE FUNCTION lockstep.integrations_calendars() RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT coalesce(array_agg(c.id), '{}')
        FROM   lockstep.calendars c
        WHERE  c.integration_id = lockstep.current_integration_id());
END $$;
COMMENT ON FUNCTION lockstep.integrations_calendars() IS
    'The calendars of the integration that this transaction is narrowed to. SECURITY DEFINER: ids that only narrow what the other policies give.';

CREATE FUNCTION lockstep.is_integrations_event(p_app text, p_table text, p_record text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN p_app = 'calendar' AND p_table = 'events' AND EXISTS (
        SELECT 1
        FROM   lockstep.events e
        JOIN   lockstep.calendars c ON c.id = e.calendar_id
        WHERE  e.id = p_record::uuid
        AND    c.integration_id = lockstep.current_integration_id());
END $$;
COMMENT ON FUNCTION lockstep.is_integrations_event(text, text, text) IS
    'Whether a record of change sync is an event of the integration that this transaction is narrowed to. SECURITY DEFINER: it only narrows what the other policies give.';

CREATE POLICY integration_narrows ON lockstep.integrations AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR id = (SELECT lockstep.current_integration_id()));
CREATE POLICY integration_narrows ON lockstep.sync_log AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR integration_id = (SELECT lockstep.current_integration_id()));
CREATE POLICY integration_narrows ON lockstep.calendars AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR integration_id = (SELECT lockstep.current_integration_id()));
CREATE POLICY integration_narrows ON lockstep.sync_conflicts AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR integration_id = (SELECT lockstep.current_integration_id()));
CREATE POLICY integration_narrows ON lockstep.events AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR calendar_id = ANY ((SELECT lockstep.integrations_calendars())::uuid[]));
CREATE POLICY integration_narrows ON lockstep.calendar_objects AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR calendar_id = ANY ((SELECT lockstep.integrations_calendars())::uuid[]));
CREATE POLICY integration_narrows ON lockstep.credentials AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR id = (SELECT lockstep.integrations_credential()));
CREATE POLICY integration_narrows ON lockstep.credential_versions AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR credential_id = (SELECT lockstep.integrations_credential()));
CREATE POLICY integration_narrows ON lockstep.data_keys AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR coalesce(user_id, workspace_id) = (SELECT lockstep.integrations_owner()));
CREATE POLICY integration_narrows ON lockstep.workspaces AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR id = (SELECT lockstep.integrations_owner()));
CREATE POLICY integration_narrows ON lockstep.sync_scopes AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL OR coalesce(user_id, workspace_id) = (SELECT lockstep.integrations_owner()));
-- The worker appends to the log and reads none of it.
CREATE POLICY integration_narrows ON lockstep.sync_changes AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL)
    WITH CHECK ((SELECT lockstep.current_integration_id()) IS NULL
                OR (scope_id = (SELECT lockstep.integrations_scope()) AND app = 'calendar' AND table_name = 'events'));
CREATE POLICY integration_narrows ON lockstep.sync_records AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL
           OR (scope_id = (SELECT lockstep.integrations_scope()) AND lockstep.is_integrations_event(app, table_name, record_id)));

-- Every other table: nothing. A later one says so itself, or the test of isolation fails.
DO $$
DECLARE
    t regclass;
BEGIN
    FOR t IN
        SELECT c.oid
        FROM   pg_class c
        JOIN   pg_namespace n ON n.oid = c.relnamespace
        WHERE  n.nspname IN ('lockstep', 'vault', 'lockstep_vault', 'auth')
        AND    c.relkind IN ('r', 'p')
        AND    c.relrowsecurity
        AND    pg_get_userbyid(c.relowner) = 'lockstep_owner'
        AND    NOT EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'integration_narrows')
    LOOP
        EXECUTE format(
            'CREATE POLICY integration_narrows ON %s AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app USING ((SELECT lockstep.current_integration_id()) IS NULL)', t);
    END LOOP;
END $$;

COMMENT ON FUNCTION lockstep.work_for(uuid) IS
    'As which user the worker works on an integration: its owner, or the longest-standing owner, else admin, of its workspace; app.current_integration_id then narrows what that user sees to the integration. SECURITY DEFINER: service only.';

CREATE FUNCTION lockstep.release_leases() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    released integer;
BEGIN
    UPDATE lockstep.integrations i SET lease_owner = NULL, lease_until = NULL WHERE i.lease_owner IS NOT NULL;
    GET DIAGNOSTICS released = ROW_COUNT;
    RETURN released;
END $$;
COMMENT ON FUNCTION lockstep.release_leases() IS
    'Ends every lease: for the one node of a private database as it starts, since whoever held them is dead. Runs keep their ids. SECURITY DEFINER: service only.';

CREATE FUNCTION lockstep.sync_overview()
RETURNS TABLE (state text, integrations bigint, running bigint, overdue bigint, waited double precision)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT v.state, count(i.state), count(*) FILTER (WHERE i.running), count(*) FILTER (WHERE i.overdue),
           coalesce(max(extract(epoch FROM clock_timestamp() - i.next_sync_at)) FILTER (WHERE i.overdue), 0)::double precision
    FROM   unnest(ARRAY['active', 'error', 'paused', 'disabled']) v (state)
    LEFT   JOIN (
        SELECT CASE WHEN NOT n.enabled THEN 'disabled' WHEN p.paused THEN 'paused' ELSE n.status END AS state,
               coalesce(n.lease_until > clock_timestamp(), false) AS running,
               n.enabled AND NOT p.paused AND n.next_sync_at <= clock_timestamp()
                   AND (n.lease_until IS NULL OR n.lease_until <= clock_timestamp()) AS overdue,
               n.next_sync_at
        FROM   lockstep.integrations n
        CROSS  JOIN LATERAL (SELECT n.paused_reason IS NOT NULL AND (n.paused_until IS NULL OR n.paused_until > clock_timestamp()) AS paused) p
    ) i ON i.state = v.state
    GROUP  BY v.state;
END $$;
COMMENT ON FUNCTION lockstep.sync_overview() IS
    'How many integrations there are in each state, how many are worked on, are due and wait, and for how many seconds the longest has waited. SECURITY DEFINER: service only; no row, no id.';

REVOKE ALL ON FUNCTION lockstep.current_integration_id(), lockstep.integrations_credential(), lockstep.integrations_owner(),
    lockstep.integrations_scope(), lockstep.integrations_calendars(), lockstep.is_integrations_event(text, text, text),
    lockstep.release_leases(), lockstep.sync_overview() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.current_integration_id(), lockstep.integrations_credential(), lockstep.integrations_owner(),
    lockstep.integrations_scope(), lockstep.integrations_calendars(), lockstep.is_integrations_event(text, text, text)
    TO authenticated, lockstep_app;
GRANT EXECUTE ON FUNCTION lockstep.release_leases(), lockstep.sync_overview() TO lockstep_service;
