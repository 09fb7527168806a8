-- Former values with a time of grace, and what an operator does to all keys or to all that one tenant has.

ALTER TABLE lockstep.credential_versions ADD COLUMN grace_until timestamptz;
COMMENT ON COLUMN lockstep.credential_versions.grace_until IS
    'Until then the former value is revealed to who asks for its version; NULL: it was out of use at once. Rollback is possible either way.';

-- Who may do something to all that a tenant has: the user, an admin of the workspace, the operator.
CREATE FUNCTION lockstep.may_end(p_user uuid, p_workspace uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(p_user, p_workspace) <> 1
       OR (p_user IS NOT NULL AND NOT EXISTS (SELECT 1 FROM auth.users u WHERE u.id = p_user))
       OR (p_workspace IS NOT NULL AND NOT EXISTS (SELECT 1 FROM lockstep.workspaces w WHERE w.id = p_workspace)) THEN
        RETURN false;
    END IF;
    -- The login, not the claim: whoever works as lockstep_app could claim anything.
    RETURN pg_has_role(session_user, 'service_role', 'MEMBER')
        OR coalesce(p_user = lockstep.current_user_id(), false)
        OR coalesce(p_workspace = ANY (lockstep.administered_workspaces()), false);
END $$;
COMMENT ON FUNCTION lockstep.may_end(uuid, uuid) IS
    'Whether the caller may revoke everything of this user or workspace: false also for an unknown one. SECURITY DEFINER: for the functions beside it.';

-- One line to whose things they were, one to each workspace of a user, for its admins.
CREATE FUNCTION lockstep.tell_end(p_user uuid, p_workspace uuid, p_action text, p_details jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_workspace IS NOT NULL THEN
        PERFORM lockstep.record_activity(NULL, p_workspace, p_action, 'workspace', p_workspace, p_details);
    ELSE
        PERFORM lockstep.record_activity(p_user, NULL, p_action, 'user', p_user, p_details);
        PERFORM lockstep.record_activity(NULL, m.workspace_id, 'MEMBER_' || p_action, 'user', p_user, p_details)
        FROM    lockstep.workspace_members m
        WHERE   m.user_id = p_user;
    END IF;
END $$;
COMMENT ON FUNCTION lockstep.tell_end(uuid, uuid, text, jsonb) IS
    'Audit lines of what was done to everything of a tenant, in its own audit and, for a user, in that of each workspace the user is in. SECURITY DEFINER: for the functions beside it, which ask may_end first.';

CREATE FUNCTION lockstep.revoke_tenant(p_user uuid, p_workspace uuid, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    revoked bigint;
BEGIN
    IF NOT lockstep.may_end(p_user, p_workspace) THEN
        RETURN NULL;
    END IF;
    WITH put AS (
        UPDATE lockstep.credentials c
        SET    is_active = false, revoked_at = clock_timestamp()
        WHERE  c.is_active
        AND    ((p_user IS NOT NULL AND c.user_id = p_user) OR (p_workspace IS NOT NULL AND c.workspace_id = p_workspace))
        RETURNING c.id, c.user_id, c.workspace_id, c.version),
    audit AS (
        SELECT lockstep.record_activity(p.user_id, p.workspace_id, 'CREDENTIAL_REVOKED', 'credential', p.id,
                   jsonb_build_object('version', p.version, 'reason', p_reason)) AS seq
        FROM   put p)
    SELECT count(a.seq) INTO revoked FROM audit a;
    PERFORM lockstep.tell_end(p_user, p_workspace, 'CREDENTIALS_REVOKED', jsonb_build_object('credentials', revoked, 'reason', p_reason));
    RETURN revoked;
END $$;
COMMENT ON FUNCTION lockstep.revoke_tenant(uuid, uuid, text) IS
    'Revokes every credential of a user or a workspace, sets their integrations to error, tells the workspaces'' admins; says how many, NULL for a tenant that is not the caller''s. SECURITY DEFINER: oneself, admins of the workspace, anybody for the service login.';

CREATE FUNCTION lockstep.shred_tenant(p_user uuid, p_workspace uuid, p_reason text) RETURNS TABLE (data_keys bigint, credentials bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone uuid[];
BEGIN
    IF NOT lockstep.may_end(p_user, p_workspace) THEN
        RETURN;
    END IF;
    SELECT coalesce(array_agg(c.id), '{}') INTO gone
    FROM   lockstep.credentials c
    WHERE  (p_user IS NOT NULL AND c.user_id = p_user) OR (p_workspace IS NOT NULL AND c.workspace_id = p_workspace);
    credentials := lockstep.drop_credentials(gone, 'CREDENTIAL_SHREDDED', p_reason);
    DELETE FROM lockstep.data_keys k
    WHERE  (p_user IS NOT NULL AND k.user_id = p_user) OR (p_workspace IS NOT NULL AND k.workspace_id = p_workspace);
    GET DIAGNOSTICS data_keys = ROW_COUNT;
    PERFORM lockstep.tell_end(p_user, p_workspace, 'CREDENTIALS_SHREDDED',
        jsonb_build_object('credentials', credentials, 'dataKeys', data_keys, 'reason', p_reason));
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.shred_tenant(uuid, uuid, text) IS
    'Destroys the data keys of a user or a workspace and with them every value they sealed; integrations that used one stop with an error. No row for an unknown tenant. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.drop_credentials(p_ids uuid[], p_action text, p_reason text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped bigint;
BEGIN
    UPDATE lockstep.integrations i
    SET    status = CASE WHEN i.enabled THEN 'error' ELSE i.status END,
           last_sync_error = 'The secret of this integration was destroyed by the operator. Give it a new secret.',
           last_sync_error_code = 'credential_revoked',
           paused_reason = 'credential_revoked',
           paused_until = NULL,
           credential_id = NULL,
           credential_owned = false
    WHERE  i.credential_id = ANY (p_ids);
    WITH gone AS (
        DELETE FROM lockstep.credentials c
        WHERE  c.id = ANY (p_ids)
        RETURNING c.id, c.user_id, c.workspace_id, c.name, c.provider, c.version),
    audit AS (
        SELECT lockstep.record_activity(g.user_id, g.workspace_id, p_action, 'credential', g.id,
                   jsonb_build_object('name', g.name, 'provider', g.provider, 'version', g.version, 'reason', p_reason)) AS seq
        FROM   gone g)
    SELECT count(a.seq) INTO dropped FROM audit a;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION lockstep.drop_credentials(uuid[], text, text) IS
    'Deletes credentials of any tenant, an audit line each, and stops the integrations that used them. SECURITY DEFINER: granted to nobody; for the functions beside it.';

CREATE FUNCTION lockstep.keys_in_use() RETURNS TABLE (provider text, key_version text, data_keys bigint, sealed_values bigint, tenants bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH used AS (
        SELECT u.data_key_id, sum(u.n) AS n
        FROM  (SELECT c.data_key_id, count(*) AS n FROM lockstep.credentials c WHERE c.data_key_id IS NOT NULL GROUP BY 1
               UNION ALL
               SELECT v.data_key_id, count(*) FROM lockstep.credential_versions v WHERE v.data_key_id IS NOT NULL GROUP BY 1) u
        GROUP BY 1)
    SELECT k.provider, k.key_version, count(*), coalesce(sum(u.n), 0)::bigint, count(DISTINCT k.tenant)
    FROM   lockstep.data_keys k
    LEFT   JOIN used u ON u.data_key_id = k.id
    GROUP  BY k.provider, k.key_version
    UNION  ALL
    SELECT 'transit-value', d.key_id || ':' || d.key_version, 0::bigint, count(*), count(DISTINCT d.tenant)
    FROM  (SELECT c.key_id, c.key_version, c.tenant FROM lockstep.credentials c WHERE c.key_provider = 'transit'
           UNION ALL
           SELECT v.key_id, v.key_version, c.tenant
           FROM   lockstep.credential_versions v JOIN lockstep.credentials c ON c.id = v.credential_id WHERE v.key_provider = 'transit') d
    GROUP  BY d.key_id, d.key_version
    ORDER  BY 1, 2;
END $$;
COMMENT ON FUNCTION lockstep.keys_in_use() IS
    'Which keys still wrap how many data keys, and how many values lie under those; transit-value: what Transit sealed itself. SECURITY DEFINER: service login only; counts, no key.';

CREATE FUNCTION lockstep.values_under(p_provider text, p_key_version text, p_after uuid, p_limit integer) RETURNS TABLE (
    id uuid, tenant text, name text, service text, is_current boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.id, c.tenant, c.name::text, c.provider::text, k.id IS NOT NULL
    FROM   lockstep.credentials c
    LEFT   JOIN lockstep.data_keys k ON k.id = c.data_key_id AND k.provider = p_provider AND k.key_version = p_key_version
    WHERE  (p_after IS NULL OR c.id > p_after)
    AND    (k.id IS NOT NULL OR EXISTS (
               SELECT 1 FROM lockstep.credential_versions v JOIN lockstep.data_keys o ON o.id = v.data_key_id
               WHERE  v.credential_id = c.id AND o.provider = p_provider AND o.key_version = p_key_version))
    ORDER  BY c.id
    LIMIT  p_limit;
END $$;
COMMENT ON FUNCTION lockstep.values_under(text, text, uuid, integer) IS
    'Which credentials cannot be opened without this key: the current value, or only former ones. SECURITY DEFINER: service login only; names, no value.';

CREATE FUNCTION lockstep.give_up_key(p_provider text, p_key_version text, p_reason text) RETURNS TABLE (data_keys bigint, credentials bigint, former bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lost uuid[];
    gone uuid[];
BEGIN
    SELECT coalesce(array_agg(k.id), '{}') INTO lost FROM lockstep.data_keys k WHERE k.provider = p_provider AND k.key_version = p_key_version;
    SELECT coalesce(array_agg(c.id), '{}') INTO gone FROM lockstep.credentials c WHERE c.data_key_id = ANY (lost);
    credentials := lockstep.drop_credentials(gone, 'CREDENTIAL_LOST', p_reason);
    DELETE FROM lockstep.credential_versions v WHERE v.data_key_id = ANY (lost);
    GET DIAGNOSTICS former = ROW_COUNT;
    DELETE FROM lockstep.data_keys k WHERE k.id = ANY (lost);
    GET DIAGNOSTICS data_keys = ROW_COUNT;
    PERFORM lockstep.record_activity(NULL, NULL, 'KEY_GIVEN_UP', 'key', NULL,
        jsonb_build_object('provider', p_provider, 'key', p_key_version, 'dataKeys', data_keys, 'credentials', credentials, 'former', former, 'reason', p_reason));
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION lockstep.give_up_key(text, text, text) IS
    'Deletes the data keys that a lost key wrapped and everything sealed under them, an audit line each, so that their owners can store anew. SECURITY DEFINER: service login only.';

-- A new data key for a tenant, and its values sealed anew under it.
CREATE FUNCTION lockstep.keys_to_replace(p_before timestamptz, p_after uuid, p_limit integer) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.user_id, k.workspace_id, k.version
    FROM   lockstep.data_keys k
    WHERE  k.state = 'active'
    AND    k.created_at < p_before
    AND    (p_after IS NULL OR k.id > p_after)
    ORDER  BY k.id
    LIMIT  p_limit
$$;
COMMENT ON FUNCTION lockstep.keys_to_replace(timestamptz, uuid, integer) IS
    'Active data keys made before that time, of all tenants, by id. SECURITY DEFINER: service login only; no key.';

CREATE FUNCTION lockstep.replace_data_keys(
    p_former uuid[], p_ids uuid[], p_versions integer[], p_provider text[], p_key_version text[], p_wrapped text[], p_pending boolean[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    retired uuid[];
    made    bigint;
BEGIN
    -- Two statements: the index that allows one active key a tenant looks at each row, not at the end.
    WITH put AS (
        UPDATE lockstep.data_keys k SET state = 'retired' WHERE k.id = ANY (p_former) AND k.state = 'active' RETURNING k.id)
    SELECT coalesce(array_agg(p.id), '{}') INTO retired FROM put p;
    INSERT INTO lockstep.data_keys (id, user_id, workspace_id, version, provider, key_version, wrapped_key, pending_rewrap)
    SELECT n.id, k.user_id, k.workspace_id, n.version, n.provider, n.key_version, n.wrapped, n.pending
    FROM   unnest(p_former, p_ids, p_versions, p_provider, p_key_version, p_wrapped, p_pending)
           AS n (former, id, version, provider, key_version, wrapped, pending)
    JOIN   lockstep.data_keys k ON k.id = n.former
    WHERE  n.former = ANY (retired);
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;
COMMENT ON FUNCTION lockstep.replace_data_keys(uuid[], uuid[], integer[], text[], text[], text[], boolean[]) IS
    'Retires active data keys and puts new ones in their place, each only where the former is still the active one; says how many. SECURITY DEFINER: service login only; takes wrapped keys alone.';

CREATE FUNCTION lockstep.values_to_reseal(p_after uuid, p_after_version integer, p_limit integer) RETURNS TABLE (
    id uuid, version integer, user_id uuid, workspace_id uuid,
    encrypted_value text, key_provider text, key_id text, key_version integer, format text,
    from_id uuid, from_version integer, from_provider text, from_key_version text, from_wrapped text,
    to_id uuid, to_version integer, to_provider text, to_key_version text, to_wrapped text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT s.id, s.version, o.user_id, o.workspace_id, s.encrypted_value, 'data_key', NULL::text, s.key_version, s.format,
           o.id, o.version, o.provider, o.key_version, o.wrapped_key,
           n.id, n.version, n.provider, n.key_version, n.wrapped_key
    FROM  (SELECT c.id, c.version, c.encrypted_value, c.key_version, c.format, c.data_key_id
           FROM   lockstep.credentials c
           WHERE  c.data_key_id IN (SELECT r.id FROM lockstep.data_keys r WHERE r.state = 'retired')
           UNION  ALL
           SELECT v.credential_id, v.version, v.encrypted_value, v.key_version, v.format, v.data_key_id
           FROM   lockstep.credential_versions v
           WHERE  v.data_key_id IN (SELECT r.id FROM lockstep.data_keys r WHERE r.state = 'retired')) s
    JOIN   lockstep.data_keys o ON o.id = s.data_key_id
    JOIN   lockstep.data_keys n ON n.tenant = o.tenant AND n.state = 'active'
    WHERE  p_after IS NULL OR (s.id, s.version) > (p_after, p_after_version)
    ORDER  BY s.id, s.version
    LIMIT  p_limit;
END $$;
COMMENT ON FUNCTION lockstep.values_to_reseal(uuid, integer, integer) IS
    'Values of all tenants, former ones too, under a retired data key, with that key and the active one, both wrapped. SECURITY DEFINER: service login only; ciphertext alone.';

CREATE FUNCTION lockstep.replace_sealed_values(
    p_ids uuid[], p_versions integer[], p_before text[], p_sealed text[], p_data_keys uuid[], p_key_versions integer[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT * FROM unnest(p_ids, p_versions, p_before, p_sealed, p_data_keys, p_key_versions) AS n (id, version, before, sealed, data_key, key_version)),
    present AS (
        UPDATE lockstep.credentials c
        SET    encrypted_value = n.sealed, data_key_id = n.data_key, key_version = n.key_version
        FROM   n
        WHERE  c.id = n.id AND c.version = n.version AND c.encrypted_value = n.before
        RETURNING c.id),
    former AS (
        UPDATE lockstep.credential_versions v
        SET    encrypted_value = n.sealed, data_key_id = n.data_key, key_version = n.key_version
        FROM   n
        WHERE  v.credential_id = n.id AND v.version = n.version AND v.encrypted_value = n.before
        RETURNING v.credential_id)
    SELECT (SELECT count(*) FROM present) + (SELECT count(*) FROM former)
$$;
COMMENT ON FUNCTION lockstep.replace_sealed_values(uuid[], integer[], text[], text[], uuid[], integer[]) IS
    'Puts values that were sealed under another data key in place, each only where version and ciphertext still stand (compare and swap). SECURITY DEFINER: service login only; takes ciphertext alone.';

CREATE FUNCTION lockstep.drop_retired_keys() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    dropped bigint;
BEGIN
    DELETE FROM lockstep.data_keys k
    WHERE  k.state = 'retired'
    AND    NOT EXISTS (SELECT 1 FROM lockstep.credentials c WHERE c.data_key_id = k.id)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.credential_versions v WHERE v.data_key_id = k.id)
    AND    NOT EXISTS (SELECT 1 FROM lockstep.audit_keys a WHERE a.data_key_id = k.id);
    GET DIAGNOSTICS dropped = ROW_COUNT;
    RETURN dropped;
END $$;
COMMENT ON FUNCTION lockstep.drop_retired_keys() IS
    'Destroys retired data keys under which nothing lies any more; those that checkpoints of the audit come from stay. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.may_end(uuid, uuid), lockstep.tell_end(uuid, uuid, text, jsonb),
    lockstep.revoke_tenant(uuid, uuid, text), lockstep.shred_tenant(uuid, uuid, text), lockstep.drop_credentials(uuid[], text, text),
    lockstep.keys_in_use(), lockstep.values_under(text, text, uuid, integer), lockstep.give_up_key(text, text, text),
    lockstep.keys_to_replace(timestamptz, uuid, integer),
    lockstep.replace_data_keys(uuid[], uuid[], integer[], text[], text[], text[], boolean[]),
    lockstep.values_to_reseal(uuid, integer, integer),
    lockstep.replace_sealed_values(uuid[], integer[], text[], text[], uuid[], integer[]), lockstep.drop_retired_keys() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.revoke_tenant(uuid, uuid, text) TO lockstep_app, lockstep_service;
GRANT EXECUTE ON FUNCTION lockstep.shred_tenant(uuid, uuid, text), lockstep.keys_in_use(), lockstep.values_under(text, text, uuid, integer),
    lockstep.give_up_key(text, text, text), lockstep.keys_to_replace(timestamptz, uuid, integer),
    lockstep.replace_data_keys(uuid[], uuid[], integer[], text[], text[], text[], boolean[]),
    lockstep.values_to_reseal(uuid, integer, integer),
    lockstep.replace_sealed_values(uuid[], integer[], text[], text[], uuid[], integer[]), lockstep.drop_retired_keys() TO lockstep_service;
