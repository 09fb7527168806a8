-- Calendars, the resources mirrored from them, the events made of these or here, and the matters that events belong to.

CREATE TABLE lockstep.calendars (
    id               uuid        CONSTRAINT calendars_pkey PRIMARY KEY,
    integration_id   uuid        NOT NULL CONSTRAINT calendars_integration_fkey REFERENCES lockstep.integrations (id) ON DELETE CASCADE,
    user_id          uuid,
    workspace_id     uuid,
    href             text        NOT NULL,
    name             text        NOT NULL DEFAULT '',
    color            text,
    ctag             text,
    sync_token       text,
    is_write_target  boolean     NOT NULL DEFAULT false,
    selected         boolean     NOT NULL DEFAULT true,
    read_only        boolean     NOT NULL DEFAULT false,
    last_read_at     timestamptz,
    unreadable_since timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT calendars_href_key UNIQUE (integration_id, href),
    CONSTRAINT calendars_write_target_check CHECK (NOT (is_write_target AND read_only))
);
COMMENT ON TABLE lockstep.calendars IS 'A calendar of an integration; href is its absolute URL. ctag and sync_token say up to where it was read.';
COMMENT ON COLUMN lockstep.calendars.last_read_at IS 'When the mirror was last known to be what the server has.';
COMMENT ON COLUMN lockstep.calendars.unreadable_since IS 'Set while reading fails. An unreadable calendar never means free.';
CREATE UNIQUE INDEX calendars_write_target_key ON lockstep.calendars (integration_id) WHERE is_write_target;
CREATE INDEX calendars_user_idx ON lockstep.calendars (user_id);
CREATE INDEX calendars_workspace_idx ON lockstep.calendars (workspace_id);
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.calendars FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.matters (
    id           uuid        CONSTRAINT matters_pkey PRIMARY KEY,
    user_id      uuid        CONSTRAINT matters_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id uuid        CONSTRAINT matters_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    title        text        NOT NULL CONSTRAINT matters_title_check CHECK (length(title) BETWEEN 1 AND 500),
    reference    text        CONSTRAINT matters_reference_check CHECK (length(reference) BETWEEN 1 AND 200),
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT matters_owner_check CHECK (num_nonnulls(user_id, workspace_id) = 1)
);
COMMENT ON TABLE lockstep.matters IS 'A case or project of a user or a workspace; events may belong to it.';
CREATE INDEX matters_user_idx ON lockstep.matters (user_id, id);
CREATE INDEX matters_workspace_idx ON lockstep.matters (workspace_id, id);
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.matters FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.events (
    id           uuid        CONSTRAINT events_pkey PRIMARY KEY,
    user_id      uuid        CONSTRAINT events_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    workspace_id uuid        CONSTRAINT events_workspace_fkey REFERENCES lockstep.workspaces (id) ON DELETE CASCADE,
    calendar_id  uuid        CONSTRAINT events_calendar_fkey REFERENCES lockstep.calendars (id) ON DELETE CASCADE,
    matter_id    uuid        CONSTRAINT events_matter_fkey REFERENCES lockstep.matters (id) ON DELETE SET NULL,
    uid          text        NOT NULL,
    ics          text        NOT NULL,
    summary      text        NOT NULL DEFAULT '',
    description  text,
    location     text,
    starts_at    timestamptz NOT NULL,
    ends_at      timestamptz NOT NULL,
    range_start  timestamptz NOT NULL,
    range_end    timestamptz NOT NULL,
    all_day      boolean     NOT NULL DEFAULT false,
    recurring    boolean     NOT NULL DEFAULT false,
    status       text        NOT NULL DEFAULT 'CONFIRMED'
                             CONSTRAINT events_status_check CHECK (status IN ('CONFIRMED', 'TENTATIVE', 'CANCELLED')),
    transparency text        NOT NULL DEFAULT 'OPAQUE'
                             CONSTRAINT events_transparency_check CHECK (transparency IN ('OPAQUE', 'TRANSPARENT')),
    version      bigint      NOT NULL DEFAULT 1,
    changed_at   timestamptz NOT NULL,
    deleted      boolean     NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT events_owner_check CHECK (num_nonnulls(user_id, workspace_id) = 1)
);
COMMENT ON TABLE lockstep.events IS
    'Every event: the iCalendar resource as it stands here (ics, the truth), and what queries need of it. Deleted ones stay as tombstones.';
COMMENT ON COLUMN lockstep.events.range_start IS 'No occurrence begins before it; all-day and floating ones are widened by the farthest zone.';
COMMENT ON COLUMN lockstep.events.range_end IS 'No occurrence ends after it; infinity for a recurrence without an end.';
COMMENT ON COLUMN lockstep.events.version IS 'Rises with every change here; the ETag of the API, and what a write to the server was made of.';
COMMENT ON COLUMN lockstep.events.changed_at IS 'The time by which the last write wins.';
CREATE INDEX events_user_idx ON lockstep.events (user_id, range_end) WHERE NOT deleted;
CREATE INDEX events_workspace_idx ON lockstep.events (workspace_id, range_end) WHERE NOT deleted;
CREATE INDEX events_calendar_idx ON lockstep.events (calendar_id, uid);
CREATE INDEX events_matter_idx ON lockstep.events (matter_id) WHERE matter_id IS NOT NULL;
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.events FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.calendar_objects (
    id               uuid        CONSTRAINT calendar_objects_pkey PRIMARY KEY,
    calendar_id      uuid        NOT NULL CONSTRAINT calendar_objects_calendar_fkey REFERENCES lockstep.calendars (id) ON DELETE CASCADE,
    user_id          uuid,
    workspace_id     uuid,
    event_id         uuid        CONSTRAINT calendar_objects_event_fkey REFERENCES lockstep.events (id) ON DELETE CASCADE,
    href             text        NOT NULL,
    etag             text,
    uid              text,
    ics              text,
    base             text,
    state            text        NOT NULL
                                 CONSTRAINT calendar_objects_state_check CHECK (state IN ('clean', 'new', 'changed', 'deleted', 'quarantined')),
    reason           text,
    remote_at        timestamptz,
    local_changed_at timestamptz,
    attempts         integer     NOT NULL DEFAULT 0,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT calendar_objects_href_key UNIQUE (calendar_id, href),
    CONSTRAINT calendar_objects_event_check CHECK (event_id IS NOT NULL OR state = 'quarantined')
);
COMMENT ON TABLE lockstep.calendar_objects IS
    'The mirror of one resource on the server. Two that share a UID (a rename seen halfway) belong to one event.';
COMMENT ON COLUMN lockstep.calendar_objects.etag IS 'The server''s, as last read or written; a local edit is based on it. Null for what was never there.';
COMMENT ON COLUMN lockstep.calendar_objects.ics IS 'The server''s raw text where the event''s own text is another: quarantined. Otherwise the event has it.';
COMMENT ON COLUMN lockstep.calendar_objects.base IS 'The server''s text at etag while a local edit waits to be written; null when clean.';
COMMENT ON COLUMN lockstep.calendar_objects.reason IS 'Why it is quarantined, or why the last write failed.';
CREATE INDEX calendar_objects_event_idx ON lockstep.calendar_objects (event_id);
CREATE INDEX calendar_objects_pending_idx ON lockstep.calendar_objects (calendar_id) WHERE state IN ('new', 'changed', 'deleted');
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.calendar_objects FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

CREATE TABLE lockstep.sync_conflicts (
    id             uuid        CONSTRAINT sync_conflicts_pkey PRIMARY KEY,
    integration_id uuid        NOT NULL CONSTRAINT sync_conflicts_integration_fkey REFERENCES lockstep.integrations (id) ON DELETE CASCADE,
    calendar_id    uuid        NOT NULL CONSTRAINT sync_conflicts_calendar_fkey REFERENCES lockstep.calendars (id) ON DELETE CASCADE,
    event_id       uuid        NOT NULL CONSTRAINT sync_conflicts_event_fkey REFERENCES lockstep.events (id) ON DELETE CASCADE,
    user_id        uuid,
    workspace_id   uuid,
    matter_id      uuid,
    href           text        NOT NULL,
    summary        text        NOT NULL,
    local_ics      text,
    remote_ics     text,
    local_at       timestamptz NOT NULL,
    remote_at      timestamptz NOT NULL,
    winner         text        NOT NULL CONSTRAINT sync_conflicts_winner_check CHECK (winner IN ('local', 'remote')),
    occurred_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    resolved_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    restored_at    timestamptz
);
COMMENT ON TABLE lockstep.sync_conflicts IS
    'Both sides had changed one event: both bodies, and who won by the later time. A null body is a deletion. restored_at: the loser was brought back.';
CREATE INDEX sync_conflicts_integration_idx ON lockstep.sync_conflicts (integration_id, id DESC);
CREATE INDEX sync_conflicts_event_idx ON lockstep.sync_conflicts (event_id);
CREATE INDEX sync_conflicts_calendar_idx ON lockstep.sync_conflicts (calendar_id);

CREATE TABLE lockstep.matter_events (
    id           uuid        CONSTRAINT matter_events_pkey PRIMARY KEY DEFAULT gen_random_uuid(),
    seq          bigint      GENERATED ALWAYS AS IDENTITY,
    matter_id    uuid        NOT NULL CONSTRAINT matter_events_matter_fkey REFERENCES lockstep.matters (id) ON DELETE CASCADE,
    user_id      uuid,
    workspace_id uuid,
    event_id     uuid        NOT NULL,
    kind         text        NOT NULL CONSTRAINT matter_events_kind_check CHECK (kind IN ('added', 'changed', 'removed', 'conflict')),
    conflict_id  uuid        CONSTRAINT matter_events_conflict_fkey REFERENCES lockstep.sync_conflicts (id) ON DELETE SET NULL,
    occurred_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    summary      text        NOT NULL
);
COMMENT ON TABLE lockstep.matter_events IS 'The timeline of a matter, written by triggers alone. It keeps the ids of events that are gone.';
CREATE UNIQUE INDEX matter_events_seq_key ON lockstep.matter_events (matter_id, seq);
CREATE INDEX matter_events_conflict_idx ON lockstep.matter_events (conflict_id) WHERE conflict_id IS NOT NULL;

-- Owners travel downwards, so that every row-level policy looks at its own row only.
CREATE FUNCTION lockstep.own_calendar() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT i.user_id, i.workspace_id INTO NEW.user_id, NEW.workspace_id FROM lockstep.integrations i WHERE i.id = NEW.integration_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.own_calendar() IS
    'A calendar belongs to whom its integration belongs. SECURITY DEFINER trigger: the policy then decides on that owner.';
CREATE TRIGGER own_calendar BEFORE INSERT OR UPDATE OF integration_id, user_id, workspace_id ON lockstep.calendars
    FOR EACH ROW EXECUTE FUNCTION lockstep.own_calendar();

CREATE FUNCTION lockstep.own_calendar_object() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT c.user_id, c.workspace_id INTO NEW.user_id, NEW.workspace_id FROM lockstep.calendars c WHERE c.id = NEW.calendar_id;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.own_calendar_object() IS
    'Fills the owner of a mirrored resource that was written without one: its calendar''s. SECURITY DEFINER trigger: the policy then decides on that owner.';
CREATE TRIGGER own_calendar_object BEFORE INSERT OR UPDATE OF calendar_id, user_id, workspace_id ON lockstep.calendar_objects
    FOR EACH ROW WHEN (NEW.user_id IS NULL AND NEW.workspace_id IS NULL) EXECUTE FUNCTION lockstep.own_calendar_object();

-- Once a statement and not once a row: a first sync writes thousands.
CREATE FUNCTION lockstep.check_calendar_objects() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM written w
        LEFT   JOIN lockstep.calendars c ON c.id = w.calendar_id
        WHERE  c.id IS NULL OR c.user_id IS DISTINCT FROM w.user_id OR c.workspace_id IS DISTINCT FROM w.workspace_id) THEN
        RAISE EXCEPTION 'insert or update on table "calendar_objects" violates foreign key constraint "calendar_objects_calendar_fkey"'
            USING ERRCODE = '23503', CONSTRAINT = 'calendar_objects_calendar_fkey', SCHEMA = 'lockstep', TABLE = 'calendar_objects';
    END IF;
    IF EXISTS (
        SELECT 1 FROM written w
        LEFT   JOIN lockstep.events e ON e.id = w.event_id
        WHERE  w.event_id IS NOT NULL AND e.calendar_id IS DISTINCT FROM w.calendar_id) THEN
        RAISE EXCEPTION 'insert or update on table "calendar_objects" violates foreign key constraint "calendar_objects_event_fkey"'
            USING ERRCODE = '23503', CONSTRAINT = 'calendar_objects_event_fkey', SCHEMA = 'lockstep', TABLE = 'calendar_objects';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.check_calendar_objects() IS
    'A mirrored resource belongs to whom its calendar belongs, and so does its event; anything else is refused with the error of an unknown id (foreign keys ignore row-level security). SECURITY DEFINER trigger.';
CREATE TRIGGER check_insert AFTER INSERT ON lockstep.calendar_objects REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.check_calendar_objects();
CREATE TRIGGER check_update AFTER UPDATE ON lockstep.calendar_objects REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.check_calendar_objects();

CREATE FUNCTION lockstep.check_event_owners() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM written w
        LEFT   JOIN lockstep.calendars c ON c.id = w.calendar_id
        WHERE  w.calendar_id IS NOT NULL
        AND    (c.id IS NULL OR c.user_id IS DISTINCT FROM w.user_id OR c.workspace_id IS DISTINCT FROM w.workspace_id)) THEN
        RAISE EXCEPTION 'insert or update on table "events" violates foreign key constraint "events_calendar_fkey"'
            USING ERRCODE = '23503', CONSTRAINT = 'events_calendar_fkey', SCHEMA = 'lockstep', TABLE = 'events';
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.check_event_owners() IS
    'Refuses a calendar of another owner with the error of an unknown id (foreign keys ignore row-level security). SECURITY DEFINER trigger.';
CREATE TRIGGER check_insert AFTER INSERT ON lockstep.events REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.check_event_owners();
CREATE TRIGGER check_update AFTER UPDATE ON lockstep.events REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION lockstep.check_event_owners();

CREATE FUNCTION lockstep.check_event_matter() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM lockstep.matters m
        WHERE  m.id = NEW.matter_id
        AND    ((m.user_id IS NOT DISTINCT FROM NEW.user_id AND m.workspace_id IS NOT DISTINCT FROM NEW.workspace_id)
                OR (NEW.user_id IS NOT NULL AND NEW.user_id = lockstep.current_user_id() AND m.workspace_id = ANY (lockstep.visible_workspaces())))) THEN
        RAISE EXCEPTION 'insert or update on table "events" violates foreign key constraint "events_matter_fkey"'
            USING ERRCODE = '23503', CONSTRAINT = 'events_matter_fkey', SCHEMA = 'lockstep', TABLE = 'events';
    END IF;
    RETURN NEW;
END $$;
COMMENT ON FUNCTION lockstep.check_event_matter() IS
    'Refuses a matter of another owner with the error of an unknown id (foreign keys ignore row-level security); a user''s own event may belong to a matter of one of his workspaces. SECURITY DEFINER trigger.';
CREATE TRIGGER check_event_matter BEFORE INSERT OR UPDATE OF matter_id, user_id, workspace_id ON lockstep.events
    FOR EACH ROW WHEN (NEW.matter_id IS NOT NULL) EXECUTE FUNCTION lockstep.check_event_matter();

CREATE FUNCTION lockstep.leave_matters() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.events e
    SET    matter_id = NULL
    FROM   lockstep.matters m
    WHERE  m.workspace_id = OLD.workspace_id
    AND    e.matter_id = m.id
    AND    e.user_id = OLD.user_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.leave_matters() IS
    'Who leaves a workspace takes his own events from its matters, which he may not see any more: every later write of them would be refused. SECURITY DEFINER trigger: events of the member who left, on matters of that workspace only.';
CREATE TRIGGER leave_matters AFTER DELETE ON lockstep.workspace_members
    FOR EACH ROW EXECUTE FUNCTION lockstep.leave_matters();

CREATE FUNCTION lockstep.write_timeline() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before_matter uuid := CASE WHEN TG_OP = 'UPDATE' AND NOT OLD.deleted THEN OLD.matter_id END;
    after_matter  uuid := CASE WHEN NOT NEW.deleted THEN NEW.matter_id END;
BEGIN
    IF before_matter IS NOT NULL AND after_matter IS DISTINCT FROM before_matter THEN
        INSERT INTO lockstep.matter_events (matter_id, user_id, workspace_id, event_id, kind, summary)
        SELECT m.id, m.user_id, m.workspace_id, NEW.id, 'removed', OLD.summary FROM lockstep.matters m WHERE m.id = before_matter;
    END IF;
    IF after_matter IS NOT NULL THEN
        INSERT INTO lockstep.matter_events (matter_id, user_id, workspace_id, event_id, kind, summary)
        SELECT m.id, m.user_id, m.workspace_id, NEW.id,
               CASE WHEN after_matter IS DISTINCT FROM before_matter THEN 'added' ELSE 'changed' END, NEW.summary
        FROM   lockstep.matters m WHERE m.id = after_matter;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.write_timeline() IS
    'An event of a matter was added, changed or removed: a line in the timeline. SECURITY DEFINER trigger: users only read matter_events.';
CREATE TRIGGER write_timeline_insert AFTER INSERT ON lockstep.events FOR EACH ROW
    WHEN (NEW.matter_id IS NOT NULL) EXECUTE FUNCTION lockstep.write_timeline();
CREATE TRIGGER write_timeline_update AFTER UPDATE ON lockstep.events FOR EACH ROW
    WHEN ((NEW.matter_id IS NOT NULL OR OLD.matter_id IS NOT NULL) AND OLD.version <> NEW.version)
    EXECUTE FUNCTION lockstep.write_timeline();

CREATE FUNCTION lockstep.record_conflict(
    p_id uuid, p_event uuid, p_calendar uuid, p_href text, p_summary text, p_local_ics text, p_remote_ics text,
    p_local_at timestamptz, p_remote_at timestamptz, p_winner text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH mine AS (
        SELECT c.integration_id, c.user_id, c.workspace_id, e.matter_id
        FROM   lockstep.calendars c
        JOIN   lockstep.events e ON e.id = p_event AND e.calendar_id = c.id
        WHERE  c.id = p_calendar
        AND    (c.user_id = lockstep.current_user_id() OR c.workspace_id = ANY (lockstep.visible_workspaces()))),
    recorded AS (
        INSERT INTO lockstep.sync_conflicts
            (id, integration_id, calendar_id, event_id, user_id, workspace_id, matter_id, href, summary, local_ics, remote_ics, local_at, remote_at, winner)
        SELECT p_id, m.integration_id, p_calendar, p_event, m.user_id, m.workspace_id, m.matter_id, p_href, p_summary,
               p_local_ics, p_remote_ics, p_local_at, p_remote_at, p_winner
        FROM   mine m
        RETURNING id, matter_id)
    INSERT INTO lockstep.matter_events (matter_id, user_id, workspace_id, event_id, kind, conflict_id, summary)
    SELECT t.id, t.user_id, t.workspace_id, p_event, 'conflict', r.id, p_summary
    FROM   recorded r
    JOIN   lockstep.matters t ON t.id = r.matter_id
$$;
COMMENT ON FUNCTION lockstep.record_conflict(uuid, uuid, uuid, text, text, text, text, timestamptz, timestamptz, text) IS
    'Records a conflict on an event of the current user or one of his workspaces, in the matter''s timeline too. SECURITY DEFINER: the only way in; users only read.';

CREATE FUNCTION lockstep.mark_conflict_restored(p_conflict uuid) RETURNS boolean
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH marked AS (
        UPDATE lockstep.sync_conflicts c
        SET    restored_at = clock_timestamp()
        WHERE  c.id = p_conflict
        AND    (c.user_id = lockstep.current_user_id() OR c.workspace_id = ANY (lockstep.visible_workspaces()))
        RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM marked)
$$;
COMMENT ON FUNCTION lockstep.mark_conflict_restored(uuid) IS
    'Notes that the loser of a conflict was brought back. SECURITY DEFINER: conflicts of the current user or his workspaces only.';

ALTER TABLE lockstep.calendars        ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.calendars        FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.matters          ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.matters          FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.events           ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.events           FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.calendar_objects ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.calendar_objects FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_conflicts   ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.sync_conflicts   FORCE  ROW LEVEL SECURITY;
ALTER TABLE lockstep.matter_events    ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.matter_events    FORCE  ROW LEVEL SECURITY;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['calendars', 'matters', 'events', 'calendar_objects', 'sync_conflicts', 'matter_events'] LOOP
        EXECUTE format('CREATE POLICY owner_maintenance ON lockstep.%I FOR ALL TO lockstep_owner USING (true) WITH CHECK (true)', t);
        EXECUTE format($policy$
            CREATE POLICY %I ON lockstep.%I FOR SELECT TO authenticated, lockstep_app
                USING (user_id = (SELECT lockstep.current_user_id())
                       OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]))$policy$, t || '_read', t);
        EXECUTE format('GRANT SELECT ON lockstep.%I TO authenticated, lockstep_app', t);
    END LOOP;
    -- Any member may change what is the workspace's; the calendars themselves are its admins'.
    FOREACH t IN ARRAY ARRAY['matters', 'events', 'calendar_objects'] LOOP
        EXECUTE format($policy$
            CREATE POLICY %I ON lockstep.%I FOR ALL TO lockstep_app
                USING (user_id = (SELECT lockstep.current_user_id())
                       OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]))
                WITH CHECK (user_id = (SELECT lockstep.current_user_id())
                       OR workspace_id = ANY ((SELECT lockstep.visible_workspaces())::uuid[]))$policy$, t || '_write', t);
        EXECUTE format('GRANT INSERT, UPDATE, DELETE ON lockstep.%I TO lockstep_app', t);
    END LOOP;
    CREATE POLICY calendars_write ON lockstep.calendars FOR ALL TO lockstep_app
        USING (user_id = (SELECT lockstep.current_user_id())
               OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]))
        WITH CHECK (user_id = (SELECT lockstep.current_user_id())
               OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
    GRANT INSERT, UPDATE, DELETE ON lockstep.calendars TO lockstep_app;
END $$;

REVOKE ALL ON FUNCTION lockstep.own_calendar(), lockstep.own_calendar_object(), lockstep.check_calendar_objects(), lockstep.check_event_owners(),
    lockstep.check_event_matter(), lockstep.leave_matters(), lockstep.write_timeline(),
    lockstep.record_conflict(uuid, uuid, uuid, text, text, text, text, timestamptz, timestamptz, text),
    lockstep.mark_conflict_restored(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.record_conflict(uuid, uuid, uuid, text, text, text, text, timestamptz, timestamptz, text),
    lockstep.mark_conflict_restored(uuid) TO lockstep_app;
