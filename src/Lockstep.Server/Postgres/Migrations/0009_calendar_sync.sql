-- What the calendar sync remembers beyond the first read: when a calendar was last compared whole, what was being written, and when to try again.

ALTER TABLE lockstep.calendars ADD COLUMN audited_at timestamptz;
COMMENT ON COLUMN lockstep.calendars.audited_at IS
    'When the mirror was last compared with a full listing of the server. Now and then it is, whatever the server says has changed.';

ALTER TABLE lockstep.calendars ADD COLUMN recent_deletions integer NOT NULL DEFAULT 0;
ALTER TABLE lockstep.calendars ADD COLUMN recent_deletions_since timestamptz;
COMMENT ON COLUMN lockstep.calendars.recent_deletions IS
    'How many events were deleted on the server since recent_deletions_since, ten minutes at most: many small runs of deletions are one big one.';

ALTER TABLE lockstep.calendar_objects ADD COLUMN sent text;
COMMENT ON COLUMN lockstep.calendar_objects.sent IS
    'The text of a write that was begun: should its answer be lost, the server''s text is recognised by it as ours. Null when nothing is under way.';
ALTER TABLE lockstep.calendar_objects ADD COLUMN refused_code text;
COMMENT ON COLUMN lockstep.calendar_objects.refused_code IS 'The stable code of the last refusal of the write that waits; null without one.';
ALTER TABLE lockstep.calendar_objects ADD COLUMN retry_at timestamptz;
COMMENT ON COLUMN lockstep.calendar_objects.retry_at IS
    'Not before then is a refused write tried again, or a text asked for that the server did not hand out, unless the owner asks for a sync; null: with the next run.';
CREATE INDEX calendar_objects_set_aside_idx ON lockstep.calendar_objects (calendar_id) WHERE state = 'quarantined' AND etag IS NULL;

CREATE FUNCTION lockstep.hasten_pending_work(p_delay_seconds double precision) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hastened integer;
BEGIN
    WITH waiting AS (
        SELECT i.id
        FROM   lockstep.integrations i
        WHERE  i.id IN (SELECT c.integration_id
                        FROM   lockstep.calendar_objects o
                        JOIN   lockstep.calendars c ON c.id = o.calendar_id AND NOT c.read_only
                        WHERE  o.state IN ('new', 'changed', 'deleted')
                        AND    o.attempts = 0
                        AND    o.updated_at <= clock_timestamp() - make_interval(secs => p_delay_seconds)
                        -- The old place of an event that moved waits for the new one.
                        AND    (o.state <> 'deleted' OR NOT EXISTS (
                                   SELECT 1
                                   FROM   lockstep.calendars oc
                                   JOIN   lockstep.calendar_objects n ON n.calendar_id = oc.id AND n.state = 'new' AND n.uid = o.uid
                                   WHERE  oc.integration_id = c.integration_id AND oc.id <> c.id)))
        AND    i.enabled
        AND    i.next_sync_at > clock_timestamp()
        AND    i.paused_reason IS NULL
        AND    (i.lease_until IS NULL OR i.lease_until <= clock_timestamp())
        -- What fails rests as long as its backoff says; single events that were refused hold up no others.
        AND    (i.failures = 0 OR i.last_sync_error_code IN ('write_refused', 'events_unreadable'))
        FOR    NO KEY UPDATE OF i SKIP LOCKED)
    UPDATE lockstep.integrations i
    SET    next_sync_at = clock_timestamp()
    FROM   waiting w
    WHERE  i.id = w.id;
    GET DIAGNOSTICS hastened = ROW_COUNT;
    RETURN hastened;
END $$;
COMMENT ON FUNCTION lockstep.hasten_pending_work(double precision) IS
    'Makes integrations due in whose calendars an edit made here has waited that long to be written for the first time, whoever made it and on whichever node; what follows quickly travels together. Pauses and backoff hold. SECURITY DEFINER: service only; answers a number.';
REVOKE ALL ON FUNCTION lockstep.hasten_pending_work(double precision) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.hasten_pending_work(double precision) TO lockstep_service;
