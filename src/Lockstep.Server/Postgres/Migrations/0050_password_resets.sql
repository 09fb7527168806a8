-- A forgotten password of a local account: the operator sets another.
CREATE FUNCTION lockstep.reset_password(p_email text, p_password_hash text) RETURNS TABLE (user_id uuid, sessions integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    whose uuid;
    ended integer;
BEGIN
    UPDATE lockstep.accounts a SET password_hash = p_password_hash WHERE lower(a.email) = lower(p_email) RETURNING a.user_id INTO whose;
    IF whose IS NULL THEN
        RETURN;
    END IF;
    -- Whoever was in with the former password, or holds a link into the console, is out.
    DELETE FROM lockstep.console_handoffs h WHERE h.user_id = whose;
    DELETE FROM lockstep.console_sessions s WHERE s.user_id = whose;
    GET DIAGNOSTICS ended = ROW_COUNT;
    PERFORM lockstep.record_activity(whose, NULL, 'PASSWORD_RESET', 'account', whose, jsonb_build_object('sessionsEnded', ended));
    RETURN QUERY SELECT whose, ended;
END $$;
COMMENT ON FUNCTION lockstep.reset_password(text, text) IS
    'Sets the password of the account that signs in with this e-mail, ends its sessions of the console, and says so in the audit; no row when there is none. SECURITY DEFINER: service login only, for the operator''s command; the hash is made by the server.';
REVOKE ALL ON FUNCTION lockstep.reset_password(text, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.reset_password(text, text) TO lockstep_service;
