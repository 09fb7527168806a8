-- What pages tell: from when a booking was moved and by whom, and which node works on how much.

ALTER TABLE lockstep.bookings
    ADD COLUMN moved_from timestamptz,
    ADD COLUMN moved_by   text CONSTRAINT bookings_moved_by_check CHECK (moved_by IN ('visitor', 'owner')),
    ADD CONSTRAINT bookings_moved_check CHECK ((moved_from IS NULL) = (moved_by IS NULL));
COMMENT ON COLUMN lockstep.bookings.moved_from IS 'When it began before it was moved last; null while it has its first time.';
COMMENT ON COLUMN lockstep.bookings.moved_by IS 'Who moved it last.';
GRANT UPDATE (moved_from, moved_by) ON lockstep.bookings TO lockstep_app;

CREATE OR REPLACE FUNCTION lockstep.follow_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.bookings b
    SET    status       = CASE WHEN NEW.deleted OR NEW.status = 'CANCELLED' THEN 'cancelled' ELSE b.status END,
           cancelled_by = CASE WHEN NEW.deleted OR NEW.status = 'CANCELLED' THEN 'owner' ELSE b.cancelled_by END,
           starts_at    = NEW.starts_at,
           ends_at      = greatest(NEW.ends_at, NEW.starts_at + interval '1 second'),
           holds        = b.holds AND b.starts_at = NEW.starts_at AND b.ends_at = NEW.ends_at,
           moved_from   = CASE WHEN b.starts_at = NEW.starts_at THEN b.moved_from ELSE b.starts_at END,
           moved_by     = CASE WHEN b.starts_at = NEW.starts_at THEN b.moved_by ELSE 'owner' END
    WHERE  b.event_id = NEW.id
    AND    b.user_id = NEW.user_id
    AND    b.status = 'confirmed';
    RETURN NULL;
END $$;

CREATE FUNCTION lockstep.node_leases() RETURNS TABLE (node text, held bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT i.lease_owner, count(*)
    FROM   lockstep.integrations i
    WHERE  i.lease_until > clock_timestamp()
    GROUP  BY i.lease_owner;
END $$;
COMMENT ON FUNCTION lockstep.node_leases() IS
    'On how many integrations each process works now. SECURITY DEFINER: service login only; processes and counts, no owner, no id.';
REVOKE ALL ON FUNCTION lockstep.node_leases() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.node_leases() TO lockstep_service;
