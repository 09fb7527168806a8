-- Bookings: the times that visitors took on a public page, and what the page has to know at one look.

ALTER TABLE lockstep.providers ADD COLUMN link_key bytea NOT NULL
    DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
    CONSTRAINT providers_link_key_check CHECK (octet_length(link_key) = 32);
COMMENT ON COLUMN lockstep.providers.link_key IS
    'Signs the links by which visitors change their bookings, and the forms they book with. Another key ends all links; bookings stay.';
COMMENT ON COLUMN lockstep.providers.settings IS
    'profile {name, about}, workingHours {timezone, days, start, end or ranges}, slots {durationMinutes, stepMinutes, bufferBeforeMinutes, bufferAfterMinutes, noticeMinutes, horizonDays}, booking {enabled}, whatsapp {enabled, phoneE164, messageTemplate}, calendar {selectedCalendarIds, bookingCalendarId}.';

CREATE FUNCTION lockstep.booking_line(p_user uuid, p_start timestamptz, p_end timestamptz) RETURNS numrange
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hex   text := replace(p_user::text, '-', '');
    owner numeric := 0;
BEGIN
    FOR part IN 0 .. 3 LOOP
        owner := owner * 4294967296 + ('x' || substr(hex, 1 + 8 * part, 8))::bit(32)::bigint;
    END LOOP;
    -- Seconds since 1970 of every timestamptz fit between two owners.
    RETURN numrange(owner * 100000000000000 + extract(epoch FROM p_start), owner * 100000000000000 + extract(epoch FROM p_end), '[)');
END $$;
COMMENT ON FUNCTION lockstep.booking_line(uuid, timestamptz, timestamptz) IS
    'All owners'' times on one line: two of these ranges overlap exactly where the times of one owner do. An exclusion constraint can compare it without an extension.';

CREATE TABLE lockstep.bookings (
    id              uuid        CONSTRAINT bookings_pkey PRIMARY KEY,
    user_id         uuid        NOT NULL CONSTRAINT bookings_user_fkey REFERENCES auth.users (id) ON DELETE CASCADE,
    form_key        uuid        NOT NULL,
    starts_at       timestamptz NOT NULL,
    ends_at         timestamptz NOT NULL,
    holds           boolean     NOT NULL DEFAULT true,
    status          text        NOT NULL DEFAULT 'confirmed' CONSTRAINT bookings_status_check CHECK (status IN ('confirmed', 'cancelled')),
    cancelled_by    text        CONSTRAINT bookings_cancelled_by_check CHECK (cancelled_by IN ('visitor', 'owner')),
    visitor_name    text        NOT NULL CONSTRAINT bookings_name_check CHECK (length(visitor_name) BETWEEN 1 AND 200),
    visitor_contact text        NOT NULL CONSTRAINT bookings_contact_check CHECK (length(visitor_contact) BETWEEN 3 AND 254),
    visitor_note    text        NOT NULL DEFAULT '' CONSTRAINT bookings_note_check CHECK (length(visitor_note) <= 2000),
    visitor_zone    text        NOT NULL CONSTRAINT bookings_zone_check CHECK (length(visitor_zone) BETWEEN 1 AND 64),
    event_id        uuid        CONSTRAINT bookings_event_fkey REFERENCES lockstep.events (id) ON DELETE SET NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    line            numrange    GENERATED ALWAYS AS (lockstep.booking_line(user_id, starts_at, ends_at)) STORED,
    CONSTRAINT bookings_form_key UNIQUE (user_id, form_key),
    CONSTRAINT bookings_times_check CHECK (starts_at < ends_at),
    CONSTRAINT bookings_cancelled_check CHECK ((status = 'cancelled') = (cancelled_by IS NOT NULL)),
    CONSTRAINT bookings_slot_excl EXCLUDE USING gist (line WITH &&) WHERE (status = 'confirmed' AND holds)
);
COMMENT ON TABLE lockstep.bookings IS
    'A time that a visitor took: who, how to reach him, and the event that stands for it in the owner''s calendar. No two confirmed ones of an owner overlap.';
COMMENT ON COLUMN lockstep.bookings.form_key IS 'Of the form that was sent: sending it again finds this booking instead of making another.';
COMMENT ON COLUMN lockstep.bookings.holds IS 'False once the owner has moved the event himself: he may put it over another one.';
COMMENT ON COLUMN lockstep.bookings.event_id IS 'Null after the event''s calendar was disconnected; the time stays taken.';
COMMENT ON COLUMN lockstep.bookings.line IS 'Owner and time as one range, for the constraint.';
CREATE INDEX bookings_user_idx ON lockstep.bookings (user_id, ends_at) WHERE status = 'confirmed';
CREATE INDEX bookings_event_idx ON lockstep.bookings (event_id);
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.bookings FOR EACH ROW EXECUTE FUNCTION lockstep.touch_updated_at();

ALTER TABLE lockstep.bookings ENABLE ROW LEVEL SECURITY;
ALTER TABLE lockstep.bookings FORCE  ROW LEVEL SECURITY;
CREATE POLICY owner_maintenance ON lockstep.bookings FOR ALL TO lockstep_owner USING (true) WITH CHECK (true);
CREATE POLICY integration_narrows ON lockstep.bookings AS RESTRICTIVE FOR ALL TO authenticated, lockstep_app
    USING ((SELECT lockstep.current_integration_id()) IS NULL);
CREATE POLICY bookings_read ON lockstep.bookings FOR SELECT TO authenticated, lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY bookings_make ON lockstep.bookings FOR INSERT TO lockstep_app
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()));
CREATE POLICY bookings_change ON lockstep.bookings FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id()))
    WITH CHECK (user_id = (SELECT lockstep.current_user_id()));
GRANT SELECT ON lockstep.bookings TO authenticated, lockstep_app;
GRANT INSERT ON lockstep.bookings TO lockstep_app;
GRANT UPDATE (starts_at, ends_at, holds, status, cancelled_by, event_id) ON lockstep.bookings TO lockstep_app;

CREATE FUNCTION lockstep.follow_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE lockstep.bookings b
    SET    status       = CASE WHEN NEW.deleted OR NEW.status = 'CANCELLED' THEN 'cancelled' ELSE b.status END,
           cancelled_by = CASE WHEN NEW.deleted OR NEW.status = 'CANCELLED' THEN 'owner' ELSE b.cancelled_by END,
           starts_at    = NEW.starts_at,
           ends_at      = greatest(NEW.ends_at, NEW.starts_at + interval '1 second'),
           holds        = b.holds AND b.starts_at = NEW.starts_at AND b.ends_at = NEW.ends_at
    WHERE  b.event_id = NEW.id
    AND    b.user_id = NEW.user_id
    AND    b.status = 'confirmed';
    RETURN NULL;
END $$;
COMMENT ON FUNCTION lockstep.follow_event() IS
    'An owner who deletes, calls off or moves the event of a booking in his calendar does so with the booking; what he moved may overlap others. SECURITY DEFINER trigger: bookings of the event''s own owner only, also while the worker is narrowed to one integration.';
REVOKE ALL ON FUNCTION lockstep.follow_event() FROM PUBLIC;
CREATE TRIGGER follow_event AFTER UPDATE ON lockstep.events FOR EACH ROW
    WHEN (NEW.user_id IS NOT NULL
          AND (OLD.deleted, OLD.status, OLD.starts_at, OLD.ends_at) IS DISTINCT FROM (NEW.deleted, NEW.status, NEW.starts_at, NEW.ends_at))
    EXECUTE FUNCTION lockstep.follow_event();

CREATE FUNCTION lockstep.public_page(p_slug text)
RETURNS TABLE (owner_user_id uuid, timezone text, settings jsonb, link_key bytea, changed_at timestamptz, head bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.owner_user_id, p.timezone, p.settings - 'calendar', p.link_key, p.updated_at, coalesce(s.head, 0)
    FROM   lockstep.providers p
    LEFT   JOIN lockstep.sync_scopes s ON s.user_id = p.owner_user_id
    WHERE  p.public_slug = p_slug
    AND    p.is_public;
END $$;
COMMENT ON FUNCTION lockstep.public_page(text) IS
    'Whose page a slug is, with what the page may show, the key that signs its forms, and marks that move when the settings or the owner''s events change; no row for one that is unknown or not public. SECURITY DEFINER: a visitor has no context; says nothing of calendars.';

CREATE FUNCTION lockstep.booking_owner(p_booking uuid)
RETURNS TABLE (owner_user_id uuid, link_key bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT p.owner_user_id, p.link_key
    FROM   lockstep.bookings b
    JOIN   lockstep.providers p ON p.owner_user_id = b.user_id
    WHERE  b.id = p_booking;
END $$;
COMMENT ON FUNCTION lockstep.booking_owner(uuid) IS
    'Whose booking this is, and the key that a link to it must be signed with. SECURITY DEFINER: a visitor has no context; the server checks the signature before it reads the booking as its owner.';

REVOKE ALL ON FUNCTION lockstep.booking_line(uuid, timestamptz, timestamptz), lockstep.public_page(text), lockstep.booking_owner(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.booking_line(uuid, timestamptz, timestamptz), lockstep.public_page(text), lockstep.booking_owner(uuid) TO lockstep_app;
