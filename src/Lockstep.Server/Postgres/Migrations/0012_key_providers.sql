-- Key providers: what waits for the first one to come back, how often a data key was used, and values that Transit seals itself.

ALTER TABLE lockstep.data_keys
    ADD COLUMN pending_rewrap boolean NOT NULL DEFAULT false,
    ADD COLUMN uses           bigint  NOT NULL DEFAULT 0;
COMMENT ON COLUMN lockstep.data_keys.pending_rewrap IS
    'Wrapped by the stand-in while the first key provider was away; the rewrap job hands it to the first one.';
COMMENT ON COLUMN lockstep.data_keys.uses IS
    'Sealings handed out to nodes in blocks, so never fewer than there were. Below 2^32 of them the next version takes over (NIST SP 800-38D, section 8.3).';
CREATE INDEX data_keys_pending_idx ON lockstep.data_keys (id) WHERE pending_rewrap;

-- key_provider says how a value was sealed: data_key by us under data_key_id, transit by Transit itself under its key key_id; key_version is
-- the version of either.
ALTER TABLE lockstep.credentials
    ALTER COLUMN data_key_id DROP NOT NULL,
    ADD COLUMN key_id         text,
    ADD COLUMN pending_rewrap boolean NOT NULL DEFAULT false,
    DROP CONSTRAINT credentials_key_provider_check,
    ADD CONSTRAINT credentials_key_provider_check CHECK (
        (key_provider = 'data_key' AND data_key_id IS NOT NULL AND key_id IS NULL) OR
        (key_provider = 'transit'  AND data_key_id IS NULL     AND key_id IS NOT NULL AND NOT pending_rewrap));
COMMENT ON COLUMN lockstep.credentials.pending_rewrap IS
    'Sealed by a data key although Transit seals each value, because it was away; the rewrap job hands it to Transit.';
CREATE INDEX credentials_pending_idx ON lockstep.credentials (id) WHERE pending_rewrap;
CREATE INDEX credentials_transit_idx ON lockstep.credentials (id) WHERE key_provider = 'transit';
GRANT UPDATE (key_id, pending_rewrap) ON lockstep.credentials TO lockstep_app, lockstep_service;

ALTER TABLE lockstep.credential_versions
    ALTER COLUMN data_key_id DROP NOT NULL,
    ADD COLUMN key_id text,
    DROP CONSTRAINT credential_versions_key_provider_check,
    ADD CONSTRAINT credential_versions_key_provider_check CHECK (
        (key_provider = 'data_key' AND data_key_id IS NOT NULL AND key_id IS NULL) OR
        (key_provider = 'transit'  AND data_key_id IS NULL     AND key_id IS NOT NULL));
CREATE INDEX credential_versions_transit_idx ON lockstep.credential_versions (credential_id, version) WHERE key_provider = 'transit';

-- Being sealed anew is no change of the credential either.
DROP TRIGGER touch ON lockstep.credentials;
CREATE TRIGGER touch BEFORE UPDATE ON lockstep.credentials FOR EACH ROW
    WHEN (OLD.last_used_at IS NOT DISTINCT FROM NEW.last_used_at
          AND (OLD.version <> NEW.version OR OLD.encrypted_value = NEW.encrypted_value))
    EXECUTE FUNCTION lockstep.touch_updated_at();

-- Counting uses, and letting the next version of a data key take over.
CREATE POLICY data_keys_use ON lockstep.data_keys FOR UPDATE TO lockstep_app
    USING (user_id = (SELECT lockstep.current_user_id())
           OR workspace_id = ANY ((SELECT lockstep.administered_workspaces())::uuid[]));
CREATE POLICY data_keys_system_use ON lockstep.data_keys FOR UPDATE TO lockstep_service
    USING (user_id IS NULL AND workspace_id IS NULL AND (SELECT lockstep.current_user_id()) IS NULL);
GRANT UPDATE (state, uses) ON lockstep.data_keys TO lockstep_app, lockstep_service;

CREATE FUNCTION lockstep.wrapped_keys(p_after uuid, p_limit integer, p_pending boolean) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, provider text, key_version text, wrapped_key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key
    FROM   lockstep.data_keys k
    WHERE  (p_after IS NULL OR k.id > p_after)
    AND    (NOT p_pending OR k.pending_rewrap)
    ORDER  BY k.id
    LIMIT  p_limit
$$;
COMMENT ON FUNCTION lockstep.wrapped_keys(uuid, integer, boolean) IS
    'Data keys of all tenants by id, wrapped, to be wrapped anew; with p_pending only those that wait for it. SECURITY DEFINER: service login only; wrapped keys open nothing without the key provider.';

CREATE FUNCTION lockstep.replace_wrappings(
    p_ids uuid[], p_before text[], p_provider text[], p_key_version text[], p_wrapped text[]) RETURNS SETOF uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE lockstep.data_keys k
    SET    provider = n.provider, key_version = n.key_version, wrapped_key = n.wrapped, pending_rewrap = false
    FROM   unnest(p_ids, p_before, p_provider, p_key_version, p_wrapped) AS n (id, before, provider, key_version, wrapped)
    WHERE  k.id = n.id
    AND    k.wrapped_key = n.before
    RETURNING k.id
$$;
COMMENT ON FUNCTION lockstep.replace_wrappings(uuid[], text[], text[], text[], text[]) IS
    'Puts data keys that were wrapped anew in place, each only where the wrapping that was read still stands (compare and swap); answers with the ids that were replaced. SECURITY DEFINER: service login only.';

CREATE FUNCTION lockstep.seals_to_renew(p_after uuid, p_after_version integer, p_limit integer, p_pending boolean) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, encrypted_value text, key_provider text, key_id text, key_version integer,
    format text, data_key_id uuid, data_key_version integer, wrapped_provider text, wrapped_key_version text, wrapped_key text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF p_pending THEN
        RETURN QUERY
        SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_provider, c.key_id, c.key_version, c.format,
               k.id, k.version, k.provider, k.key_version, k.wrapped_key
        FROM   lockstep.credentials c
        JOIN   lockstep.data_keys k ON k.id = c.data_key_id
        WHERE  c.pending_rewrap
        AND    (p_after IS NULL OR c.id > p_after)
        ORDER  BY c.id
        LIMIT  p_limit;
    ELSE
        RETURN QUERY
        SELECT s.id, s.user_id, s.workspace_id, s.version, s.encrypted_value, 'transit', s.key_id, s.key_version, s.format,
               NULL::uuid, NULL::integer, NULL::text, NULL::text, NULL::text
        FROM  (SELECT c.id, c.user_id, c.workspace_id, c.version, c.encrypted_value, c.key_id, c.key_version, c.format
               FROM   lockstep.credentials c
               WHERE  c.key_provider = 'transit'
               UNION  ALL
               SELECT c.id, c.user_id, c.workspace_id, v.version, v.encrypted_value, v.key_id, v.key_version, v.format
               FROM   lockstep.credential_versions v
               JOIN   lockstep.credentials c ON c.id = v.credential_id
               WHERE  v.key_provider = 'transit') s
        WHERE  p_after IS NULL OR (s.id, s.version) > (p_after, p_after_version)
        ORDER  BY s.id, s.version
        LIMIT  p_limit;
    END IF;
END $$;
COMMENT ON FUNCTION lockstep.seals_to_renew(uuid, integer, integer, boolean) IS
    'Sealed values of all tenants by id and version: with p_pending those that wait for Transit (and the data key that sealed them), else those that Transit sealed, former ones too. SECURITY DEFINER: service login only; ciphertext alone.';

CREATE FUNCTION lockstep.replace_seals(
    p_ids uuid[], p_versions integer[], p_before text[], p_key_ids text[], p_key_versions integer[], p_formats text[], p_sealed text[]) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH n AS (
        SELECT * FROM unnest(p_ids, p_versions, p_before, p_key_ids, p_key_versions, p_formats, p_sealed)
               AS n (id, version, before, key_id, key_version, format, sealed)),
    present AS (
        UPDATE lockstep.credentials c
        SET    encrypted_value = n.sealed, key_provider = 'transit', data_key_id = NULL, key_id = n.key_id,
               key_version = n.key_version, format = n.format, pending_rewrap = false
        FROM   n
        WHERE  c.id = n.id AND c.version = n.version AND c.encrypted_value = n.before
        RETURNING c.id),
    former AS (
        UPDATE lockstep.credential_versions v
        SET    encrypted_value = n.sealed, key_provider = 'transit', data_key_id = NULL, key_id = n.key_id,
               key_version = n.key_version, format = n.format
        FROM   n
        WHERE  v.credential_id = n.id AND v.version = n.version AND v.encrypted_value = n.before
        RETURNING v.credential_id)
    SELECT (SELECT count(*) FROM present) + (SELECT count(*) FROM former)
$$;
COMMENT ON FUNCTION lockstep.replace_seals(uuid[], integer[], text[], text[], integer[], text[], text[]) IS
    'Puts values that Transit sealed anew in place, each only where the version and the ciphertext that were read still stand (compare and swap); answers how many. SECURITY DEFINER: service login only; takes ciphertext alone.';

CREATE FUNCTION lockstep.rewrap_backlog() RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT (SELECT count(*) FROM lockstep.data_keys k WHERE k.pending_rewrap)
         + (SELECT count(*) FROM lockstep.credentials c WHERE c.pending_rewrap)
$$;
COMMENT ON FUNCTION lockstep.rewrap_backlog() IS
    'How many data keys and values wait for the first key provider. SECURITY DEFINER: a number alone; service login only.';

CREATE FUNCTION lockstep.newest_data_keys(p_limit integer) RETURNS TABLE (
    id uuid, user_id uuid, workspace_id uuid, version integer, provider text, key_version text, wrapped_key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT k.id, k.user_id, k.workspace_id, k.version, k.provider, k.key_version, k.wrapped_key
    FROM   lockstep.data_keys k
    ORDER  BY k.created_at DESC, k.id DESC
    LIMIT  p_limit
$$;
COMMENT ON FUNCTION lockstep.newest_data_keys(integer) IS
    'The newest data keys of any tenant, wrapped, so that a start with keys that do not open them can be refused. SECURITY DEFINER: service login only.';

REVOKE ALL ON FUNCTION lockstep.wrapped_keys(uuid, integer, boolean), lockstep.replace_wrappings(uuid[], text[], text[], text[], text[]),
    lockstep.seals_to_renew(uuid, integer, integer, boolean),
    lockstep.replace_seals(uuid[], integer[], text[], text[], integer[], text[], text[]), lockstep.rewrap_backlog(),
    lockstep.newest_data_keys(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lockstep.wrapped_keys(uuid, integer, boolean), lockstep.replace_wrappings(uuid[], text[], text[], text[], text[]),
    lockstep.seals_to_renew(uuid, integer, integer, boolean),
    lockstep.replace_seals(uuid[], integer[], text[], text[], integer[], text[], text[]), lockstep.rewrap_backlog(),
    lockstep.newest_data_keys(integer) TO lockstep_service;
