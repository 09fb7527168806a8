-- An event that an import has brought back is only here until its account is connected: the calendar that brings its UID takes it over, instead of
-- a second event of the same UID being made. The sync of an integration sees its own events alone, so it is done for it.
CREATE FUNCTION lockstep.adopt_events(p_calendar uuid, p_uids text[]) RETURNS TABLE (id uuid, read_only boolean)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    mine record;
BEGIN
    SELECT c.user_id, c.workspace_id, c.read_only
    INTO   mine
    FROM   lockstep.calendars c
    WHERE  c.id = p_calendar
    AND   (c.user_id = lockstep.current_user_id() OR c.workspace_id = ANY (lockstep.visible_workspaces()))
    AND   (lockstep.current_integration_id() IS NULL OR c.integration_id = lockstep.current_integration_id());
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    UPDATE lockstep.events e
    SET    calendar_id = p_calendar
    FROM  (SELECT DISTINCT ON (h.uid) h.id
           FROM   unnest(p_uids) named(uid)
           -- OFFSET 0: one look-up by index for each name, however many events have no calendar.
           CROSS  JOIN LATERAL (SELECT o.id, o.uid, o.deleted, o.user_id, o.workspace_id
                                FROM   lockstep.events o
                                WHERE  o.calendar_id IS NULL AND o.uid = named.uid OFFSET 0) h
           WHERE  NOT h.deleted
           AND    h.user_id IS NOT DISTINCT FROM mine.user_id
           AND    h.workspace_id IS NOT DISTINCT FROM mine.workspace_id
           AND    NOT EXISTS (SELECT 1 FROM lockstep.events k WHERE k.calendar_id = p_calendar AND k.uid = h.uid)
           ORDER  BY h.uid, h.id) w
    WHERE  e.id = w.id
    RETURNING e.id, mine.read_only;
END $$;
COMMENT ON FUNCTION lockstep.adopt_events(uuid, text[]) IS
    'Gives the owner''s events that have one of these UIDs and no calendar to the calendar, where it has none of that UID yet. SECURITY DEFINER: a transaction that is narrowed to an integration sees the events of its calendars alone; the calendar must be the caller''s, and of that integration.';
REVOKE ALL ON FUNCTION lockstep.adopt_events(uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.adopt_events(uuid, text[]) TO lockstep_app;
