-- The breaker of bulk reads counts tokens that are new with whoever made them: a stolen session that may make tokens had the limit once more for each.

ALTER TABLE lockstep.reveal_marks ADD COLUMN behind text;
ALTER TABLE lockstep.reveal_blocks ADD COLUMN behind text;
UPDATE lockstep.reveal_marks SET behind = actor;
UPDATE lockstep.reveal_blocks SET behind = actor;
ALTER TABLE lockstep.reveal_marks ALTER COLUMN behind SET NOT NULL;
ALTER TABLE lockstep.reveal_blocks ALTER COLUMN behind SET NOT NULL;
COMMENT ON COLUMN lockstep.reveal_marks.behind IS 'With whom it counts: the actor, or who made the token when that was new.';
COMMENT ON COLUMN lockstep.reveal_blocks.behind IS 'Who is stopped: the actor, or who made the token when that was new, with all new tokens of his.';
CREATE INDEX reveal_marks_behind_idx ON lockstep.reveal_marks (behind, tenant);
CREATE INDEX reveal_blocks_behind_idx ON lockstep.reveal_blocks (behind, tenant, blocked_until);
DROP INDEX lockstep.reveal_blocks_actor_idx;

-- A day is longer than a session lives, and a service that has run for a day is not somebody who tries to get round a limit.
CREATE FUNCTION lockstep.who_is_behind(p_actor text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    token uuid := lockstep.current_token_id();
BEGIN
    IF token IS NULL THEN
        RETURN p_actor;
    END IF;
    RETURN coalesce(
        (SELECT 'user:' || t.created_by::text FROM lockstep.api_tokens t
         WHERE  t.id = token AND t.created_by IS NOT NULL AND t.created_at > clock_timestamp() - interval '1 day'),
        p_actor);
END $$;
COMMENT ON FUNCTION lockstep.who_is_behind(text) IS
    'With whom the breaker counts this actor: itself, or who made its token, in the first day of that. For the functions of the breaker alone: no role may execute it.';
REVOKE ALL ON FUNCTION lockstep.who_is_behind(text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION lockstep.brake_reveals() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l      lockstep.reveal_limits;
    span   interval;
    seen   timestamptz;
    now_at timestamptz := clock_timestamp();
    behind_it text := lockstep.who_is_behind(NEW.actor);
BEGIN
    SELECT * INTO l FROM lockstep.reveal_limits;
    IF l.most_distinct IS NULL OR l.most_distinct = 0 THEN
        RETURN NULL;
    END IF;
    span := make_interval(secs => l.window_seconds);
    IF EXISTS (
        SELECT 1 FROM lockstep.reveal_blocks b
        WHERE  b.behind = behind_it AND b.tenant = NEW.tenant AND b.blocked_until > now_at AND b.released_at IS NULL) THEN
        RAISE EXCEPTION 'bulk reads are blocked' USING ERRCODE = 'LS001';
    END IF;
    SELECT m.at INTO seen FROM lockstep.reveal_marks m
    WHERE  m.actor = NEW.actor AND m.tenant = NEW.tenant AND m.credential_id = NEW.entity_id;
    IF seen > now_at - span / 8 THEN
        RETURN NULL;
    END IF;
    -- One new mark of an actor at a time, so that many at once are counted exactly.
    PERFORM pg_advisory_xact_lock(hashtextextended(behind_it || ' ' || NEW.tenant, 1900));
    IF coalesce(seen <= now_at - span, true) AND l.most_distinct <= (
        SELECT count(*)
        FROM  (SELECT DISTINCT m.credential_id FROM lockstep.reveal_marks m
               WHERE  m.behind = behind_it AND m.tenant = NEW.tenant AND m.at > now_at - span AND m.credential_id <> NEW.entity_id
               LIMIT  l.most_distinct) x) THEN
        RAISE EXCEPTION 'bulk reads are blocked' USING ERRCODE = 'LS001';
    END IF;
    INSERT INTO lockstep.reveal_marks (actor, tenant, credential_id, user_id, workspace_id, at, behind)
    VALUES (NEW.actor, NEW.tenant, NEW.entity_id, NEW.user_id, NEW.workspace_id, now_at, behind_it)
    ON CONFLICT (actor, tenant, credential_id) DO UPDATE SET at = excluded.at, behind = excluded.behind;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION lockstep.block_bulk_reads(p_credential uuid) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    l       lockstep.reveal_limits;
    c       record;
    whom    text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'actor';
    behind_it text := lockstep.who_is_behind(whom);
    now_at  timestamptz := clock_timestamp();
    until   timestamptz;
    counted integer;
BEGIN
    SELECT * INTO l FROM lockstep.reveal_limits;
    SELECT d.user_id, d.workspace_id, d.tenant INTO c
    FROM   lockstep.credentials d
    WHERE  d.id = p_credential
    AND    CASE WHEN d.user_id IS NOT NULL THEN d.user_id = lockstep.current_user_id()
                WHEN d.workspace_id IS NOT NULL THEN d.workspace_id = ANY (lockstep.administered_workspaces())
                ELSE lockstep.current_user_id() IS NULL AND pg_has_role(session_user, 'service_role', 'MEMBER') END;
    IF NOT FOUND THEN
        RETURN now_at;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(behind_it || ' ' || c.tenant, 1900));
    SELECT max(b.blocked_until) INTO until FROM lockstep.reveal_blocks b
    WHERE  b.behind = behind_it AND b.tenant = c.tenant AND b.blocked_until > now_at AND b.released_at IS NULL;
    IF until IS NOT NULL THEN
        RETURN until;
    END IF;
    SELECT count(DISTINCT m.credential_id) INTO counted FROM lockstep.reveal_marks m
    WHERE  m.behind = behind_it AND m.tenant = c.tenant AND m.at > now_at - make_interval(secs => l.window_seconds) AND m.credential_id <> p_credential;
    IF l.most_distinct = 0 OR counted < l.most_distinct THEN
        -- Released or run out meanwhile: come again.
        RETURN now_at;
    END IF;
    until := date_trunc('second', now_at + make_interval(secs => l.block_seconds + 1));
    INSERT INTO lockstep.reveal_blocks (actor, behind, user_id, workspace_id, credentials, blocked_until)
    VALUES (whom, behind_it, c.user_id, c.workspace_id, counted + 1, until);
    PERFORM lockstep.record_activity(c.user_id, c.workspace_id, 'BULK_READ_BLOCKED', 'credential', p_credential,
        jsonb_build_object('blockedActor', whom, 'distinctCredentials', counted + 1, 'windowSeconds', l.window_seconds,
                           'retryAt', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')));
    RETURN until;
END $$;

CREATE OR REPLACE FUNCTION lockstep.release_bulk_reads(p_id uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b    lockstep.reveal_blocks;
    me   uuid := lockstep.current_user_id();
    whom text := nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'actor';
BEGIN
    SELECT * INTO b FROM lockstep.reveal_blocks x
    WHERE  x.id = p_id
    AND    (x.user_id = me OR x.workspace_id = ANY (lockstep.administered_workspaces())
            OR (me IS NULL AND pg_has_role(session_user, 'service_role', 'MEMBER')))
    FOR    NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'not_found';
    END IF;
    -- A stolen token must not open its own way again.
    IF whom IN (b.actor, b.behind) THEN
        RETURN 'own_block';
    END IF;
    IF b.released_at IS NULL AND b.blocked_until > clock_timestamp() THEN
        UPDATE lockstep.reveal_blocks x SET released_at = clock_timestamp(), released_by = whom WHERE x.id = p_id;
        DELETE FROM lockstep.reveal_marks m WHERE m.behind = b.behind AND m.tenant = b.tenant;
        PERFORM lockstep.record_activity(b.user_id, b.workspace_id, 'BULK_READ_RELEASED', 'reveal_block', b.id,
            jsonb_build_object('blockedActor', b.actor));
    END IF;
    RETURN 'released';
END $$;
